"""`python -m benchmarks`: measure everything, print the table, keep the numbers in `var/`."""

import argparse
import time

import orjson
import uvloop

from benchmarks.report import Finding, kept, markdown
from benchmarks.rounds import Effort
from benchmarks.stage import ROOT, Stage
from benchmarks.suite import WORKS, Work

RESULTS = ROOT / "var" / "benchmarks.json"


def main() -> None:
    """Measure what the arguments choose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each work")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each server in a round")
    parser.add_argument("--only", default="", help="work with this in its name")
    parser.add_argument("--pin", action="store_true", help="give servers a processor of their own")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds over a tenth of it all, to see it run"
    )
    chosen = parser.parse_args()
    effort = Effort(chosen.rounds, chosen.seconds)
    if chosen.quick:
        effort = Effort(rounds=2, seconds=0.5, part=0.1)
    started = time.monotonic()
    works = [work for work in WORKS if chosen.only.lower() in work.name.lower()]
    findings = uvloop.run(_measure(works, effort, chosen.pin))
    print(f"Medians of {effort.rounds} rounds ± half their range:\n")
    print(markdown(findings))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(orjson.dumps(kept(findings), option=orjson.OPT_INDENT_2))
    print(f"\n{time.monotonic() - started:.0f} s; the numbers: {RESULTS.relative_to(ROOT)}")


async def _measure(works: list[Work], effort: Effort, pin: bool) -> list[Finding]:
    async with Stage(effort, pin) as stage:
        await stage.fill({data for work in works for data in work.data})
        return [finding for work in works for finding in await work.measure(stage, effort)]


if __name__ == "__main__":
    main()
