"""`python -m benchmarks`: measure everything, print the table, write `docs/performance.md`."""

import argparse
import time
from collections import defaultdict

import orjson
import uvloop

from benchmarks import page
from benchmarks.report import Finding, kept, markdown
from benchmarks.rounds import Effort
from benchmarks.stage import ROOT, Stage
from benchmarks.suite import WORKS, Work

RESULTS = ROOT / "var" / "benchmarks.json"


def main() -> None:
    """Measure what the arguments choose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each work")
    parser.add_argument("--seconds", type=float, default=0.8, help="of each server in a round")
    parser.add_argument("--only", default="", help="work with this in its name")
    parser.add_argument("--pin", action="store_true", help="give servers a processor of their own")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds over a tenth of it all, to see it run"
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="drain 100,000 letters and send 200,000 requests with 100,000 documents",
    )
    chosen = parser.parse_args()
    effort = Effort(chosen.rounds, chosen.seconds, long=chosen.long)
    if chosen.quick:
        effort = Effort(rounds=2, seconds=0.5, part=0.1)
    works = [work for work in WORKS if chosen.only.lower() in work.name.lower()]
    started = time.monotonic()
    findings = uvloop.run(_measure(works, effort, chosen.pin))
    everything = [one for chapter in findings.values() for one in chapter]
    print(f"Medians of {effort.rounds} rounds ± half their range:\n")
    print(markdown(everything))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(orjson.dumps(kept(everything), option=orjson.OPT_INDENT_2))
    print(f"\n{time.monotonic() - started:.0f} s; the numbers: {RESULTS.relative_to(ROOT)}")
    if len(works) == len(WORKS) and not chosen.quick:
        page.write(findings, effort, ROOT / "docs")


async def _measure(works: list[Work], effort: Effort, pin: bool) -> dict[str, list[Finding]]:
    """What was found, by chapter."""
    findings: defaultdict[str, list[Finding]] = defaultdict(list)
    async with Stage(effort, pin) as stage:
        await stage.fill({data for work in works for data in work.data})
        for work in works:
            findings[work.chapter] += await work.measure(stage, effort)
    return findings


if __name__ == "__main__":
    main()
