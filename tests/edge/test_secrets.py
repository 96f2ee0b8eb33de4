"""A15 and B11: what depends on a secret, and what does not."""

import pytest
from graphql import build_client_schema, build_schema, get_introspection_query
from pydantic import SecretStr

from schema import printed
from tests.mailbox import Mailbox
from tests.world import Clinic, World, refusal


async def test_a15_what_one_secret_made_is_no_good_with_another(
    world: World, clinic: Clinic, mailbox: Mailbox
) -> None:
    document = "{ clients { totalCount } }"
    token = clinic.token("olivia")
    assert (await world.do(document, token=token))["totalCount"] > 0
    other = SecretStr("another secret, 0123456789 abcdefghijklmnop")
    url = world.settings.database_url
    async with World(url, mailbox, secret_key=other) as elsewhere:
        assert refusal(await elsewhere.ask(document, token=token)) == "UNAUTHENTICATED"
        own = await elsewhere.sign_in("olivia")
        assert refusal(await world.ask(document, token=own)) == "UNAUTHENTICATED"
        assert await elsewhere.do(document, token=own) == await world.do(document, token=token)


@pytest.mark.parametrize("who", [None, "olivia", "dora", "norma", "amy"])
async def test_b11_everybody_may_read_the_whole_schema(
    world: World, clinic: Clinic, who: str | None
) -> None:
    answer = await world.ask(get_introspection_query(), token=who and clinic.token(who))
    shown = build_client_schema(answer["data"])
    told = build_schema(printed())
    assert {*shown.type_map} == {*told.type_map}
    assert shown.query_type
    assert told.query_type
    assert {*shown.query_type.fields} == {*told.query_type.fields}
    sdl = await world.http.get("/schema.graphql")
    assert sdl.text == printed()
