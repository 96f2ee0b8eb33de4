"""What is done with webhooks: inputs, payloads, and fields of the mutation root."""

from typing import Annotated

import strawberry
from strawberry import ID, UNSET, Info, Maybe

import resolvers
from models import WebhookEvent
from permissions import Permission, Requires
from resolvers import Context, NewWebhook
from schema.declare import about, input_, mutation, named, row, type_
from schema.inputs import changes, given
from schema.payloads import Payload, RowPayload, UserError, user_errors
from schema.types import Webhook, WebhookDelivery

Asking = Info[Context, None]

_MINE = Requires(Permission.WEBHOOK_MANAGE)
_ID = Annotated[ID, strawberry.argument(description="The webhook.")]


@input_
class WebhookCreateInput:
    """A new webhook."""

    name: str = about("What people call it.")
    url: str = about("Where events are sent, beginning with `https://`.")
    events: list[WebhookEvent] = about("Which events are sent: 1 to 100.")
    department_id: ID | None = about(
        "Only events of this department; null or left out: of the whole organization.",
        default=UNSET,
    )

    def typed(self) -> NewWebhook:
        """For the use case."""
        return NewWebhook(self.name, self.url, self.events, given(self.department_id))


@input_
class WebhookUpdateInput:
    """What to change of a webhook. Left out: unchanged; null: refused (`D32`)."""

    name: Maybe[str | None] = about("What people call it.")
    url: Maybe[str | None] = about("Where events are sent, beginning with `https://`.")
    events: Maybe[list[WebhookEvent] | None] = about("Which events are sent: 1 to 100.")


@type_
class WebhookPayload(RowPayload):
    """A webhook."""

    webhook: Webhook | None = row("The webhook, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class WebhookSecretPayload(Payload):
    """A webhook's new secret. It is shown this once."""

    webhook: Webhook | None = row("The webhook; null where there are errors.")
    secret: str | None = about(
        "Verifies what is received: `whsec_…`, as Standard Webhooks has it.", default=None
    )
    user_errors: list[UserError] = user_errors()


@type_
class WebhookDeliveryPayload(RowPayload):
    """An event on its way to a webhook."""

    delivery: WebhookDelivery | None = row("The delivery, as it is now.")
    user_errors: list[UserError] = user_errors()

    @classmethod
    def shows(cls) -> str:
        return "delivery"


@strawberry.type
class WebhookMutations:
    """The fields of the mutation root that are about webhooks."""

    @mutation(_MINE)
    async def webhook_create(
        self,
        info: Asking,
        input: Annotated[WebhookCreateInput, strawberry.argument(description="The webhook.")],
    ) -> WebhookSecretPayload:
        """Have events sent to an address. What is sent is signed with the secret of the answer."""
        made = await resolvers.webhook_create(info.context, input.typed())
        return WebhookSecretPayload(webhook=named(made.key), secret=made.secret)

    @mutation(_MINE)
    async def webhook_update(
        self,
        info: Asking,
        id: _ID,
        input: Annotated[WebhookUpdateInput, strawberry.argument(description="What to change.")],
    ) -> WebhookPayload:
        """Edit a webhook. What waits already goes to the new address."""
        key = await resolvers.webhook_update(info.context, id, changes(input))
        return WebhookPayload(webhook=named(key))

    @mutation(_MINE)
    async def webhook_secret_rotate(self, info: Asking, id: _ID) -> WebhookSecretPayload:
        """Get a new secret. For 24 hours what is sent is signed with the one before as well."""
        made = await resolvers.webhook_secret_rotate(info.context, id)
        return WebhookSecretPayload(webhook=named(made.key), secret=made.secret)

    @mutation(_MINE)
    async def webhook_pause(self, info: Asking, id: _ID) -> WebhookPayload:
        """Send nothing until the webhook is resumed; what happens meanwhile is held."""
        return WebhookPayload(webhook=named(await resolvers.webhook_pause(info.context, id)))

    @mutation(_MINE)
    async def webhook_resume(self, info: Asking, id: _ID) -> WebhookPayload:
        """Send again: first of all what was held, whether you paused the webhook or we did."""
        return WebhookPayload(webhook=named(await resolvers.webhook_resume(info.context, id)))

    @mutation(_MINE)
    async def webhook_end(self, info: Asking, id: _ID) -> WebhookPayload:
        """End a webhook for good. What was not sent is cancelled, and its secrets are forgotten."""
        return WebhookPayload(webhook=named(await resolvers.webhook_end(info.context, id)))

    @mutation(_MINE)
    async def webhook_delivery_replay(
        self, info: Asking, id: Annotated[ID, strawberry.argument(description="The delivery.")]
    ) -> WebhookDeliveryPayload:
        """Send an event again, under the same `webhook-id`, whatever has become of it."""
        key = await resolvers.webhook_delivery_replay(info.context, id)
        return WebhookDeliveryPayload(delivery=named(key))
