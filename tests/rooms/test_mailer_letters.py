"""The letters in words and on the wire: nothing missing, nothing injected, the same every time."""

import datetime as dt
import email
import email.policy
import json
import re
import uuid
from dataclasses import fields, replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from mailer import (
    LETTERS,
    AlreadyRegistered,
    ClientAwaitsApproval,
    ConfirmRegistration,
    Contents,
    EmailChanged,
    Linked,
    PasswordChanged,
    PasswordReset,
    RecoveryCodesRenewed,
    RecoveryCodeUsed,
    SecondFactorOff,
    SecondFactorOn,
    SecondFactorReset,
    WebhookPaused,
    WrongCodes,
    compose,
    mailbox,
    render,
    showcase,
)
from mailer.rendering import _environment, _shown, tame

ID = uuid.UUID("0190b5a4-7c3e-7d1f-8a2b-6c5d4e3f2a1b")
NOW = dt.datetime(2026, 11, 23, 9, 30, 15, tzinfo=dt.UTC)
LINK = "https://portal.example/riverside/confirm#token=vtl_0-9a_Zz"
HEADERS = [
    "Date",
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]

every_letter = pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)


def message(contents: Contents, link: str = LINK, **changes: Any) -> EmailMessage:
    """The letter as its reader's program parses it."""
    given: dict[str, Any] = {
        "sender": "portal@mail.example",
        "sender_name": contents.organization_name,
        "recipient": "jane@example.org",
        "reply_to": "help@riverside.example",
        "written_at": NOW,
    }
    raw = compose(ID, render(contents, link), **given | changes).content
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return email.message_from_bytes(raw, policy=email.policy.default)


def parts(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a message."""
    text, markup = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(markup, EmailMessage)
    assert (text.get_content_type(), markup.get_content_type()) == ("text/plain", "text/html")
    words = (text.get_content(), markup.get_content())
    return words[0].replace("\r\n", "\n"), words[1].replace("\r\n", "\n")


class Page(HTMLParser):
    """What a page shows and where it leads."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.shown, self.links, self.tags = "", list[str](), list[str]()
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.shown += data


@every_letter
def test_every_letter_says_who_what_where_and_whom_to_ask(letter: type[Contents]) -> None:
    sample = letter.sample()
    words = render(sample, LINK)
    page = Page(words.html)
    for said in (words.text, page.shown):
        assert said.count(f"Hello {sample.recipient_name},") == 1
        assert sample.organization_name in said
        assert "write to help@riverside.example" in said
        assert LINK in said
        assert not re.search(r"{{|{%|{#|}}|%}|#}|None|&#|&lt;", said)
    assert page.links == [LINK, LINK, "mailto:help@riverside.example"]
    assert sample.organization_name in words.subject
    assert "\n" not in words.subject
    assert words.text.isascii()
    assert words.html.isascii()
    assert "\n\n\n" not in words.text


@every_letter
def test_text_and_html_say_the_same(letter: type[Contents]) -> None:
    words = render(letter.sample(), LINK)
    shown = " ".join(Page(words.html).shown.split())
    for paragraph in words.text.split("\n\n"):
        for line in paragraph.split("\n"):
            assert " ".join(line.rstrip(":").split()) in shown


@every_letter
def test_html_needs_nothing_from_anywhere(letter: type[Contents]) -> None:
    markup = render(letter.sample(), LINK).html
    assert not {"img", "script", "link", "iframe", "form"} & set(Page(markup).tags)
    assert "url(" not in markup
    assert "@import" not in markup
    assert '<meta name="color-scheme" content="light dark">' in markup
    assert "prefers-color-scheme: dark" in markup


@every_letter
def test_without_a_contact_the_organization_is_to_be_asked(letter: type[Contents]) -> None:
    sample = replace(letter.sample(), organization_contact=None)
    words = render(sample, LINK)
    for said in (words.text, Page(words.html).shown):
        assert "Please ask Riverside Clinic. Nobody reads replies" in said
        assert "None" not in said
    assert "Reply-To" not in message(sample, reply_to=None)


@every_letter
def test_contents_survive_json(letter: type[Contents]) -> None:
    sample = letter.sample()
    assert letter.from_json(json.loads(json.dumps(sample.to_json()))) == sample


@every_letter
def test_contents_of_another_release_are_refused(letter: type[Contents]) -> None:
    values = letter.sample().to_json()
    with pytest.raises(TypeError):
        letter.from_json({**values, "shoe_size": 39})
    values.pop("recipient_name")
    with pytest.raises(TypeError):
        letter.from_json(values)


@every_letter
def test_link_leads_to_the_organization_and_nowhere_else(letter: type[Contents]) -> None:
    link = letter.sample().link("https://portal.example/", "vtl_1")
    pages = {
        "confirm_registration": "confirm#token=vtl_1",
        "already_registered": "login",
        "client_awaits_approval": "clients/cli_0190b5a47c3e7d1f8a2b6c5d4e3f2a1b",
        "client_approved": "login",
        "client_invitation": "invitation#token=vtl_1",
        "staff_invitation": "invitation#token=vtl_1",
        "password_reset": "reset#token=vtl_1",
        "password_changed": "login",
        "confirm_email": "email#token=vtl_1",
        "email_changed": "login",
        "second_factor_on": "login",
        "second_factor_off": "login",
        "second_factor_reset": "login",
        "recovery_codes_renewed": "login",
        "recovery_code_used": "login",
        "wrong_codes": "login",
        "webhook_paused": "login",
    }
    assert link == f"https://portal.example/riverside/{pages[letter.name]}"


@every_letter
def test_linked_letters_say_when_the_link_ends_and_that_they_may_be_ignored(
    letter: type[Contents],
) -> None:
    text = render(letter.sample(), LINK).text
    ends = "The link works once. It ends on Thursday, 31 January 2030 at 09:05 UTC."
    assert (ends in text) is issubclass(letter, Linked)
    news = (
        *(ClientAwaitsApproval, PasswordChanged, EmailChanged, SecondFactorOn, SecondFactorOff),
        *(SecondFactorReset, RecoveryCodesRenewed, RecoveryCodeUsed, WrongCodes, WebhookPaused),
    )
    assert ("you can ignore this email" in text) is (letter not in news)


def test_end_of_a_link_is_told_in_utc() -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    ends_at = dt.datetime(2026, 3, 1, 8, 0, tzinfo=tokyo)
    text = render(replace(ConfirmRegistration.sample(), ends_at=ends_at), LINK).text
    assert "It ends on Saturday, 28 February 2026 at 23:00 UTC." in text


def test_staff_are_told_of_the_department_or_that_it_is_open() -> None:
    sample = ClientAwaitsApproval.sample()
    assert "\nDepartment: Family Medicine\n" in render(sample, LINK).text
    unsure = render(replace(sample, department_name=None), LINK)
    for said in (unsure.text, Page(unsure.html).shown):
        assert "The client is not sure of the department." in said
        assert "Department:" not in said


def test_staff_are_told_how_to_end_the_notifications() -> None:
    words = render(ClientAwaitsApproval.sample(), LINK)
    how = 'edit your staff account and uncheck the box next to "Receive New Client Notifications"'
    assert how in words.text
    assert how in Page(words.html).shown


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (2, "There are 2 left."),
        (1, "There is one left. Please make new ones soon."),
        (0, "It was the last one. Please make new ones now."),
    ],
)
def test_a_used_recovery_code_says_how_many_are_left(left: int, said: str) -> None:
    words = render(replace(RecoveryCodeUsed.sample(), codes_left=left), LINK)
    assert said in words.text
    assert said in Page(words.html).shown


def test_template_that_asks_for_more_than_there_is_fails() -> None:
    with pytest.raises(UndefinedError, match="shoe_size"):
        _environment().from_string("{{ shoe_size }}").render()


words = st.text(max_size=40) | st.sampled_from(["%(link)s", "100 %", "\ue000link\ue001", "<&>\"'"])
moments = st.datetimes(timezones=st.just(dt.UTC))


@every_letter
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_form_is_filled_in_as_the_template_says(
    letter: type[Contents], data: st.DataObject
) -> None:
    """A template must not look closer at a value than the form can."""
    values: dict[str, Any] = {}
    for each in fields(letter):
        kinds: dict[Any, Any] = {dt.datetime: moments, str | None: words.filter(bool) | st.none()}
        values[each.name] = data.draw(kinds.get(each.type, words))
    shown: dict[str, Any] = {
        name: value if value is None else _shown(name, value) for name, value in values.items()
    }

    def rendered(file: str) -> str:
        template = _environment().get_template(f"{letter.name}/{file}")
        return template.render(shown, link=LINK).strip()

    filled = render(letter(**values), LINK)
    assert filled.subject == " ".join(rendered("subject.txt").split())
    assert filled.text == re.sub(r"\n{3,}", "\n\n", rendered("body.txt")) + "\n"
    written = rendered("body.html").replace("&#39;", "&#x27;").replace("&#34;", "&quot;")
    assert filled.html == written + "\n"


def test_every_folder_of_templates_is_a_letter() -> None:
    folder = Path(__file__).parents[2] / "mailer" / "templates"
    assert {each.name for each in folder.iterdir() if each.is_dir()} == set(LETTERS)


def test_document_of_letters_is_current() -> None:
    document = Path(__file__).parents[2] / "docs" / "letters.md"
    assert document.read_text() == showcase(), "write docs/letters.md anew (make docs)"


@every_letter
def test_message_has_its_headers_and_no_others(letter: type[Contents]) -> None:
    sample = letter.sample()
    parsed = message(sample)
    assert parsed.keys() == HEADERS
    assert parsed["From"] == "Riverside Clinic <portal@mail.example>"
    assert parsed["To"] == "jane@example.org"
    assert parsed["Reply-To"] == "help@riverside.example"
    assert parsed["Date"].datetime == NOW
    assert parsed["Message-ID"] == f"<{ID.hex}@mail.example>"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Subject"] == render(sample, LINK).subject
    assert parsed.get_content_type() == "multipart/alternative"
    assert parts(parsed) == (render(sample, LINK).text, render(sample, LINK).html)


def test_message_is_the_same_to_the_byte_every_time() -> None:
    assert message(ConfirmRegistration.sample()).as_bytes() == (
        message(ConfirmRegistration.sample()).as_bytes()
    )


def test_link_can_be_read_in_the_raw_message() -> None:
    assert f"\n{LINK}\n" in message(ConfirmRegistration.sample()).as_string()
    foreign = replace(ConfirmRegistration.sample(), recipient_name="Zoë 日本語")
    assert f'<a href="{LINK}" style=' in message(foreign).as_string()


def test_lines_end_where_mail_servers_see_their_ends() -> None:
    sample = replace(PasswordReset.sample(), username="a\r\n.\r\nMAIL\r.\r\n\nb")
    text, markup = parts(message(sample))
    for said in (text, Page(markup).shown):
        assert "Your username is a\n.\nMAIL\n.\n\nb." in said


NASTY = [
    "Jane\r\nBcc: victim@example.org",
    "Jane\nSubject: You have won",
    'Jane" <victim@example.org>, "',
    "victim@example.org, Jane",
    "=?utf-8?q?Jane=0d=0aBcc:_victim@example.org?=",
    "a=?utf-8?b?SmFuZQ==?=",
    "<script>alert(1)</script>",
    "</p><a href='http://evil.example'>Click</a>",
    "http://evil.example/ Click here",
    "www.evil.example",
    "evil。example",
    "mail me at eve@evil.example",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe",
    "a\ud800b",
    "José Ñandú 日本語 👩‍⚕️",
    "Klinik Ä, Süd " * 20,
    "a, " * 60,
    "\x00\x1b[31m\u2028Jane\x85",
    "",
]
SEEN_AS_LINK = re.compile(r"https?://\S|www\.\w|[\w.+-]+@[\w-]+\.\w|\w\.[a-z]{2,}\b", re.IGNORECASE)


@pytest.mark.parametrize("name", NASTY)
@every_letter
def test_names_inject_nothing(letter: type[Contents], name: str) -> None:
    sample = letter.sample()
    names = {each.name: name for each in fields(letter) if each.name.endswith("_name")}
    parsed = message(replace(sample, **names))
    assert parsed.keys() == HEADERS
    assert [each.addr_spec for each in parsed["From"].addresses] == ["portal@mail.example"]
    assert [each.addr_spec for each in parsed["To"].addresses] == ["jane@example.org"]
    assert "\n" not in parsed["Subject"]
    text, markup = parts(parsed)
    page, plain = Page(markup), Page(render(sample, LINK).html)
    assert page.tags == plain.tags
    assert page.links == plain.links
    for said in (text, page.shown, parsed["Subject"]):
        ours = said.replace(LINK, "").replace("help@riverside.example", "")
        assert not SEEN_AS_LINK.search(ours), ours
        assert "\u202e" not in said


@pytest.mark.parametrize(
    "name",
    [
        "Jane Doe",
        "O'Brien-Smith, Jr.",
        "Dr. J.R. Tolkien",
        'Ann "Nan" Lee',
        "José Ñandú",
        "日本語",
        "علی",
        "𐍈 👩‍⚕️",
        "St. Mary's Hospital (North); Ward: 5",
        "=?",
    ],
)
def test_names_are_shown_as_they_are(name: str) -> None:
    sample = replace(AlreadyRegistered.sample(), recipient_name=name, organization_name=name)
    parsed = message(sample)
    shown = "= ?" if name == "=?" else name
    assert parsed["From"].addresses[0].display_name == shown
    assert parsed["Subject"] == f"You already have an account with {shown}"
    text, markup = parts(parsed)
    assert f"Hello {shown}," in text
    assert f"Hello {shown}," in Page(markup).shown


@given(st.text(max_size=140), st.text(alphabet=' ,"\\<>@;:()[]=?_-.éÄ日a\u0301\r\n', max_size=140))
@example("a,a, " * 30, "é, " * 60)
def test_any_name_gives_the_same_headers(name: str, organization: str) -> None:
    sample = replace(
        ConfirmRegistration.sample(), recipient_name=name, organization_name=organization
    )
    parsed = message(sample)
    assert parsed.keys() == HEADERS
    assert [each.addr_spec for each in parsed["From"].addresses] == ["portal@mail.example"]
    subject = f"Confirm your registration with {tame(organization)}".rstrip()
    assert parsed["Subject"] == " ".join(subject.split())
    compact = re.compile(r"\s+")
    shown = parsed["From"].addresses[0].display_name
    assert compact.sub("", shown) == compact.sub("", tame(organization))


def test_long_name_beyond_ascii_is_folded_right() -> None:
    name = "Klinik für Ärzte, Süd " * 4
    raw = message(replace(ConfirmRegistration.sample(), organization_name=name)).as_bytes()
    header = email.message_from_bytes(raw)["From"]
    assert str(make_header(decode_header(header.partition("<")[0].strip()))) == name.strip()
    assert max(map(len, raw.partition(b"\n\n")[0].split(b"\n"))) <= 78


def test_long_names_are_cut() -> None:
    assert tame("x" * 100) == "x" * 100
    assert tame("x" * 101) == "x" * 97 + "..."


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ("Jane.Doe+tag@Example.ORG", "Jane.Doe+tag@example.org"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("jane@München.example", "jane@xn--mnchen-3ya.example"),
        ("jürgen@example.org", "jürgen@example.org"),
        ("portal@localhost", "portal@localhost"),
    ],
)
def test_address_for_the_wire(typed: str, wire: str) -> None:
    assert mailbox(typed) == wire
    composed = compose(
        ID,
        render(AlreadyRegistered.sample(), LINK),
        sender="portal@mail.example",
        sender_name="Riverside",
        recipient=mailbox(typed),
        reply_to=mailbox(typed),
        written_at=NOW,
    )
    assert composed.recipient == wire
    assert f"\r\nTo: {wire}\r\n".encode() in composed.content
    parsed = email.message_from_string(composed.content.decode(), policy=email.policy.default)
    assert [each.addr_spec for each in parsed["To"].addresses] == [wire]
    assert ("Reply-To" in parsed) is wire.isascii()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "jane",
        "@example.org",
        "jane@",
        "jane@doe@example.org",
        "jane@example.org, eve@evil.example",
        "jane@example.org\r\nBcc: eve@evil.example",
        "Jane <jane@example.org>",
        '"jane doe"@example.org',
        "jane doe@example.org",
        "=?utf-8?q?eve?=@example.org",
        ".jane@example.org",
        "jane..doe@example.org",
        "jane@-example-.org",
        "jane@[127.0.0.1]",
        "j" * 250 + "@example.org",
    ],
)
def test_everything_but_one_address_is_refused_without_being_quoted(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^is (not one|an) e-mail address") as refusal:
        mailbox(typed)
    assert refusal.value.__cause__ is None
    assert not typed or typed not in str(refusal.value)
