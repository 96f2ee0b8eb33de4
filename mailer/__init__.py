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
    WebhookPaused,
    WrongCodes,
)
from mailer.mail import Addressed, Mail, TakenLetter, post, post_all
from mailer.message import Message, compose, mailbox
from mailer.outbox import Outcome, Rejected, TryAgain, Undelivered, Void
from mailer.receivers import Receivers, receiver
from mailer.rendering import Rendered, render
from mailer.showcase import showcase
from mailer.transports import Transport, transport
from mailer.webhooks import Events, Happening, TakenEvent, announce, listening

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
    "Events",
    "Happening",
    "Linked",
    "Mail",
    "Message",
    "Outcome",
    "PasswordChanged",
    "PasswordReset",
    "Receivers",
    "RecoveryCodeUsed",
    "RecoveryCodesRenewed",
    "Rejected",
    "Rendered",
    "SecondFactorOff",
    "SecondFactorOn",
    "SecondFactorReset",
    "StaffInvitation",
    "TakenEvent",
    "TakenLetter",
    "Transport",
    "TryAgain",
    "Undelivered",
    "Void",
    "WebhookPaused",
    "WrongCodes",
    "announce",
    "compose",
    "listening",
    "mailbox",
    "post",
    "post_all",
    "receiver",
    "render",
    "showcase",
    "transport",
]
