"""The scalars that are not the language's own, as they are written and read (`D25`)."""

import dataclasses
import datetime as dt

from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition
from strawberry.types.scalar import ScalarDefinition


def instant(at: dt.datetime) -> str:
    """A point in time as RFC 3339 has it: in UTC, with as much of a second as there is."""
    text = at.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}+00:00"


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: dataclasses.replace(
        DateDefinition,
        description="A day of the calendar, as in `1984-02-29`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    ),
    dt.datetime: dataclasses.replace(
        DateTimeDefinition,
        description="A point in time, in UTC: `2026-11-23T12:00:00+00:00`, with a fraction of the"
        " second where there is one.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=instant,
    ),
}
