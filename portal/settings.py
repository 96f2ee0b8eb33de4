"""What the environment says. Nothing below this room reads it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mailer import mailbox, transport
from models.database import address
from portal.places import (
    LOOPBACK,
    Network,
    bare_host,
    collector,
    door,
    host,
    listed,
    network,
    origin,
    public,
)
from resolvers import Retention

SECRET_LENGTH = 32


class BadSettings(Exception):
    """What is wrong with the environment, in one line and without any value of it."""


def _database(url: str) -> str:
    address(url)
    return url


def _mail(url: SecretStr) -> SecretStr:
    transport(url.get_secret_value())
    return url


def _sender(text: str) -> str:
    mailbox(text)
    return text


def _secret(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if len(value) < SECRET_LENGTH or len(set(value)) < SECRET_LENGTH // 4:
        raise ValueError(
            f"must be at least {SECRET_LENGTH} random characters; make one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return secret


def _secret_before(secret: SecretStr | None) -> SecretStr | None:
    return _secret(secret) if secret else None


class Settings(BaseSettings):
    """The environment, read and checked. `Settings.read()` is the way to get it."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", hide_input_in_errors=True
    )

    database_url: Annotated[str, AfterValidator(_database)] = Field(
        default="sqlite:///var/portal.sqlite3",
        description="`sqlite:///path`, `postgresql://…` or `postgres://…`, with `?sslmode=`.",
    )
    mail_url: Annotated[SecretStr, AfterValidator(_mail)] = Field(
        default_factory=lambda: SecretStr(f"file://{Path('var/mail').resolve()}"),
        description="`smtp://`, `smtp+starttls://`, `smtps://` with user and password, or "
        "`file:///directory` for one `.eml` file a letter.",
    )
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        default="portal@localhost.localdomain",
        description="The address that letters come from.",
    )
    public_url: Annotated[str, AfterValidator(public)] = Field(
        default="http://127.0.0.1:8000",
        description="Where people reach the portal: the only source of links in letters.",
    )
    secret_key: Annotated[SecretStr, AfterValidator(_secret)] = Field(
        description="At least 32 random characters; tokens are made and secrets encrypted with it. "
        "No default.",
    )
    previous_secret_key: Annotated[SecretStr | None, AfterValidator(_secret_before)] = Field(
        default=None,
        description="What SECRET_KEY was before: what was made with it is read still. None when "
        "empty.",
    )
    password_length: int = Field(
        default=15, ge=8, le=64, description="The least number of characters of a password."
    )
    throttle: float = Field(
        default=1,
        gt=0,
        allow_inf_nan=False,
        description="What the budgets of sign-ins, registrations and mails are multiplied by.",
    )
    courier_lease: int = Field(
        default=60,
        ge=5,
        le=60,
        description="Seconds for which a courier has a letter to itself: how long one may lie "
        "after a courier was killed. An attempt may take five sixths of it.",
    )

    webhooks_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may be sent to this machine, to private networks, and by "
        "`http://`: for tests and demonstrations only.",
    )

    @property
    def secrets(self) -> list[str]:
        """The secret that makes and encrypts, and those that only read."""
        known = (self.secret_key, self.previous_secret_key)
        return [one.get_secret_value() for one in known if one]

    allowed_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(host)], ...], NoDecode, BeforeValidator(listed)
    ] = Field(
        default=(),
        description="Names under which the server is reached besides that of `PUBLIC_URL` and this "
        "machine's own (`localhost`, `127.0.0.1`).",
    )
    cors_origins: Annotated[
        tuple[Annotated[str, AfterValidator(origin)], ...], NoDecode, BeforeValidator(listed)
    ] = Field(
        default=(),
        description="Origins of other web pages that may use the API, as browsers name them.",
    )
    trusted_proxies: Annotated[
        tuple[Annotated[Network, BeforeValidator(network)], ...],
        NoDecode,
        BeforeValidator(listed),
    ] = Field(
        default=(),
        description="Addresses and networks of one's own proxies: only they are believed when "
        "their `X-Forwarded-For` says whom they speak for.",
    )
    operations_at_once: int = Field(
        default=256,
        ge=1,
        description="How many operations a process works on at once; more are asked to come again.",
    )
    live_at_once: int = Field(
        default=1000,
        ge=1,
        description="How many subscriptions a process serves at once; more are asked to come "
        "again.",
    )
    drain_seconds: int = Field(
        default=20,
        ge=1,
        description="For how many seconds a server that ends waits for requests under way.",
    )
    notice_seconds: int = Field(
        default=0,
        ge=0,
        description="For how many seconds a server that was told to end goes on listening while "
        "`/readyz` says no, so that whoever balances load can look elsewhere.",
    )
    letters_late_seconds: int = Field(
        default=3600,
        ge=60,
        description="How long a letter may be overdue before `/readyz` says no.",
    )
    keep_letters_days: int = Field(
        default=90,
        ge=1,
        description="How many days the row of a letter stays after it was sent or given up.",
    )
    keep_deliveries_days: int = Field(
        default=90,
        ge=1,
        description="How many days the row of an event to a webhook stays after it was sent or "
        "given up.",
    )
    keep_links_days: int = Field(
        default=90,
        ge=7,
        description="How many days the row of a link to a person stays after it was made.",
    )
    keep_sessions_days: int = Field(
        default=30,
        ge=1,
        description="How many days the row of a session stays after it ended.",
    )
    keep_reads_days: int = Field(
        default=2192,
        ge=30,
        description="How many days it stays known who opened which client's record: six years.",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="`json` for machines, `text` for people, `auto`: text in a terminal only.",
    )
    log_level: Literal["info", "warning", "error"] = Field(
        default="info",
        description="From where on events are logged; operations are `info`.",
    )

    metrics_listen: Annotated[tuple[str, int] | None, NoDecode, BeforeValidator(door)] = Field(
        default=None,
        description="Where `/metrics` is answered, as in `127.0.0.1:9464`: an address of its own. "
        "Nowhere when empty.",
    )
    traces_url: Annotated[str | None, AfterValidator(collector)] = Field(
        default=None,
        description="Where a collector takes traces by OTLP/HTTP, as in "
        "`http://collector:4318/v1/traces`. Nowhere when empty.",
    )

    @property
    def retention(self) -> Retention:
        """For how long rows stay that nothing needs any more."""
        return Retention(
            letters=self.keep_letters_days,
            deliveries=self.keep_deliveries_days,
            links=self.keep_links_days,
            sessions=self.keep_sessions_days,
            reads=self.keep_reads_days,
        )

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which requests may come."""
        return frozenset({bare_host(self.public_url), *self.allowed_hosts, *LOOPBACK})

    @classmethod
    def read(cls, **given: object) -> "Settings":
        """The settings; what is `given` goes before the environment. Raises `BadSettings`."""
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as wrong:
            raise BadSettings("; ".join(_sentence(error) for error in wrong.errors())) from None


def _sentence(error: object) -> str:
    name = str(error["loc"][0]).upper()  # type: ignore[index]
    if error["type"] == "missing":  # type: ignore[index]
        return f"{name} is not set: it must be at least {SECRET_LENGTH} random characters"
    said = str(error["msg"]).removeprefix("Value error, ")  # type: ignore[index]
    return f"{name}: {said}"
