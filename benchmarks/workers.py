"""Two workers beside one, on the same processors as everything else."""

from benchmarks.asking import graphql
from benchmarks.load import Load, drive
from benchmarks.report import Figures, Finding
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import MEDIUM, PAGE
from benchmarks.stage import Stage, command
from models import Role

DATA = frozenset({MEDIUM})
CONNECTIONS = 16
LEAST = 20
ONE, TWO = "one worker", "two workers"


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """One line."""
    filled = await stage.filled(MEDIUM)
    caller = await stage.caller(MEDIUM, Role.DEPARTMENT_ADMINISTRATOR)
    servers = {
        name: await stage.serve(command("product", workers), filled.url)
        for name, workers in ((ONE, 1), (TWO, 2))
    }
    requests = graphql(PAGE)(caller)

    async def load(name: str) -> Load:
        return await drive(
            servers[name].port,
            requests,
            connections=CONNECTIONS,
            seconds=effort.seconds,
            least=LEAST,
        )

    loads = await in_rounds("Two workers", [TWO, ONE], effort.rounds, load)
    one, two = (Figures([load.rate for load in loads[name]], "/s") for name in (ONE, TWO))
    for server in servers.values():
        await stage.end(server)
    return [Finding("The page by two workers", two, ONE, one)]
