"""What was measured, as numbers to keep and as a table to read."""

import os
import platform
import statistics
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.load import Load
from benchmarks.rows import Row

HEAD = (
    "| work | product | beside | answers/s | ratio | in the rounds | target | |",
    "|---|---:|---|---:|---:|---|---:|---|",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """One server at one row: answers a second round by round, latencies in milliseconds."""

    rates: list[float]
    median_ms: float
    p99_ms: float

    @classmethod
    def of(cls, loads: list[Load]) -> "Speed":
        """What the rounds of a server say."""
        latencies = sorted(latency for load in loads for latency in load.latencies)
        return cls(
            rates=[load.rate for load in loads],
            median_ms=statistics.median(latencies) * 1000,
            p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
        )

    def __str__(self) -> str:
        middle = statistics.median(self.rates)
        noise = (max(self.rates) - min(self.rates)) / 2 / middle
        return f"{middle:,.0f} ± {noise:.0%}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A row and the speed of each of its entries, by name."""

    row: Row
    speeds: dict[str, Speed]

    def ratios(self, rival: str) -> list[float]:
        """The product's answers a second by the rival's, round by round."""
        product = self.speeds.get(self.row.product.name)
        if product is None or rival not in self.speeds:
            return []
        pairs = zip(product.rates, self.speeds[rival].rates, strict=True)
        return [ours / theirs for ours, theirs in pairs]


def markdown(measured: list[Measured]) -> str:
    """The table: medians, with the range of the rounds beside them."""
    return "\n".join([*HEAD, *(line for one in measured for line in _lines(one))])


def _lines(one: Measured) -> list[str]:
    lines = []
    product = one.speeds.get(one.row.product.name, "not measured")
    for rival in one.row.rivals:
        ratios = one.ratios(rival.entry.name)
        ratio, between, verdict = "", "", ""
        if ratios:
            middle = statistics.median(ratios)
            ratio, between = f"{middle:.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"
            if rival.target is not None:
                verdict = "reached" if middle >= rival.target else "missed"
        theirs = one.speeds.get(rival.entry.name, "not measured")
        target = "" if rival.target is None else f"≥ {rival.target:g}"
        cells = (
            one.row.name, product, rival.entry.name, theirs, ratio, between, target, verdict,
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def results(measured: list[Measured]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
        },
        "rows": [
            {
                "name": one.row.name,
                "connections": one.row.connections,
                "speeds": {name: asdict(speed) for name, speed in one.speeds.items()},
                "rivals": [
                    {
                        "name": rival.entry.name,
                        "target": rival.target,
                        "ratios": one.ratios(rival.entry.name),
                    }
                    for rival in one.row.rivals
                ],
            }
            for one in measured
        ],
    }
