"""What the environment may say, and what a program answers that cannot work with it."""

import re
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from models import Database
from portal.cli import main
from portal.settings import BadSettings, Settings
from tests.conftest import Databases
from tests.crash.programs import ROOT, SECRET_KEY, environment, run
from tests.mailbox import Mailbox

NAMES = [name.upper() for name in Settings.model_fields]

README = ROOT / "README.md"

BAD = [
    ("DATABASE_URL", "", "is not the URL of a database"),
    ("DATABASE_URL", "portal.sqlite3", "is not the URL of a database"),
    ("DATABASE_URL", "postgresql://u:hunter2@h:port/d", "is not the URL of a database"),
    ("DATABASE_URL", "mysql://u:hunter2@h/d", "'mysql'; sqlite and postgresql are supported"),
    ("DATABASE_URL", "sqlite://", "must name a file, as in sqlite:///var/portal.sqlite3"),
    ("DATABASE_URL", "sqlite:///:memory:", "must name a file"),
    ("DATABASE_URL", "postgresql://u:hunter2@h/d?sslmode=hunter2", "has a sslmode that is none of"),
    ("DATABASE_URL", "postgresql://u@h/d?passfile=hunter2", "asks for more than ?sslmode="),
    ("MAIL_URL", "", "must begin with smtp://, smtp+starttls://, smtps:// or file:///"),
    ("MAIL_URL", "mail.example.org", "must begin with smtp://"),
    ("MAIL_URL", "http://u:hunter2@h", "must begin with smtp://"),
    ("MAIL_URL", "smtp://u:hunter2@", "must name a host"),
    ("MAIL_URL", "smtp://hunter2@h", "must have a user and a password, or neither"),
    ("MAIL_URL", "smtp://u:hunter2@h:port", "is not a URL with a host and a port"),
    ("MAIL_URL", "smtp://u:hunter#2@h", "is not a URL with a host and a port"),
    ("MAIL_URL", "smtp://u:hunter2@h/?tls", "must not contain ? or #"),
    ("MAIL_URL", "file://var/mail", "must name a directory from the root"),
    ("MAIL_FROM", "", "is not one e-mail address"),
    ("MAIL_FROM", "hunter2", "is not one e-mail address"),
    ("MAIL_FROM", "a@hunter2.example, b@b.example", "is not one e-mail address"),
    ("MAIL_FROM", "a@b.example\r\nBcc: hunter2@b.example", "is not one e-mail address"),
    ("PUBLIC_URL", "", "must be an address as in https://portal.example.org"),
    ("PUBLIC_URL", "portal.example.org", "must be an address as in"),
    ("PUBLIC_URL", "javascript:hunter2()", "must be an address as in"),
    ("PUBLIC_URL", "ftp://portal.example.org", "must be an address as in"),
    ("PUBLIC_URL", "https://", "must be an address as in"),
    ("PUBLIC_URL", "//portal.example.org", "must be an address as in"),
    ("PUBLIC_URL", "https://[::1", "must be an address as in"),
    ("PUBLIC_URL", "https://portal.example.org:port", "must be an address as in"),
    ("PUBLIC_URL", "https://portal.example.org:99999", "must be an address as in"),
    ("PUBLIC_URL", "https://portal .example.org", "must be an address as in"),
    ("PUBLIC_URL", "https://u:hunter2@portal.example.org", "without user, query and fragment"),
    ("PUBLIC_URL", "https://:hunter2@portal.example.org", "without user, query and fragment"),
    ("PUBLIC_URL", "https://@portal.example.org", "without user, query and fragment"),
    ("PUBLIC_URL", "https://portal.example.org/?hunter2", "without user, query and fragment"),
    ("PUBLIC_URL", "https://portal.example.org/#hunter2", "without user, query and fragment"),
    ("PUBLIC_URL", "https://portal.example.org/hunter2", "without a path"),
    ("SECRET_KEY", None, "is not set: it must be at least 32 random characters"),
    ("SECRET_KEY", "", "must be at least 32 random characters; make one with python3 -c"),
    ("SECRET_KEY", "hunter2", "must be at least 32 random characters"),
    ("SECRET_KEY", "hunter2" * 30, "must be at least 32 random characters"),
    ("SECRET_KEY", "a" * 64, "must be at least 32 random characters"),
    ("PREVIOUS_SECRET_KEY", "hunter2", "must be at least 32 random characters"),
    ("PASSWORD_LENGTH", "7", "greater than or equal to 8"),
    ("PASSWORD_LENGTH", "65", "less than or equal to 64"),
    ("PASSWORD_LENGTH", "hunter2", "valid integer"),
    ("KEEP_LETTERS_DAYS", "0", "greater than or equal to 1"),
    ("KEEP_DELIVERIES_DAYS", "0", "greater than or equal to 1"),
    ("KEEP_LINKS_DAYS", "6", "greater than or equal to 7"),
    ("KEEP_SESSIONS_DAYS", "hunter2", "valid integer"),
    ("KEEP_READS_DAYS", "29", "greater than or equal to 30"),
    ("COURIER_LEASE", "4", "greater than or equal to 5"),
    ("COURIER_LEASE", "61", "less than or equal to 60"),
    ("THROTTLE", "0", "greater than 0"),
    ("THROTTLE", "-1", "greater than 0"),
    ("THROTTLE", "nan", "finite number"),
    ("THROTTLE", "inf", "finite number"),
    ("THROTTLE", "hunter2", "valid number"),
    ("PUBLIC_URL", "https://pörtal.example.org", "must be an address as in"),
    ("ALLOWED_HOSTS", "hunter2:8000", "must be names of hosts, as in portal.example.org"),
    ("ALLOWED_HOSTS", "*", "must be names of hosts"),
    ("ALLOWED_HOSTS", "https://hunter2", "must be names of hosts"),
    ("ALLOWED_HOSTS", "a.example hunter2_b", "must be names of hosts"),
    ("CORS_ORIGINS", "*", "must be origins, as in https://portal.example.org"),
    ("CORS_ORIGINS", "null", "must be origins"),
    ("CORS_ORIGINS", "hunter2.example", "must be origins"),
    ("CORS_ORIGINS", "https://hunter2.example/", "must be origins"),
    ("CORS_ORIGINS", "https://a.example,ftp://hunter2.example", "must be origins"),
    ("CORS_ORIGINS", "https://@hunter2.example", "without user, query and fragment"),
    ("TRUSTED_PROXIES", "*", "must be addresses or networks, as in 10.0.0.0/8"),
    ("TRUSTED_PROXIES", "hunter2", "must be addresses or networks"),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "must be addresses or networks"),
    ("OPERATIONS_AT_ONCE", "0", "greater than or equal to 1"),
    ("DRAIN_SECONDS", "0", "greater than or equal to 1"),
    ("NOTICE_SECONDS", "-1", "greater than or equal to 0"),
    ("LETTERS_LATE_SECONDS", "59", "greater than or equal to 60"),
    ("METRICS_LISTEN", "9464", "must be an address and a port, as in 127.0.0.1:9464"),
    ("METRICS_LISTEN", "hunter2:9464", "must be an address and a port"),
    ("METRICS_LISTEN", "127.0.0.1:hunter2", "must be an address and a port"),
    ("METRICS_LISTEN", "127.0.0.1:65536", "must be an address and a port"),
    ("METRICS_LISTEN", "127.0.0.1", "must be an address and a port"),
    ("TRACES_URL", "collector:4318", "must be an address with its path"),
    ("TRACES_URL", "http://hunter2:4318", "as in http://collector:4318/v1/traces"),
    ("TRACES_URL", "https://u:hunter2@h/v1/traces", "without user, query and fragment"),
    ("TRACES_URL", "https://:hunter2@h/v1/traces", "without user, query and fragment"),
    ("LOG_FORMAT", "hunter2", "'auto', 'json' or 'text'"),
    ("LOG_LEVEL", "hunter2", "'info', 'warning' or 'error'"),
]

AWAY = "postgresql://u:hunter2@127.0.0.1:1/d"

Says = Callable[..., tuple[int, str, str]]


@pytest.fixture
def says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Says:
    """How a command ends in this environment, and what it prints and complains."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("DATABASE_URL", AWAY)  # what is let in by mistake ends all the same

    def command(*words: str, **values: str | None) -> tuple[int, str, str]:
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["portal", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


@pytest.mark.parametrize(("name", "value", "told"), BAD)
def test_bad_setting_is_one_clear_line_without_its_value(
    says: Says, tmp_path: Path, name: str, value: str | None, told: str
) -> None:
    status, printed, complained = says("migrate", **{name: value})
    assert (status, printed) == (2, "")
    assert complained.startswith(f"{name}")
    assert told in complained
    assert complained.count("\n") == 1
    assert "hunter2" not in complained
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_wrong_is_told_at_once(says: Says) -> None:
    status, _, complained = says(
        "migrate", DATABASE_URL="x", MAIL_URL="smtp://u:hunter2@", SECRET_KEY="short"
    )
    assert status == 2
    assert [part.partition(":")[0] for part in complained.split("; ")[:3]] == [
        "DATABASE_URL",
        "MAIL_URL",
        "SECRET_KEY",
    ]
    assert complained.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["courier"],
        ["populate", "--organizations", "1", "--clients", "1"],
        [
            "create-organization", "--name", "X", "--slug", "x", "--department", "D",
            "--admin-email", "o@x.example", "--admin-first-name", "O", "--admin-last-name", "H",
        ],
    ],
)  # fmt: skip
def test_a15_every_command_that_needs_settings_refuses_a_weak_secret(
    says: Says, words: list[str]
) -> None:
    status, printed, complained = says(*words, SECRET_KEY="hunter2")
    assert (status, printed) == (2, "")
    assert complained.startswith("SECRET_KEY: must be at least 32 random characters")
    assert "hunter2" not in complained


def test_secrets_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = "smtps://portal:hunter2@mail.example.org"
    before = secrets.token_urlsafe(48)
    settings = Settings.read(secret_key=SECRET_KEY, previous_secret_key=before, mail_url=url)
    for secret in ("hunter2", SECRET_KEY, before):
        assert secret not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("https://portal.example.org", "https://portal.example.org"),
        ("HTTPS://Portal.Example.org", "https://portal.example.org"),
        ("https://portal.example.org:443", "https://portal.example.org"),
        ("https://portal.example.org:0443", "https://portal.example.org"),
        ("https://portal.example.org:", "https://portal.example.org"),
        ("http://portal.example.org:80", "http://portal.example.org"),
        ("https://portal.example.org:80", "https://portal.example.org:80"),
        ("http://portal.example.org:443", "http://portal.example.org:443"),
        ("https://portal.example.org:8443", "https://portal.example.org:8443"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_are_taken_as_browsers_name_them(said: str, named: str) -> None:
    settings = Settings.read(secret_key=SECRET_KEY, public_url=said, cors_origins=[said])
    assert settings.public_url == named
    assert settings.cors_origins == (named,)
    assert Settings.read(secret_key=SECRET_KEY, public_url=f"{said}/").public_url == named


def test_lists_are_parted_by_commas_or_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PUBLIC_URL", "https://Portal.example.org:8443/")
    monkeypatch.setenv("ALLOWED_HOSTS", "A.example, b.example  [::2],")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example,http://B.example:8080")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8 ::1")
    settings = Settings.read()
    assert settings.allowed_hosts == ("a.example", "b.example", "[::2]")
    assert settings.cors_origins == ("https://a.example", "http://b.example:8080")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.hosts == {
        *("portal.example.org", "a.example", "b.example", "[::2]"),
        *("localhost", "127.0.0.1", "[::1]"),
    }


def test_metrics_are_at_an_address_and_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    for said, where in {
        "127.0.0.1:9464": ("127.0.0.1", 9464),
        "0.0.0.0:0": ("0.0.0.0", 0),  # noqa: S104 - nobody listens
        "[::1]:9464": ("::1", 9464),
        "": None,
    }.items():
        monkeypatch.setenv("METRICS_LISTEN", said)
        assert Settings.read().metrics_listen == where


def test_traces_go_to_a_whole_address_or_nowhere(
    says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "https://collector.example.org/otlp/v1/traces"
    for said, told in {where: where, "": None}.items():
        monkeypatch.setenv("TRACES_URL", said)
        assert Settings.read().traces_url == told


def test_readme_tells_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| (.+) \|$", README.read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(NAMES)
    told = dict(rows)
    for name, field in Settings.model_fields.items():
        assert field.description
        if isinstance(field.default, int | str):
            assert told[name.upper()] == f"`{field.default}`"


def test_env_file_is_read_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(BadSettings, match=r"^SECRET_KEY is not set"):
        Settings.read()
    written, given = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
    (tmp_path / ".env").write_text(f"SECRET_KEY={written}\nPASSWORD_LENGTH=20\nOTHER=1\n")
    assert Settings.read().secret_key.get_secret_value() == written
    assert Settings.read().password_length == 20
    monkeypatch.setenv("SECRET_KEY", given)
    assert Settings.read().secret_key.get_secret_value() == given


def test_database_that_is_away_is_one_line(says: Says) -> None:
    assert says("migrate", DATABASE_URL=AWAY) == (1, "", "DATABASE_URL: the database is away\n")


def test_folder_of_the_database_is_made_or_told(says: Says, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path / 'file' / 'portal.sqlite3'}"
    told = "DATABASE_URL: the folder of the database cannot be made\n"
    assert says("migrate", DATABASE_URL=url) == (1, "", told)
    assert says("migrate", DATABASE_URL=None)[0] == 0
    assert (tmp_path / "var" / "portal.sqlite3").exists()


@pytest.fixture
async def server(databases: Databases) -> AsyncIterator[str]:
    """A fresh database of PostgreSQL: SQLite asks nobody for a password, and has no TLS."""
    url = await databases.postgresql()
    yield url
    await databases.drop(url)


@pytest.mark.parametrize("suffix", ["", "?sslmode=disable", "?sslmode=prefer"])
@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_postgresql_is_understood_in_both_spellings_and_with_sslmode(
    server: str, scheme: str, suffix: str
) -> None:
    spelled = server.replace("postgresql://", f"{scheme}://") + suffix
    database = Database(spelled)
    one = await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    await database.close()
    assert one == 1


@pytest.mark.parametrize("wrong", [{"password": "hunter2"}, {"database": "nowhere"}])
async def test_database_that_lets_nobody_in_is_one_line(
    server: str, mailbox: Mailbox, tmp_path: Path, wrong: dict[str, str]
) -> None:
    spelled = make_url(server).set(**wrong).render_as_string(hide_password=False)  # type: ignore[arg-type]
    ended = await run("migrate", env=environment(spelled, mailbox), folder=tmp_path)
    assert (ended.status, ended.said) == (1, "")
    assert ended.complained == "DATABASE_URL: the database is away\n"


async def test_server_without_tls_is_refused_where_it_is_required(
    server: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(f"{server}?sslmode=require", mailbox)
    ended = await run("migrate", env=env, folder=tmp_path)
    assert (ended.status, ended.said) == (1, "")
    assert ended.complained == "DATABASE_URL: the database is away\n"


@pytest.mark.parametrize("secret", [{}, {"SECRET_KEY": "0" * 40}])
async def test_a15_serve_refuses_a_weak_secret_before_it_listens(
    mailbox: Mailbox, tmp_path: Path, secret: dict[str, str]
) -> None:
    env = environment(f"sqlite:///{tmp_path / 'x.sqlite3'}", mailbox)
    del env["SECRET_KEY"]
    ended = await run("serve", "--port", "0", env=env | secret, folder=tmp_path)
    assert (ended.status, ended.said) == (2, "")
    assert ended.complained.startswith("SECRET_KEY")
    assert "must be at least 32 random characters" in ended.complained
    assert ended.complained.count("\n") == 1
