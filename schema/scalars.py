"""The scalars that are not the language's own, as they are written and read (`D25`)."""

import contextlib
import dataclasses
import datetime as dt
import re

from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition
from strawberry.types.scalar import ScalarDefinition

from schema.errors import ErrorCode, failure


def instant(at: dt.datetime) -> str:
    """A point in time as RFC 3339 has it: in UTC, with as much of a second as there is."""
    text = at.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}+00:00"


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(written: object) -> dt.date:
    """A day of the calendar in its one spelling. Raises `GraphQLError`, which repeats nothing."""
    if isinstance(written, str) and _DAY.fullmatch(written):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(written)
    message = "A Date is a day of the calendar, written as 1984-02-29."
    raise failure(ErrorCode.BAD_USER_INPUT, message)


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def moment(written: object) -> dt.datetime:
    """A point in time as RFC 3339 has it. Raises `GraphQLError`, which repeats nothing."""
    if isinstance(written, str) and _MOMENT.fullmatch(written):
        with contextlib.suppress(ValueError, OverflowError):
            return dt.datetime.fromisoformat(written).astimezone(dt.UTC)
    message = "A DateTime is a point in time with its offset, written as 2026-11-23T12:00:00Z."
    raise failure(ErrorCode.BAD_USER_INPUT, message)


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: dataclasses.replace(
        DateDefinition,
        description="A day of the calendar, as in `1984-02-29`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        parse_value=day,
    ),
    dt.datetime: dataclasses.replace(
        DateTimeDefinition,
        description="A point in time, in UTC: `2026-11-23T12:00:00+00:00`, with a fraction of the"
        " second where there is one.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=instant,
        parse_value=moment,
    ),
}
