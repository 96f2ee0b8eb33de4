"""What was measured: numbers to keep, and a table to read."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HEAD = (
    "| work | product | beside | it | ratio | in the rounds | target | |",
    "|---|---:|---|---:|---:|---|---:|---|",
)


@dataclass(frozen=True, slots=True)
class Target:
    """How much the ratio, or the figure where there is none, must be at least or at most."""

    bound: float
    most: bool = False

    def reached(self, ratio: float) -> bool:
        """Whether the ratio is as wanted."""
        return ratio <= self.bound if self.most else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figures:
    """The same figure of each round; what is counted has no unit."""

    rounds: Sequence[float]
    unit: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)

    @property
    def noise(self) -> float:
        """Half the range of the rounds, as a part of the median."""
        return (max(self.rounds) - min(self.rounds)) / 2 / self.median

    def __str__(self) -> str:
        whole = self.median >= 100 or not self.unit
        digits = 0 if whole else 2 if self.median < 10 else 1
        noise = f" ± {self.noise:.0%}" if len(self.rounds) > 1 else ""
        return f"{self.median:,.{digits}f} {self.unit}{noise}".rstrip()


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the table: what the product did, beside what."""

    work: str
    product: Figures
    beside: str = ""
    other: Figures | None = None
    target: Target | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else is worth keeping."""

    @property
    def ratios(self) -> list[float]:
        """The product's figure by the other, round by round."""
        if self.other is None:
            return []
        pairs = zip(self.product.rounds, self.other.rounds, strict=True)
        return [ours / theirs for ours, theirs in pairs]

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return statistics.median(self.ratios) if self.other else None

    @property
    def missed(self) -> bool:
        """Whether there is a target that the ratio, or else the figure itself, does not reach."""
        measured = self.product.median if self.ratio is None else self.ratio
        return self.target is not None and not self.target.reached(measured)

    @property
    def verdict(self) -> str:
        """What came of the target, in a word."""
        if self.target is None:
            return "shown"
        return "**missed**" if self.missed else "reached"

    @property
    def result(self) -> str:
        """The ratio with what it is beside, or the figure where there is none."""
        return str(self.product) if self.ratio is None else f"{self.ratio:.2f} beside {self.beside}"


def markdown(findings: Sequence[Finding]) -> str:
    """The table: medians, with the range of the rounds beside them."""
    return "\n".join([*HEAD, *map(_line, findings)])


def _line(one: Finding) -> str:
    ratios = one.ratios
    cells = (
        one.work,
        one.product,
        one.beside,
        one.other or "",
        "" if one.ratio is None else f"{one.ratio:.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}" if len(ratios) > 1 else "",
        one.target or "",
        one.verdict,
    )
    return f"| {' | '.join(map(str, cells))} |"


def kept(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Everything, for machines."""
    return [
        {
            "work": one.work,
            "product": list(one.product.rounds),
            "unit": one.product.unit,
            "beside": one.beside,
            "other": list(one.other.rounds) if one.other else None,
            "ratio": one.ratio,
            "target": str(one.target) if one.target else None,
            "verdict": one.verdict,
            **one.more,
        }
        for one in findings
    ]
