"""`python -m benchmarks`: measure everything, print the table, keep the numbers in `var/`."""

import argparse
import time

import orjson
import uvloop

from benchmarks import reads
from benchmarks.report import Finding, kept, markdown
from benchmarks.rounds import Effort
from benchmarks.rows import ROWS
from benchmarks.stage import ROOT, Stage

RESULTS = ROOT / "var" / "benchmarks.json"


def main() -> None:
    """Measure what the arguments choose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each work")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each server in a round")
    parser.add_argument("--only", default="", help="work with this in its name")
    parser.add_argument("--pin", action="store_true", help="give servers a processor of their own")
    parser.add_argument("--without", action="append", default=[], help="leave out this rival")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds over a tenth of it all, to see it run"
    )
    chosen = parser.parse_args()
    effort = Effort(chosen.rounds, chosen.seconds)
    if chosen.quick:
        effort = Effort(rounds=2, seconds=0.5, part=0.1)
    started = time.monotonic()
    findings = uvloop.run(
        _measure(effort, chosen.only.lower(), chosen.pin, frozenset(chosen.without))
    )
    print(f"Medians of {effort.rounds} rounds ± half their range:\n")
    print(markdown(findings))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(orjson.dumps(kept(findings), option=orjson.OPT_INDENT_2))
    print(f"\n{time.monotonic() - started:.0f} s; the numbers: {RESULTS.relative_to(ROOT)}")


async def _measure(effort: Effort, only: str, pin: bool, without: frozenset[str]) -> list[Finding]:
    findings: list[Finding] = []
    async with Stage(effort, pin) as stage:
        for row in ROWS:
            if only in row.name.lower():
                findings += await reads.measure(stage, row, effort, without)
    return findings


if __name__ == "__main__":
    main()
