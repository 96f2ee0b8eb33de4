"""What was measured: numbers to keep, and a table to read."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HEAD = (
    "| work | product | beside | it | ratio | in the rounds | target | |",
    "|---|---:|---|---:|---:|---|---:|---|",
)


@dataclass(frozen=True, slots=True)
class Target:
    """How much the ratio must be at least, or at most."""

    bound: float
    most: bool = False

    def reached(self, ratio: float) -> bool:
        """Whether the ratio is as wanted."""
        return ratio <= self.bound if self.most else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figures:
    """The same figure of each round."""

    rounds: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)

    @property
    def noise(self) -> float:
        """Half the range of the rounds, as a part of the median."""
        return (max(self.rounds) - min(self.rounds)) / 2 / self.median

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 2 if self.median < 10 else 1
        noise = f" ± {self.noise:.0%}" if len(self.rounds) > 1 else ""
        return f"{self.median:,.{digits}f} {self.unit}{noise}"


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
    def verdict(self) -> str:
        """Whether the target was reached, in a word; nothing where there is none."""
        if self.target is None or self.ratio is None:
            return "shown"
        return "reached" if self.target.reached(self.ratio) else "**missed**"


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


def kept(findings: Sequence[Finding]) -> list[dict[str, Any]]:
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
