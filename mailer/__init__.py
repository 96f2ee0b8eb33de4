"""What is told: the letters, the outbox, the courier."""

from mailer.courier import Courier
from mailer.letters import (
    LETTERS,
    AlreadyRegistered,
    ClientApproved,
    ClientAwaitsApproval,
    ClientInvitation,
    ConfirmRegistration,
    Contents,
    Linked,
    StaffInvitation,
)
from mailer.message import compose, mailbox
from mailer.outbox import post
from mailer.rendering import Rendered, render
from mailer.showcase import showcase
from mailer.transports import Rejected, Transport, TryAgain, Undelivered, transport

__all__ = [
    "LETTERS",
    "AlreadyRegistered",
    "ClientApproved",
    "ClientAwaitsApproval",
    "ClientInvitation",
    "ConfirmRegistration",
    "Contents",
    "Courier",
    "Linked",
    "Rejected",
    "Rendered",
    "StaffInvitation",
    "Transport",
    "TryAgain",
    "Undelivered",
    "compose",
    "mailbox",
    "post",
    "render",
    "showcase",
    "transport",
]
