"""The TypeScript example: it compiles against the schema only, and its journeys run on a server."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from models import ClientStatus as Status
from tests.clients.network import Network
from tests.clients.place import Place
from tests.crash.programs import ROOT, Ended, Program, server
from tests.edge.proxy import Proxy
from tests.world import PASSWORD

EXAMPLE = ROOT / "examples" / "typescript"
MODULES = EXAMPLE / "node_modules"
PATH = os.environ["PATH"]

pytestmark = [
    pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm"),
    pytest.mark.skipif(not MODULES.exists(), reason="`make install` has not got its libraries"),
]


def copied(folder: Path) -> Path:
    """A copy of the example in a checkout of its own, with the schema and the operations."""
    shutil.copy(ROOT / "schema.graphql", folder)
    shutil.copytree(ROOT / "operations", folder / "operations")
    made = ("node_modules", "built", "generated.ts")
    place = folder / "examples" / "typescript"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns(*made))
    (place / "node_modules").symlink_to(MODULES)
    return place


def build(place: Path) -> subprocess.CompletedProcess[str]:
    """Run its build: documents with their types first, then `tsc`."""
    command = ["npm", "run", "--silent", "build"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's program, built."""
    place = copied(tmp_path_factory.mktemp("typescript"))
    done = build(place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "built" / "main.js"


@asynccontextmanager
async def begun(program: Path, journey: str, address: str, who: str) -> AsyncIterator[Program]:
    """A journey of somebody at Riverside; there may be options behind its name."""
    name, *options = journey.split(" ", 1)
    words = "node", program, name, address, "riverside", who
    process = await asyncio.create_subprocess_exec(
        *words,
        *options,
        env={"PATH": PATH, "PORTAL_PASSWORD": PASSWORD},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Program(process)
    try:
        yield running
    finally:
        await running.kill()


async def travel(program: Path, journey: str, address: str, who: str) -> Ended:
    """Run a journey to its end."""
    async with begun(program, journey, address, who) as running:
        return await running.end()


# --- what the compiler holds --------------------------------------------------------------------


def test_nothing_goes_past_the_compiler() -> None:
    """No `any`, no assertion of a type, no comment to the compiler."""
    past = re.compile(r"[:<|,(] ?any\b|\bas (any|unknown)\b|\w!\.|@ts-")
    files = [path for path in (EXAMPLE / "src").glob("*.ts") if path.name != "generated.ts"]
    assert len(files) > 5
    assert {path.name: past.findall(path.read_text()) for path in files} == {
        path.name: [] for path in files
    }


def test_the_lock_has_digests_and_names_no_place() -> None:
    text = (EXAMPLE / "package-lock.json").read_text()
    assert '"integrity"' in text
    assert "://" not in text


def test_an_operation_that_fits_the_schema_no_more_is_not_built(tmp_path: Path) -> None:
    place = copied(tmp_path)
    asked = tmp_path / "operations" / "organization.graphql"
    asked.write_text(asked.read_text().replace("departments {", "wards {"))
    done = build(place)
    assert done.returncode == 1
    assert 'Cannot query field "wards" on type "Query"' in done.stderr
    assert not (place / "built").exists()


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        ("  totalCount: Int!", "  totalCount: Int", None),
        ("  NOT_PENDING\n", "  DECIDED\n", r'journeys\.ts\(\d+,\d+\): error TS2678: Type \'"NOT_P'),
        (
            "  choices: [ChoosableDepartment!]\n",
            "  choices: [ChoosableDepartment]\n",
            r"journeys\.ts\(\d+,\d+\): error TS\d+: .*null",
        ),
        (
            "input ClientApproveInput {\n",
            'input ClientApproveInput {\n  """Why."""\n  why: String!\n\n',
            r"journeys\.ts\(\d+,\d+\): error TS\d+: .*'why' is missing",
        ),
    ],
)
def test_what_the_code_has_not_thought_of_is_not_compiled(
    tmp_path: Path, was: str, becomes: str, complaint: str | None
) -> None:
    place = copied(tmp_path)
    schema = tmp_path / "schema.graphql"
    assert was in schema.read_text()
    schema.write_text(schema.read_text().replace(was, becomes))
    done = build(place)
    assert done.returncode == (1 if complaint else 0)
    assert not complaint or re.search(complaint, done.stdout, re.DOTALL), done.stdout
    assert (place / "built").exists() is (complaint is None)


# --- what it does -------------------------------------------------------------------------------


async def test_signing_in_outlives_its_token_and_lost_answers(program: Path, place: Place) -> None:
    asked = {"Departments", "ClientCount"}
    refused = asyncio.Event()
    seen = set[str]()

    async def before(name: str) -> None:
        if name == "Login":
            await place.expire()
        elif name == "SessionRefresh":
            await refused.wait()
        seen.add(name)
        if asked <= seen:
            refused.set()

    async with Network(place.address, loses=["SessionRefresh", "Logout"], before=before) as network:
        ended = await travel(program, "sign-in", network.address, "dora")
    assert (ended.status, ended.complained) == (0, "")
    assert ended.said.endswith("Family Medicine, Mental Health, Physiotherapy: 1 wait.\n")
    assert Counter(one.name for one in network.sent) == {
        "Login": 1,
        "SessionRefresh": 2,  # for both together, and again as its answer was lost
        **dict.fromkeys(asked, 2),
        "Viewer": 1,
        "Logout": 2,
    }


async def test_who_is_not_let_in_or_let_go_is_told_why(program: Path, place: Place) -> None:
    async with Network(place.address) as network:
        ended = await travel(program, "sign-in", network.address, "chloe")
        assert (ended.status, ended.said) == (1, "")
        assert ended.complained.startswith("FORBIDDEN: You may not ask for Query.")
        assert network.times("ClientCount") == 1
        ended = await travel(program, "sign-in", network.address, "ivan")
        assert (ended.status, ended.said) == (1, "")
        assert ended.complained.startswith("STAFF_INACTIVE: Your account is inactive")
        assert network.times("Login") == 2

    async with Network(place.address, loses=["Login"]) as network:
        ended = await travel(program, "sign-in", network.address, "dora")
        assert (ended.status, ended.said) == (1, "")
        assert ended.complained == "The portal did not answer.\n"
        assert network.times("Login") == 1  # nobody knows whether it was done

    async def before(name: str) -> None:
        if name == "Login":
            await place.end()

    async with Network(place.address, before=before) as network:
        ended = await travel(program, "approve", network.address, "dora")
        assert (ended.status, ended.said) == (1, "")
        assert "sign in again" in ended.complained.lower()
        assert [one.name for one in network.sent] == ["Login", "Clients", "SessionRefresh"]
    assert await place.status("chloe") is Status.PENDING


async def test_what_may_be_sent_again_is_and_done_once(program: Path, place: Place) -> None:
    async with Network(place.address, loses=["ClientApprove"], away=["Clients"]) as network:
        ended = await travel(program, "approve", network.address, "dora")
    assert (ended.status, ended.complained) == (0, "")
    assert ended.said == "Chloe Client: approved.\n"
    assert [one.name for one in network.sent] == [
        *("Login", "Clients", "Clients", "ClientApprove", "ClientApprove", "Logout")
    ]
    (key,) = {one.key for one in network.sent if one.name == "ClientApprove"}
    assert key
    assert await place.status("chloe") is Status.ACTIVE


async def test_who_was_not_sure_is_left_until_a_department_is_named(
    program: Path, place: Place
) -> None:
    ended = await travel(program, "approve", place.address, "olivia")
    assert (ended.status, ended.complained) == (0, "")
    assert "Dan Client: The client was not sure of the department: choose one.\n" in ended.said
    assert await place.status("dan") is Status.PENDING
    again = "approve --department=Mental Health"
    ended = await travel(program, again, place.address, "olivia")
    assert (ended.said, ended.complained) == ("Dan Client: approved.\n", "")
    assert await place.status("dan") is Status.ACTIVE


@pytest.mark.parametrize("journey", ["live", "live --events"])
async def test_an_approval_on_another_server_is_seen_once_though_all_is_cut_off(
    program: Path, place: Place, tmp_path: Path, journey: str
) -> None:
    async with (
        Proxy(place.address) as proxy,
        server(place.env, tmp_path) as other,
        begun(program, journey, proxy.url, "olivia") as live,
    ):
        await live.until("From here on:\n")
        address = str(other.client.base_url)
        await travel(program, "approve", address, "dora")
        await live.until("CLIENT_APPROVED: Chloe Client is ACTIVE.\n")
        await place.expire()
        proxy.stall()
        proxy.reset()
        await travel(program, "approve --department=Mental Health", address, "olivia")
        proxy.heal()
        await live.until("CLIENT_APPROVED: Phil Client is ACTIVE.\n")
        live.signal(signal.SIGINT)
        ended = await live.end()
    assert (ended.status, ended.complained) == (0, "")
    counted = Counter(re.findall(r"CLIENT_APPROVED: (\w+) ", ended.said))
    assert counted == {"Chloe": 1, "Dan": 1, "Phil": 1}
