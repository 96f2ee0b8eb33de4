"""Events as a kind of post: signed, sent to whom they may be, and sent again whatever fails."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import subprocess
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import WebhookVerificationError

from mailer import (
    Courier,
    Events,
    Happening,
    Receivers,
    TakenEvent,
    TryAgain,
    announce,
    listening,
    receiver,
)
from mailer.receivers import is_public, looked_up
from mailer.webhooks import AT_ONCE, REST_SECONDS
from models import (
    Database,
    Delivery,
    DeliveryState,
    Department,
    Organization,
    Tracing,
    Webhook,
    WebhookEvent,
    WebhookState,
    new_id,
    outside,
)
from tests.receiver import Fault, Receiver
from tests.waiting import PATIENCE, until

SECRET = "whsec_c2V2ZW4gaGVyb25zIG92ZXIgdGhlIHJpdmVyLCAxMjM="
EARLIER = "whsec_bmluZSBvdHRlcnMgdW5kZXIgYSBicmlkZ2UsIDQ1Njc4OTA="


class Clock:
    """The time as the test says; it begins now, because receivers look at their own."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def organization(database: Database, clock: Clock) -> uuid.UUID:
    id = new_id()
    row = {"id": id, "slug": "riverside", "name": "Riverside Clinic", "created_at": clock()}
    await database.write(lambda connection: connection.execute(insert(Organization).values(row)))
    return id


async def made(database: Database, organization: uuid.UUID, url: str, **more: Any) -> uuid.UUID:
    """A webhook of the organization for every event, in plain words where secrets are kept."""
    id = new_id()
    row = {
        "organization_id": organization,
        "id": id,
        "name": "Partner",
        "url": url,
        "events": list(WebhookEvent),
        "state": WebhookState.ACTIVE,
        "secret": SECRET.encode(),
        "created_at": dt.datetime.now(dt.UTC),
        **more,
    }
    await database.write(lambda connection: connection.execute(insert(Webhook).values(row)))
    return id


async def happened(
    database: Database,
    organization: uuid.UUID,
    clock: Clock,
    event: WebhookEvent = WebhookEvent.CLIENT_REGISTERED,
    department_id: uuid.UUID | None = None,
    times: int = 1,
) -> None:
    happening = Happening(
        event=event,
        at=clock(),
        department_id=department_id,
        client_id=None,
        data={"registrationId": "reg_1"},
    )

    async def work(connection: AsyncConnection) -> None:
        await announce(connection, await listening(connection, organization), [happening] * times)

    await database.write(work)


def courier(
    database: Database, clock: Clock, receivers: Receivers | None = None, **options: Any
) -> Courier[TakenEvent]:
    def opened(stored: bytes, _organization_id: uuid.UUID, _webhook_id: uuid.UUID) -> str:
        return stored.decode()

    events = Events(receivers or Receivers(allow_private=True), opened=opened, clock=clock)
    return Courier(database, events, clock=clock, **options)


async def rows(database: Database) -> list[Any]:
    statement = select(*Delivery.__table__.columns).order_by(Delivery.id)
    return await database.read(lambda connection: list(connection.execute(statement)))


async def row(database: Database) -> Any:
    (only,) = await rows(database)
    return only


# --- what is sent -------------------------------------------------------------------------------


async def test_an_event_is_sent_as_standard_webhooks_says(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    assert await courier(database, clock).deliver_due() == 1
    (received,) = there.received
    delivery = await row(database)
    assert received.path == "/events?of=us"
    assert received.id == outside("dlv_", delivery.id)
    assert received.headers["host"] == f"127.0.0.1:{there.port}"
    assert received.headers["content-type"] == "application/json"
    assert received.verified(SECRET) == {
        "type": "client.registered",
        "timestamp": clock().isoformat(),
        "data": {"organizationId": outside("org_", organization), "registrationId": "reg_1"},
    }
    with pytest.raises(WebhookVerificationError):
        received.verified(EARLIER)
    assert (delivery.state, delivery.attempts, delivery.error) == (DeliveryState.SENT, 1, None)
    assert (delivery.lease, delivery.done_at) == (None, clock())


async def test_a_secret_that_was_replaced_signs_as_well_until_its_time(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    until = clock() + dt.timedelta(minutes=1)
    earlier = {"previous_secret": EARLIER.encode(), "previous_secret_until": until}
    await made(database, organization, there.url, **earlier)
    await happened(database, organization, clock)
    await courier(database, clock).deliver_due()
    clock.pass_(minutes=1)
    await happened(database, organization, clock)
    await courier(database, clock).deliver_due()
    both, one = there.received
    assert both.verified(SECRET) == both.verified(EARLIER)
    one.verified(SECRET)
    with pytest.raises(WebhookVerificationError):
        one.verified(EARLIER)


async def test_an_event_goes_to_the_webhooks_that_want_it_and_may_have_it(
    database: Database, organization: uuid.UUID, clock: Clock
) -> None:
    east, west = new_id(), new_id()
    departments = insert(Department).values(
        [
            {
                "organization_id": organization,
                "id": id,
                "name": id.hex,
                "name_key": id.hex,
                "created_at": clock(),
            }
            for id in (east, west)
        ]
    )
    await database.write(lambda connection: connection.execute(departments))
    whole = await made(database, organization, "https://a.example")
    of_east = await made(database, organization, "https://b.example", department_id=east)
    of_west = await made(database, organization, "https://c.example", department_id=west)
    await made(database, organization, "https://d.example", events=["CLIENT_APPROVED"])
    ended = {"state": WebhookState.ENDED, "secret": None}
    await made(database, organization, "https://e.example", **ended)
    paused = await made(database, organization, "https://f.example", state=WebhookState.PAUSED)
    for department in (None, east, west):
        await happened(database, organization, clock, department_id=department)
    found = [(one.webhook_id, one.state) for one in await rows(database)]
    assert sorted(found) == sorted(
        [
            *[(whole, DeliveryState.QUEUED)] * 3,
            *[(paused, DeliveryState.HELD)] * 3,
            (of_east, DeliveryState.QUEUED),
            (of_west, DeliveryState.QUEUED),
        ]
    )


async def test_roll_back_leaves_no_event(
    database: Database, organization: uuid.UUID, clock: Clock
) -> None:
    await made(database, organization, "https://a.example")

    async def work(connection: AsyncConnection) -> None:
        happening = Happening(
            event=WebhookEvent.CLIENT_CREATED,
            at=clock(),
            department_id=None,
            client_id=None,
            data={},
        )
        await announce(connection, await listening(connection, organization), [happening])
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(work)
    assert await rows(database) == []


# --- what fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "the receiver answered 500"),
        (404, "the receiver answered 404"),
        (302, "the receiver answered 302"),
        (Fault.CUT, "the connection failed: "),
        (Fault.CUT_AFTER, "the connection failed: "),
    ],
)
async def test_what_was_not_taken_is_sent_again_under_the_same_id(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    answer: int | Fault,
    error: str,
) -> None:
    elsewhere = f"http://127.0.0.1:{there.port}/elsewhere"
    there.more = f"location: {elsewhere}\r\n"
    there.upcoming.append(answer)
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    carried = courier(database, clock)
    await carried.deliver_due()
    delivery = await row(database)
    assert (delivery.state, delivery.attempts) == (DeliveryState.QUEUED, 1)
    assert delivery.error.startswith(error)
    assert dt.timedelta(seconds=1) <= delivery.due_at - clock() <= dt.timedelta(seconds=4)
    assert there.connections == 1
    clock.pass_(seconds=5)
    await carried.deliver_due()
    delivery = await row(database)
    assert (delivery.state, delivery.attempts, delivery.error) == (DeliveryState.SENT, 2, None)
    assert {one.id for one in there.received} == {outside("dlv_", delivery.id)}
    assert {one.path for one in there.received} == {"/events?of=us"}


async def test_a_receiver_says_when_to_come_again(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    there.always = 503
    for said, seconds in (("120", 120), ("999999", 3600)):
        there.more = f"retry-after: {said}\r\n"
        await courier(database, clock).deliver_due()
        delivery = await row(database)
        assert delivery.due_at - clock() == dt.timedelta(seconds=seconds)
        clock.pass_(seconds=seconds)


async def test_a_receiver_that_is_gone_wants_no_more_of_it(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    there.always = 410
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    await courier(database, clock).deliver_due()
    clock.pass_(days=1)
    await courier(database, clock).deliver_due()
    delivery = await row(database)
    assert (delivery.state, delivery.error) == (DeliveryState.REFUSED, "the receiver answered 410")
    assert len(there.received) == 1


async def test_an_event_is_given_up_after_five_days(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    there.always = 500
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    await courier(database, clock).deliver_due()
    clock.pass_(days=5)
    await courier(database, clock).deliver_due()
    delivery = await row(database)
    assert (delivery.state, delivery.error) == (DeliveryState.EXPIRED, "the receiver answered 500")


async def test_a_body_without_end_is_not_read(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    there.always = Fault.ENDLESS
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    await courier(database, clock).deliver_due()
    assert (await row(database)).state is DeliveryState.SENT


async def test_a_receiver_that_stalls_rests_and_holds_up_nobody_else(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Receiver() as stalled:
        stalled.always = Fault.STALL
        slow = await made(database, organization, stalled.url)
        for _ in range(20):
            await happened(database, organization, clock)
        await made(database, organization, there.url)
        await happened(database, organization, clock)
        carried = courier(database, clock)
        with monkeypatch.context() as hasty:
            hasty.setattr("mailer.receivers.ANSWER_SECONDS", 1)
            assert await carried.deliver_due() == AT_ONCE + 1
        assert await carried.deliver_due() == 0
        assert stalled.connections == AT_ONCE
        waiting = [one for one in await rows(database) if one.webhook_id == slow]
        assert {one.state for one in waiting} == {DeliveryState.QUEUED}
        assert Counter((one.error, one.attempts, one.due_at > clock()) for one in waiting) == {
            ("the receiver did not answer in time", 1, True): AT_ONCE,
            (None, 0, False): 21 - AT_ONCE,
        }
        assert len(there.received) == 1
        stalled.always = 204
        clock.pass_(seconds=REST_SECONDS)
        assert await carried.deliver_due() == len(stalled.received) == 21


async def test_a_receiver_that_is_slow_holds_up_its_own_events_and_no_others(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answers when it is released; nothing else ends its attempts while the test runs."""
    monkeypatch.setattr("mailer.receivers.ANSWER_SECONDS", 4 * PATIENCE)
    async with Receiver() as slow, asyncio.TaskGroup() as tasks:
        slow.always = Fault.LATE
        await made(database, organization, slow.url)
        await happened(database, organization, clock, times=300)
        await made(database, organization, there.url)
        await happened(database, organization, clock, times=20)
        carried = courier(database, clock, lease_seconds=8 * PATIENCE)
        running = tasks.create_task(carried.run())
        await there.wait(20)
        await until(lambda: slow.connections == AT_ONCE)
        assert slow.received == []
        slow.release.set()
        await slow.wait(320)
        running.cancel()
    assert (len(there.received), len(slow.received)) == (20, 320)
    assert {(one.state, one.attempts) for one in await rows(database)} == {(DeliveryState.SENT, 1)}


async def test_many_receivers_that_hang_hold_up_nobody_else(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of an organization that has a webhook for each department, all to one address."""
    monkeypatch.setattr("mailer.receivers.ANSWER_SECONDS", 4 * PATIENCE)
    async with Receiver() as hanging, asyncio.TaskGroup() as tasks:
        hanging.always = Fault.STALL
        for _ in range(10):
            await made(database, organization, hanging.url)
        await happened(database, organization, clock, times=30)
        await made(database, organization, there.url)
        await happened(database, organization, clock, times=5)
        carried = courier(database, clock, lease_seconds=8 * PATIENCE)
        running = tasks.create_task(carried.run())
        await there.wait(5)
        await until(lambda: hanging.connections == 10 * AT_ONCE)
        running.cancel()


async def test_attempts_are_told_to_whoever_traces_and_what_waits_is_not(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(told))
    monkeypatch.setattr(Tracing, "tracer", provider.get_tracer("tests"))
    monkeypatch.setattr("mailer.receivers.ANSWER_SECONDS", 1)
    async with Receiver() as stalled:
        stalled.always = Fault.STALL
        await made(database, organization, stalled.url)
        await happened(database, organization, clock, times=2 * AT_ONCE)
        await made(database, organization, there.url)
        await happened(database, organization, clock)
        await courier(database, clock).deliver_due()
        assert stalled.connections == AT_ONCE
    spans = told.get_finished_spans()
    assert {span.name for span in spans} == {"deliver event"}
    states = [(span.attributes or {})["portal.post.state"] for span in spans]
    assert Counter(states) == {"QUEUED": AT_ONCE, "SENT": 1}
    assert [span.status.is_ok for span in spans].count(False) == AT_ONCE


async def test_nothing_is_lost_while_the_receiver_is_away(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    await made(database, organization, there.url)
    carried = courier(database, clock)
    async with there.away():
        for _ in range(5):
            await happened(database, organization, clock)
            await carried.deliver_due()
    assert there.received == []
    clock.pass_(hours=1)
    await carried.deliver_due()
    ids = {outside("dlv_", one.id) for one in await rows(database)}
    assert {one.id for one in there.received} == ids
    assert len(ids) == len(there.received) == 5


async def test_a_lease_that_ran_out_is_taken_by_another_and_what_comes_late_counts_not(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    there.upcoming.append(Fault.STALL)
    first = asyncio.create_task(courier(database, clock).deliver_due())
    async with asyncio.timeout(10):
        while not there.connections:  # noqa: ASYNC110 - until it is on its way
            await asyncio.sleep(0.01)
    clock.pass_(seconds=61)
    await courier(database, clock).deliver_due()
    delivery = await row(database)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (delivery.state, delivery.attempts) == (DeliveryState.SENT, 1)
    assert await row(database) == delivery


# --- where nothing is sent ----------------------------------------------------------------------

FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 - it is no binding
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "64:ff9b:1::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_not_everybodys_internet_is_no_receiver(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ValueError, match=r"public|not a URL"):
        receiver(f"https://{host}/", allow_private=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_everybodys_internet_may_be(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    receiver(f"https://{host}/", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "https://",
        "https:///path",
        "http://partner.example/",
        "ftp://partner.example/",
        "file:///etc/passwd",
        "https://user@partner.example/",
        "https://user:word@partner.example/",
        "https://partner.example/#part",
        "https://partner.example/a b",
        "https://partner.example:99999/",
        "https://partner.example/\r\nhost: other",
    ],
)
def test_what_is_no_plain_https_url_is_no_receiver(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL"):
        receiver(url, allow_private=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
async def test_no_connection_is_made_to_where_nothing_may_be_sent(
    there: Receiver, host: str
) -> None:
    """However it is spelled: the machine's own resolver says what it comes to."""
    url = f"https://{host}:{there.port}/"
    with pytest.raises(TryAgain, match=r"not allowed|not known"):
        await Receivers(allow_private=False).post(url, {}, b"{}")
    assert there.connections == 0


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    there: Receiver,
) -> None:
    """A name that says something else each time it is asked (DNS rebinding) is asked once."""
    asked = list[str]()

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) > 1 else ["192.0.2.1", "10.0.0.1"]

    guarded = Receivers(allow_private=False, resolve=rebinding)
    for _ in range(2):
        with pytest.raises(TryAgain, match="not allowed"):
            await guarded.post(f"https://partner.example:{there.port}/", {}, b"{}")
    assert asked == ["partner.example"] * 2
    assert there.connections == 0


async def test_an_address_that_is_away_leaves_the_next(there: Receiver) -> None:
    async def two(_host: str, _port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    url = f"http://partner.example:{there.port}/"
    answer = await Receivers(allow_private=True, resolve=two).post(url, {}, b"{}")
    assert answer.status == 204
    assert there.received[0].headers["host"] == f"partner.example:{there.port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the name localhost, and of no address, with its key."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    words = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost -keyout {path} -out {path}.crt"
    )
    subprocess.run(words.split(), check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


async def test_the_receiver_certifies_that_it_is_the_host_of_the_url(certificate: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    asking = Receivers(allow_private=True, tls=trusting)
    async with Receiver(serving) as there:
        answer = await asking.post(f"https://localhost:{there.port}/", {}, b"{}")
        assert answer.status == 204
        for receivers, host in (
            (asking, "127.0.0.1"),
            (Receivers(allow_private=True), "localhost"),
        ):
            with pytest.raises(TryAgain, match="SSLCertVerificationError"):
                await receivers.post(f"https://{host}:{there.port}/", {}, b"{}")
        assert len(there.received) == 1


async def test_names_are_looked_up_by_this_machine() -> None:
    assert "127.0.0.1" in await looked_up("localhost", 80)


async def test_a_name_server_that_never_answers_holds_up_no_other_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither those of other receivers, nor the loop's own: of the database and the mail server."""
    answers, look_up = threading.Event(), socket.getaddrinfo

    def hanging(host: str, *rest: Any, **more: Any) -> Any:
        if host == "never.example":
            answers.wait()
        return look_up("localhost", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(AT_ONCE))
    waiting = [asyncio.create_task(looked_up("never.example", 443)) for _ in range(AT_ONCE)]
    try:
        async with asyncio.timeout(PATIENCE):
            assert await looked_up("partner.example", 443)
            assert await loop.getaddrinfo("database.example", 5432)
        assert not any(each.done() for each in waiting)
    finally:
        answers.set()
        await asyncio.gather(*waiting)


async def test_what_is_stored_and_logged_holds_no_address(
    database: Database,
    organization: uuid.UUID,
    there: Receiver,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "mailer")
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    async with there.away():
        await courier(database, clock).deliver_due()
    clock.pass_(hours=1)
    await courier(database, clock).deliver_due()
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("mailer")]
    id = (await row(database)).id.hex
    assert ours == [f"event {id}: QUEUED", f"event {id}: SENT"]


async def test_an_address_that_became_private_is_not_asked_any_more(
    database: Database, organization: uuid.UUID, there: Receiver, clock: Clock
) -> None:
    """As when the setting changes: what is kept is looked at each time."""
    await made(database, organization, there.url)
    await happened(database, organization, clock)
    await courier(database, clock, Receivers(allow_private=False)).deliver_due()
    delivery = await row(database)
    assert (delivery.state, delivery.error) == (
        DeliveryState.QUEUED,
        "the address is not allowed",
    )
    assert there.connections == 0
    await database.write(lambda c: c.execute(update(Delivery).values(due_at=clock())))
    await courier(database, clock).deliver_due()
    assert (await row(database)).state is DeliveryState.SENT
