"""The README's session is run as it stands: against the demo, and against PostgreSQL and SMTP."""

import asyncio
import os
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.crash.programs import ROOT, SECONDS, Server, demo, environment, run, server
from tests.mailbox import Mailbox

README = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:8000"
"""Where the README's demo is."""

PASSWORD = "seven herons over the river"
_END = "\x1e"

# The little of curl that the session asks for, where there is no curl.
_CURL = f"""#!{sys.executable}
import json, sys, urllib.request

headers, data, urls, words = {{}}, None, [], iter(sys.argv[1:])
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(":")
        if value.strip():
            headers[name] = value.strip()
    elif word == "-d":
        data = next(words).encode()
    elif word != "-s":
        urls.append(word)
(url,) = urls
with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
    sys.stdout.write(answer.read().decode())
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a session, and what it prints; `…` stands for anything."""

    command: str
    printed: str

    def accepts(self, output: str) -> bool:
        """Whether the output is what the README says."""
        parts = map(re.escape, self.printed.split("…"))
        return re.fullmatch(".*?".join(parts), output, re.DOTALL) is not None


def session(text: str) -> list[Step]:
    """The steps between `<!-- session -->` and `<!-- /session -->`, in fenced console blocks.

    A command begins with `$ `, and goes on in the next line after a backslash.
    """
    between = re.findall(r"<!-- session -->\n(.*?)<!-- /session -->", text, re.DOTALL)
    blocks = re.findall(r"^```console\n(.*?)^```$", "".join(between), re.DOTALL | re.MULTILINE)
    steps = []
    for said in re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)[1:]:
        command, rest = said, ""
        found = re.match(r"(?:.*\\\n)*.*\n", said)
        if found:
            command, rest = found[0], said[found.end() :]
        steps.append(Step(command.strip(), rest))
    return steps


async def perform(steps: list[Step], folder: Path, address: str, path: str) -> None:
    """Run the steps in one bash that stops at the first failure; each prints what it should."""
    script = "set -e\n" + "".join(
        f"{step.command.replace(ADDRESS, address)}\nprintf '{_END}'\n" for step in steps
    )
    process = await asyncio.create_subprocess_exec(
        *("bash", "--noprofile", "--norc", "-s"),
        cwd=folder,
        env={"PATH": path, "LC_ALL": "C.UTF-8"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(4 * SECONDS):
        out, err = await process.communicate(script.encode())
    *outputs, rest = out.decode().split(_END)
    for step, output in zip(steps, outputs, strict=False):
        if not step.accepts(output):
            told = f"$ {step.command}\n{output}The README says:\n{step.printed}"
            raise AssertionError(f"{told}{err.decode()}")
    if len(outputs) < len(steps) or rest or err or process.returncode:
        last = steps[len(outputs)].command if len(outputs) < len(steps) else "exit"
        ended = f"{rest}{err.decode()}exit status {process.returncode}"
        raise AssertionError(f"$ {last}\n{ended}")


def with_own_curl(folder: Path) -> str:
    """A PATH on which `curl` is ours."""
    place = folder / "bin"
    place.mkdir()
    curl = place / "curl"
    curl.write_text(_CURL)
    curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    return f"{place}:{os.defpath}"


async def test_readme_session_runs_against_the_demo(tmp_path: Path) -> None:
    path = os.environ["PATH"] if shutil.which("curl") else with_own_curl(tmp_path)
    async with demo(tmp_path) as address:
        await perform(session(README.read_text()), tmp_path, address, path)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_readme_session_runs_against_postgresql_and_a_real_mail_server(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox)
    made = await run(
        *("create-organization", "--name", "Riverside Clinic", "--slug", "riverside"),
        *("--department", "Family Medicine", "--admin-email", "olivia.admin@riverside.example"),
        *("--admin-first-name", "Olivia", "--admin-last-name", "Hart"),
        env=env,
        folder=tmp_path,
    )
    assert (made.status, made.complained) == (0, "")

    async with server(env, tmp_path) as running:
        await _open_the_clinic(running, mailbox)
        # The demo's letters are files; so are these, when they have come by SMTP.
        (folder := tmp_path / "var" / "mail").mkdir(parents=True)
        keeping = asyncio.create_task(_keep(mailbox, folder))
        address = str(running.client.base_url).rstrip("/")
        try:
            await perform(session(README.read_text()), tmp_path, address, with_own_curl(tmp_path))
        finally:
            keeping.cancel()

    assert [str(one["Subject"]) for one in mailbox.to("eva@example.com")] == [
        "Confirm your registration with Riverside Clinic",
        "Your account with Riverside Clinic is approved",
    ]
    assert [str(one["Subject"]) for one in mailbox.to("finn@example.com")] == [
        "Your new account with Riverside Clinic",
    ]
    assert len(mailbox.to("olivia.admin@riverside.example")) == 4


async def _open_the_clinic(running: Server, mailbox: Mailbox) -> None:
    """What the session finds there: an administrator, a practitioner, two pending clients."""

    async def last_token(to: str, count: int = 1) -> str:
        return Mailbox.token((await mailbox.wait(count, to=to))[-1])

    credentials = f"username: $username, password: {PASSWORD!r}".replace("'", '"')
    await running.ask(
        f"""mutation ($token: String!, $username: String!) {{
          invitationAccept(input: {{token: $token, {credentials}}}) {{ username }}
        }}""",
        token=await last_token("olivia.admin@riverside.example"),
        username="olivia.admin",
    )
    login = await running.ask(
        f"""mutation {{ login(input: {{
          organization: "riverside", username: "olivia.admin", password: "{PASSWORD}",
          surface: PORTAL
        }}) {{ session {{ accessToken }} }} }}"""
    )
    bearer = {"authorization": f"Bearer {login['login']['session']['accessToken']}"}

    async def do(document: str) -> Any:
        answer = await running.client.post("/graphql", json={"query": document}, headers=bearer)
        return answer.json()["data"]

    made = await do("""mutation {
      departmentCreate(input: {name: "Mental Health"}) { department { id } }
    }""")
    mental = made["departmentCreate"]["department"]["id"]
    roles = " ".join(
        f'{{role: PRACTITIONER, departmentId: "{department["id"]}"}}'
        for department in (await do("{ departments { id } }"))["departments"]
    )
    await do(f"""mutation {{ staffCreate(input: {{
      firstName: "Petra", lastName: "Novák", email: "petra.practice@riverside.example",
      roles: [{roles}]
    }}) {{ userErrors {{ code }} }} }}""")
    for username, first_name, last_name, department in (
        ("chloe.client", "Chloé", "Côté", mental),
        ("dan.client", "Dan", "Davies", None),
    ):
        form: dict[str, Any] = {
            "organization": "riverside",
            "firstName": first_name,
            "lastName": last_name,
            "email": f"{username}@riverside.example",
            "dateOfBirth": "1990-05-17",
            "departmentId": department,
        }
        await running.ask(
            """mutation ($form: ClientRegisterInput!) {
              clientRegister(input: $form) { accepted }
            }""",
            form=form,
        )
        await running.ask(
            f"""mutation ($token: String!, $username: String!) {{
              registrationConfirm(input: {{token: $token, {credentials}}}) {{ status }}
            }}""",
            token=await last_token(form["email"]),
            username=username,
        )


async def _keep(mailbox: Mailbox, folder: Path) -> None:
    """Write each letter into the folder as it comes."""
    for count in range(1, 1000):
        letters = await mailbox.wait(count, timeout=SECONDS)
        (folder / f"{count:04}.eml").write_bytes(bytes(letters[count - 1]))


SAMPLE = """\
Not this: `$ false`

<!-- session -->
```console
$ greet() { echo "hello $1"; }
$ greet \\
    world
hello world
```

Words between.

```sh
$ not this either
```

```console
$ NAME=$(greet there)
$ echo "$NAME"; date; echo {1,2}
hello …
1 2
$ curl --version > /dev/null
```
<!-- /session -->

```console
$ false
```
"""


def test_a_session_is_read_as_commands_and_what_they_print() -> None:
    assert session(SAMPLE) == [
        Step('greet() { echo "hello $1"; }', ""),
        Step("greet \\\n    world", "hello world\n"),
        Step("NAME=$(greet there)", ""),
        Step('echo "$NAME"; date; echo {1,2}', "hello …\n1 2\n"),
        Step("curl --version > /dev/null", ""),
    ]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([Step("echo one", "two\n")], "$ echo one\none\nThe README says:\ntwo"),
        ([Step("echo one", "")], "$ echo one\none"),
        ([Step("true", "one\n")], "The README says:\none"),
        ([Step("false", ""), Step("echo two", "two\n")], "$ false\nexit status 1"),
        ([Step("echo one; echo wrong >&2", "one\n")], "wrong"),
        ([Step("missing-command", "")], "missing-command"),
    ],
)
async def test_a_session_that_does_not_do_as_it_says_fails(
    tmp_path: Path, steps: list[Step], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        await perform(steps, tmp_path, ADDRESS, os.defpath)


async def test_a_session_that_does_as_it_says_passes(tmp_path: Path) -> None:
    await perform(session(SAMPLE)[:4], tmp_path, ADDRESS, os.defpath)


def test_the_readme_has_a_session() -> None:
    steps = session(README.read_text())

    assert len(steps) > 10
    for mutation in (
        *("clientRegister", "registrationConfirm", "clientApprove"),
        *("clientCreate", "invitationAccept", "staffAssociationsUpdate"),
        *("clientDeactivate", "clientReactivate"),
    ):
        assert any(mutation in step.command for step in steps)
