"""Which mutations send which events to webhooks. The schema and `docs/webhooks.md` say it."""

from collections.abc import Mapping

from models import WebhookEvent

_CREATING = (WebhookEvent.CLIENT_CREATED, WebhookEvent.CLIENT_ASSOCIATED)
_APPROVING = (WebhookEvent.CLIENT_APPROVED, WebhookEvent.CLIENT_ASSOCIATED)

SENDS: Mapping[str, tuple[WebhookEvent, ...]] = {
    "client_register": (WebhookEvent.CLIENT_REGISTERED,),
    "registration_confirm": (WebhookEvent.CLIENT_CONFIRMED,),
    "client_approve": _APPROVING,
    "client_reject": (WebhookEvent.CLIENT_REJECTED,),
    "client_create": _CREATING,
    "clients_approve": _APPROVING,
    "clients_reject": (WebhookEvent.CLIENT_REJECTED,),
    "clients_import": _CREATING,
    "client_deactivate": (WebhookEvent.CLIENT_DEACTIVATED,),
    "client_reactivate": (WebhookEvent.CLIENT_REACTIVATED, *_APPROVING),
    "client_associations_update": (WebhookEvent.CLIENT_ASSOCIATED,),
    "staff_associations_update": (WebhookEvent.CLIENT_ASSOCIATED,),
}
"""By the names of the mutations in Python. `tests/test_webhook_events.py` holds them to it."""


def sentence(mutation: str) -> str:
    """What the mutation's description says of its events; nothing where there are none."""
    events = [f"`{event.sent_as}`" for event in SENDS.get(mutation, ())]
    *others, last = events or [""]
    listed = f"{', '.join(others)} and {last}" if others else last
    return f" Sends {listed} to webhooks." if events else ""
