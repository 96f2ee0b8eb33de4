"""What can be asked: types, inputs, fields, the rule on each field."""

from schema import words  # first: they are explained before any type shows them
from schema.changes import Weight, differences
from schema.errors import ErrorCode
from schema.execution import Api
from schema.limits import Limits
from schema.live import Enter, Live
from schema.matrix import permissions_page
from schema.pages import errors_page, events_page, limits_page
from schema.response import Response
from schema.root import build, printed

__all__ = [
    "Api",
    "Enter",
    "ErrorCode",
    "Limits",
    "Live",
    "Response",
    "Weight",
    "build",
    "differences",
    "errors_page",
    "events_page",
    "limits_page",
    "permissions_page",
    "printed",
    "words",
]
