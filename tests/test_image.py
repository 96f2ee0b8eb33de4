"""The image and the composition, as far as can be seen without building them."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import playwright
import pytest

from portal.settings import Settings
from tests.crash.programs import ROOT, environment, program
from tests.test_docs import COMMANDS


class Step(NamedTuple):
    """An instruction of a Dockerfile, and what follows it."""

    name: str
    words: str

    @property
    def listed(self) -> list[str]:
        """What follows, where that is a list."""
        found: list[str] = json.loads(self.words)
        return found


def stages() -> list[list[Step]]:
    """The Dockerfile's stages, each with its steps."""
    text = re.sub(r"^#.*\n|\\\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[list[Step]] = []
    for line in filter(None, text.splitlines()):
        name, _, words = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Step(name, words.strip()))
    return found


def of(name: str, steps: list[Step]) -> list[Step]:
    return [step for step in steps if step.name == name]


def copied(steps: list[Step]) -> list[str]:
    """What comes from the checkout."""
    copies = [shlex.split(step.words) for step in of("COPY", steps)]
    return [source for *sources, _ in copies for source in sources if "--from" not in sources[0]]


def composed() -> dict[str, Any]:
    """The composition, read by the YAML library that Playwright brings."""
    driver = Path(playwright.__file__).parent / "driver"
    script = f"""
        const {{ yaml }} = require({json.dumps(str(driver / "package/lib/utilsBundle.js"))});
        const text = require("fs").readFileSync(process.argv[1], "utf8");
        process.stdout.write(JSON.stringify(yaml.parse(text, {{ merge: true }})));
    """
    command = [str(driver / "node"), "-e", script, str(ROOT / "compose.yaml")]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found


COMPOSED = composed()
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "vtconnect-portal"}
LAST = stages()[-1]
ENV = dict(pair.split("=", 1) for step in of("ENV", LAST) for pair in shlex.split(step.words))


def test_what_is_copied_is_there_and_nothing_else_reaches_the_builder() -> None:
    sources = [source for steps in stages() for source in copied(steps)]
    for source in sources:
        assert (ROOT / source).exists(), source
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(sources)


def test_it_is_the_python_that_the_locks_are_made_for() -> None:
    pythons = {step.words.split()[0] for steps in stages() for step in of("FROM", steps)}
    (version,) = re.findall(r"--python-version (\S+)", (ROOT / "Makefile").read_text())
    assert pythons == {"node:22-slim", f"python:{version}-slim"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={version}"


def test_it_installs_by_the_lock_as_make_does() -> None:
    (pip,) = re.findall(r"PIP := \$\(PYTHON\) -m (pip .+)", (ROOT / "Makefile").read_text())
    (run,) = [
        step.words for steps in stages() for step in of("RUN", steps) if "pip install" in step.words
    ]
    assert {*pip.split(), "-r", "requirements.lock"} <= {*run.split()}
    assert "--require-hashes" in run
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    assert all("integrity" in one for name, one in lock["packages"].items() if name)


def test_what_runs_is_nobody_in_particular_and_cannot_build_anything() -> None:
    names = [step.name for step in LAST]
    (user,) = of("USER", LAST)
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user.words)
    assert not {"COPY", "RUN"} & {*names[names.index("USER") :]}
    assert [step.words.split()[:3] for step in of("RUN", LAST)] == [["python", "-m", "compileall"]]
    assert [step.words for step in of("STOPSIGNAL", LAST)] == ["SIGTERM"]
    assert all(f"COPY {room} {room}" in (ROOT / "Dockerfile").read_text() for room in copied(LAST))


async def test_what_is_copied_serves_is_well_writes_nothing_and_ends_in_order(
    url: str, tmp_path: Path
) -> None:
    place = tmp_path / "portal"
    for source in copied(LAST):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, place / source, ignore=ignored)
    before = listed(place)
    (entry,), (command,) = of("ENTRYPOINT", LAST), of("CMD", LAST)
    assert entry.listed == ["python", "-m", "portal"]
    words = [word.replace("8000", "0") for word in command.listed]
    assert words[words.index("--host") + 1] == "0.0.0.0"  # noqa: S104 - in a container
    env = {**environment(url, tmp_path / "mail"), **ENV, "PYTHONPATH": str(place)}
    async with program(*words, env=env, folder=place) as running:
        port = (await running.until(r"running on http://0\.0\.0\.0:(\d+)"))[1]
        await running.until("Application startup complete")
        assert how_it_is(port) == 0
        running.signal(signal.SIGTERM)
        assert (await running.end()).status == 0
    assert how_it_is(port) != 0
    assert listed(place) == before


def listed(place: Path) -> set[Path]:
    return set(place.rglob("*"))


def how_it_is(port: str) -> int:
    """What the image's health check says of the port."""
    (check,) = of("HEALTHCHECK", LAST)
    _, _, command = check.words.partition("CMD ")
    python, *arguments = [word.replace("8000", port) for word in json.loads(command)]
    assert python == "python"
    ended = subprocess.run([sys.executable, *arguments], stderr=subprocess.DEVNULL, check=False)
    return ended.returncode


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["image"] == "vtconnect-portal" or re.search(r":v?\d", service["image"])
    assert name in OURS or service["user"] not in ("root", "0")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_what_there_is_with_settings_that_there_are(name: str) -> None:
    service = OURS[name]
    assert service["command"][0] in COMMANDS
    settings = composed_settings(service)
    assert settings.database_url == f"postgresql://portal:{SECRET}@database/portal"
    assert settings.secrets == [SECRET]
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace >= settings.drain_seconds + settings.notice_seconds + 10
    for other, how in service["depends_on"].items():
        assert other in SERVICES
        assert how["condition"] in ("service_healthy", "service_completed_successfully")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_told_of_an_earlier_secret_where_there_is_one(name: str) -> None:
    settings = composed_settings(OURS[name], PREVIOUS_SECRET_KEY=EARLIER)
    assert settings.secrets == [SECRET, EARLIER]


SECRET = "0123456789-abcdefgh_ijklmnopqrstuvw"
EARLIER = SECRET[::-1]


def composed_settings(service: dict[str, Any], **environment: str) -> Settings:
    """What one of our containers is told, with secrets in the environment and what is given."""
    given = {"SECRET_KEY": SECRET, "POSTGRES_PASSWORD": SECRET, **environment}
    told = {name.lower(): filled(text, given) for name, text in service["environment"].items()}
    assert told.keys() <= Settings.model_fields.keys()
    return Settings.read(**told)


def filled(text: str, environment: Mapping[str, str]) -> str:
    """The text with what the environment says, or else what stands behind `:-`."""
    return re.sub(
        r"\$\{(\w+):(?:-([^}]*)|\?[^}]+)\}",
        lambda found: environment.get(found[1]) or found[2],
        text,
    )


def test_nothing_starts_without_secrets_and_none_is_written_down() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        assert re.findall(rf"\$\{{{name}(:\?|)", text) == [":?"] * text.count(f"${{{name}")
    assert {*re.findall(r"\$\{(\w+)", text)} - {"POSTGRES_PASSWORD"} <= {
        name.upper() for name in Settings.model_fields
    }
