"""Which of our kinds of answer a caller accepts best (RFC 9110, 12.5.1)."""

from functools import lru_cache

from portal.answers import EVENTS, GRAPHQL, JSON

_OURS = {
    GRAPHQL: b"application/graphql-response+json",
    JSON: b"application/json",
    EVENTS: b"text/event-stream",
}


@lru_cache(256)
def accepted(accept: bytes | None) -> bytes | None:
    """The content type to answer with; None when none is accepted.

    Who says nothing, or takes anything, gets plain JSON; who takes several alike gets GraphQL's
    own, and events last: clients name them beside the others for all that they ask.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [_range(text) for text in accept.lower().split(b",")]
    found = {kind: _best(media, ranges) for kind, media in _OURS.items()}
    # By quality, then by how closely it was named, then in our order.
    best = max(_OURS, key=found.__getitem__)
    if all(closeness < 2 for _, closeness in found.values()):
        best = JSON
    return best if found[best][0] > 0 else None


def _best(media: bytes, ranges: list[tuple[bytes, float]]) -> tuple[float, int]:
    """The quality of a kind, and how closely it was named: 2 by name, 1 by family, 0 by `*/*`."""
    family = media.partition(b"/")[0] + b"/*"
    for closeness, spelled in ((2, media), (1, family), (0, b"*/*")):
        named = [quality for spelling, quality in ranges if spelling == spelled]
        if named:
            return max(named), closeness
    return 0, 0


def _range(text: bytes) -> tuple[bytes, float]:
    media, *parameters = (part.strip() for part in text.split(b";"))
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                return media, min(max(float(value), 0), 1)
            except ValueError:
                return media, 0
    return media, 1
