"""The ways out: real servers that refuse, cut, hang or strip, and a directory."""

import asyncio
import datetime as dt
import email
import email.policy
import os
import shutil
import ssl
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from mailer import (
    AlreadyRegistered,
    Message,
    Rejected,
    Transport,
    TryAgain,
    compose,
    mailbox,
    render,
    transport,
)
from mailer.transports import Smtp
from tests.mailbox import Fault, Mailbox
from tests.waiting import PATIENCE, until

no_tls = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
NOW = dt.datetime(2026, 11, 23, 9, 30, 15, tzinfo=dt.UTC)


def letter(
    recipient: str = "jane@example.org",
    id: uuid.UUID | None = None,
    organization: str = "Riverside Clinic",
) -> Message:
    contents = replace(AlreadyRegistered.sample(), organization_name=organization)
    return compose(
        id or uuid.uuid4(),
        render(contents, "https://portal.example/riverside/login"),
        sender="portal@mail.example",
        sender_name=organization,
        recipient=mailbox(recipient),
        reply_to=None,
        written_at=NOW,
    )


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def failure(way: Transport, message: Message) -> tuple[type, str]:
    """How the way out failed, and its words."""
    with pytest.raises((Rejected, TryAgain)) as caught:
        async with asyncio.timeout(PATIENCE):
            await way.send(message)
    await way.close()
    assert caught.value.__cause__ is None
    return caught.type, str(caught.value)


@pytest.mark.parametrize("organization", ["Riverside Clinic", "Zoë 日本語", ".", "..dots"])
async def test_letter_arrives_as_it_was_composed(mailbox: Mailbox, organization: str) -> None:
    way, message = transport(mailbox.url), letter(organization=organization)
    await way.send(message)
    await way.close()
    [delivery] = mailbox.deliveries
    assert (delivery.sender, delivery.recipients) == ("portal@mail.example", ["jane@example.org"])
    assert delivery.message.as_bytes() == message.content.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault.LATER, TryAgain, "the recipient was refused: 450 4.2.1"),
        (Fault.NEVER, Rejected, "the recipient was refused: 550 5.1.1"),
        (Fault.LATER_AT_DATA, TryAgain, "the message was refused: 451 4.3.0"),
        (Fault.NEVER_AT_DATA, Rejected, "the message was refused: 554 5.7.1"),
        (Fault.CUT, TryAgain, "the connection failed: SMTPServerDisconnected"),
        (Fault.CUT_AFTER, TryAgain, "the connection failed: SMTPServerDisconnected"),
    ],
)
async def test_failures_are_told_apart(
    mailbox: Mailbox, fault: Fault, kind: type, words: str
) -> None:
    mailbox.upcoming.append(fault)
    way = transport(mailbox.url)
    assert await failure(way, letter()) == (kind, words)
    assert len(mailbox.deliveries) == (fault is Fault.CUT_AFTER)
    await way.send(letter())
    await way.close()
    assert len(mailbox.deliveries) == 1 + (fault is Fault.CUT_AFTER)


async def test_letter_that_is_given_up_takes_its_connection_with_it(mailbox: Mailbox) -> None:
    mailbox.upcoming.append(Fault.HANG)
    way = transport(mailbox.url)
    sending = asyncio.create_task(way.send(letter()))
    await until(lambda: mailbox.attempts != [])
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await until(lambda: not mailbox._connections)
    await way.send(letter())
    await way.close()
    assert len(mailbox.deliveries) == 1


@no_tls
async def test_sender_that_is_refused_is_ours_to_mend() -> None:
    async with Mailbox(auth_required=True, auth_require_tls=False) as mailbox:
        assert await failure(transport(mailbox.url), letter()) == (
            TryAgain,
            "the mail server refused us: 530 5.7.0",
        )


async def test_connection_is_kept_until_close(mailbox: Mailbox) -> None:
    way = transport(mailbox.url)
    await way.send(letter())
    connections = set(mailbox._connections)
    for _ in range(2):
        await way.send(letter())
        assert mailbox._connections == connections
    await asyncio.gather(*(way.send(letter()) for _ in range(3)))
    assert len(mailbox._connections) == 3
    await way.close()
    await until(lambda: not mailbox._connections)
    await way.send(letter())
    await way.close()
    assert len(mailbox.deliveries) == 7


async def test_kept_connection_that_the_server_cut_is_replaced(mailbox: Mailbox) -> None:
    way = transport(mailbox.url)
    await way.send(letter())
    [connection] = mailbox._connections
    connection.cut()
    await way.send(letter())
    await way.close()
    assert len(mailbox.deliveries) == 2


async def test_kept_connection_of_a_server_that_closes_is_replaced() -> None:
    async with Mailbox(command_call_limit={"MAIL": 1, "*": 100}) as mailbox:
        way = transport(mailbox.url)
        await way.send(letter())
        await way.send(letter())
        await way.close()
        assert len(mailbox.deliveries) == 2


async def test_nobody_listens(mailbox: Mailbox) -> None:
    url = mailbox.url
    await mailbox.__aexit__()
    told = await failure(transport(url), letter())
    await mailbox.__aenter__()
    assert told == (TryAgain, "the connection failed: ConnectionRefusedError")


async def test_server_that_never_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.transports.CONNECT_SECONDS", 0.2)
    connections = list[asyncio.StreamWriter]()
    server = await asyncio.start_server(
        lambda _reader, writer: connections.append(writer), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    told = await failure(transport(f"smtp://127.0.0.1:{port}"), letter())
    for each in connections:
        each.close()
    server.close()
    await server.wait_closed()
    assert told == (TryAgain, "the mail server did not answer in time")


async def test_address_beyond_ascii_needs_a_server_that_can(mailbox: Mailbox) -> None:
    way = transport(mailbox.url)
    await way.send(letter("jürgen@münchen.example"))
    await way.close()
    [delivery] = mailbox.deliveries
    assert delivery.recipients == ["jürgen@xn--mnchen-3ya.example"]
    async with Mailbox(enable_SMTPUTF8=False) as old:
        kind, _ = await failure(transport(old.url), letter("jürgen@münchen.example"))
        assert kind is Rejected
        await transport(old.url).send(letter("jane@münchen.example"))
        assert old.attempts == ["jane@xn--mnchen-3ya.example"]


async def test_server_that_knows_no_ehlo_is_greeted_as_of_old() -> None:
    said = list[str]()

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {"HELO": "250 old", "MAIL": "250 OK", "RCPT": "251 OK", "DATA": "354 Go on"}
        writer.write(b"220 old\r\n")
        while line := (await reader.readline()).decode():
            said.append(line[:4])
            writer.write(f"{answers.get(line[:4], '502 What?')}\r\n".encode())
            if line == "DATA\r\n":
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 OK\r\n")
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    way = transport(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await way.send(letter())
    await way.send(letter())
    await way.close()
    server.close()
    await server.wait_closed()
    assert said == ["EHLO", "HELO", *(["MAIL", "RCPT", "DATA"] * 2), "QUIT"]


async def test_stripped_starttls_means_nothing_is_sent(mailbox: Mailbox) -> None:
    way = transport(mailbox.url.replace("smtp://", "smtp+starttls://eve:hunter2@"))
    kind, words = await failure(way, letter())
    assert (kind, words) == (TryAgain, "the connection failed: SMTPException")
    assert mailbox.attempts == []
    assert mailbox.deliveries == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and its key, trusted by nobody yet."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    options = (
        "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [openssl, "req", *options.split(), "-keyout", path, "-out", f"{path}.cert"],
        check=True,
        capture_output=True,
    )
    with path.open("a") as file:
        file.write(Path(f"{path}.cert").read_text())
    return path


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_starttls_with_a_certificate_that_is_trusted_or_not(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Mailbox(tls_context=_tls(certificate), require_starttls=True) as mailbox:
        url = mailbox.url.replace("smtp://", "smtp+starttls://")
        assert await failure(transport(url), letter()) == (
            TryAgain,
            "the connection failed: SSLCertVerificationError",
        )
        assert mailbox.deliveries == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        way = transport(url)
        await way.send(letter())
        await way.send(letter())
        await way.close()
        assert len(mailbox.deliveries) == 2


async def test_smtps_with_a_certificate_that_is_trusted_or_not(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    server = await asyncio.get_running_loop().create_server(
        mailbox._connection, "127.0.0.1", 0, ssl=_tls(certificate)
    )
    url = f"smtps://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    kind, words = await failure(transport(url), letter())
    assert (kind, words) == (TryAgain, "the connection failed: SSLCertVerificationError")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    way = transport(url)
    await way.send(letter())
    await way.close()
    server.close()
    await server.wait_closed()
    assert len(mailbox.deliveries) == 1


@no_tls
async def test_wrong_password_is_nowhere_told() -> None:
    def check(*arguments: object) -> AuthResult:
        given = arguments[-1]
        good = getattr(given, "password", b"") == b"p@ss/w#rd"
        return AuthResult(success=good, handled=False)

    async with Mailbox(authenticator=check, auth_required=True, auth_require_tls=False) as mailbox:
        wrong = transport(mailbox.url.replace("smtp://", "smtp://portal:hunter2@"))
        kind, words = await failure(wrong, letter())
        assert (kind, words) == (TryAgain, "the mail server refused us: 535 5.7.8")
        assert "hunter2" not in repr(wrong)
        right = transport(mailbox.url.replace("smtp://", "smtp://portal:p%40ss%2Fw%23rd@"))
        await right.send(letter())
        await right.close()
        assert len(mailbox.deliveries) == 1


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://mail.example", ("mail.example", 25, False, False)),
        ("smtp://mail.example:2525/", ("mail.example", 2525, False, False)),
        ("smtp+starttls://mail.example", ("mail.example", 587, False, True)),
        ("smtps://mail.example", ("mail.example", 465, True, False)),
        ("smtps://[::1]:4650", ("::1", 4650, True, False)),
    ],
)
def test_urls_of_servers(url: str, options: tuple[str, int, bool, bool]) -> None:
    way = transport(url)
    assert isinstance(way, Smtp)
    given = way._options
    assert (given["hostname"], given["port"], given["use_tls"], given["start_tls"]) == options


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "http://portal:hunter2@mail.example",
        "smtp://",
        "smtp://portal:hunter2@",
        "smtp://portal@mail.example",
        "smtp://portal:hunter2@mail.example:port",
        "smtp://portal:hunter2/3@mail.example",
        "smtp://portal:hunter2#3@mail.example",
        "smtp://portal:hunter2?3@mail.example",
        "smtp://portal:hunter2@mail.example/inbox",
        "smtp://portal:hunter2@mail.example?tls=1",
        "smtp://portal:hunter2@mail.example:70000",
        "smtp://portal:hunter2@[mail.example",
        "file:mail",
        "file://host/var/mail",
        "file:///var/mail?hunter2",
    ],
)
def test_other_urls_are_refused_without_their_passwords(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is not a|must) ") as refusal:
        transport(url)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


async def test_directory_has_one_whole_file_a_letter(tmp_path: Path) -> None:
    way = transport(f"file://{tmp_path}/var/my%20mail")
    first, second = uuid.UUID(int=1), uuid.UUID(int=2)
    await way.send(letter(id=second))
    await way.send(letter(id=first))
    await asyncio.gather(*(way.send(letter(id=first)) for _ in range(20)))
    await way.close()
    folder = tmp_path / "var" / "my mail"
    assert names(folder) == [
        f"20261123T093015-{first.hex}.eml",
        f"20261123T093015-{second.hex}.eml",
    ]
    file = folder / names(folder)[0]
    assert file.read_bytes() == letter(id=first).content
    read = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert read["To"] == "jane@example.org"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_directory_shows_no_part_of_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    told = await failure(transport(f"file://{tmp_path}"), letter())
    assert told == (TryAgain, "the file was not written: OSError")
    assert names(tmp_path) == []


async def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    kind, words = await failure(transport(f"file://{tmp_path}/mail"), letter())
    assert kind is TryAgain
    assert str(tmp_path) not in words
