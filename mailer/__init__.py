"""What is told: the letters, the outbox, the courier."""

from mailer.courier import Courier
from mailer.letters import (
    LETTERS,
    AlreadyRegistered,
    ClientApproved,
    ClientAwaitsApproval,
    ClientInvitation,
    ConfirmEmail,
    ConfirmRegistration,
    Contents,
    EmailChanged,
    Linked,
    PasswordChanged,
    PasswordReset,
    RecoveryCodesRenewed,
    RecoveryCodeUsed,
    SecondFactorOff,
    SecondFactorOn,
    SecondFactorReset,
    StaffInvitation,
    WrongCodes,
)
from mailer.message import Message, compose, mailbox
from mailer.outbox import Addressed, post, post_all
from mailer.rendering import Rendered, render
from mailer.showcase import showcase
from mailer.transports import Rejected, Transport, TryAgain, Undelivered, transport

__all__ = [
    "LETTERS",
    "Addressed",
    "AlreadyRegistered",
    "ClientApproved",
    "ClientAwaitsApproval",
    "ClientInvitation",
    "ConfirmEmail",
    "ConfirmRegistration",
    "Contents",
    "Courier",
    "EmailChanged",
    "Linked",
    "Message",
    "PasswordChanged",
    "PasswordReset",
    "RecoveryCodeUsed",
    "RecoveryCodesRenewed",
    "Rejected",
    "Rendered",
    "SecondFactorOff",
    "SecondFactorOn",
    "SecondFactorReset",
    "StaffInvitation",
    "Transport",
    "TryAgain",
    "Undelivered",
    "WrongCodes",
    "compose",
    "mailbox",
    "post",
    "post_all",
    "render",
    "showcase",
    "transport",
]
