"""The charts of `docs/performance.md`, drawn from what was measured; the same for the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report import Figures, Finding

mpl.rcParams.update(
    {
        "svg.hashsalt": "performance",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
    }
)

PRODUCT = "#1f6feb"
OTHERS = ("#9aa4b2", "#57606a")
LINES = ("#1f6feb", "#0a7d5a", "#b35900", "#8250df", "#9aa4b2", "#57606a")


def throughput(findings: Sequence[Finding], path: Path) -> None:
    """Answers a second by server, work by work; the thin line is the range of the rounds."""
    works = list(dict.fromkeys(one.work for one in findings))
    figure = Figure(figsize=(8, 1.25 * len(works)), layout="constrained")
    for axes, work in zip(figure.subplots(len(works), 1, squeeze=False)[:, 0], works, strict=True):
        of_work = [one for one in findings if one.work == work]
        bars = [("product", of_work[0].product, PRODUCT)]
        for one, colour in zip(of_work, OTHERS, strict=True):
            assert one.other
            bars.append((one.beside, one.other, colour))
        for place, (_, figures, colour) in enumerate(bars):
            axes.barh(place, figures.median, color=colour, xerr=_range(figures), ecolor="#24292f")
            axes.annotate(
                f" {figures.median:,.0f}", (max(figures.rounds), place), va="center", xytext=(3, 0),
                textcoords="offset points",
            )  # fmt: skip
        axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
        axes.invert_yaxis()
        axes.set_title(work.replace("`", ""))
        axes.margins(x=0.12)
    figure.supxlabel("answers a second, one worker", fontsize=9)
    _save(figure, path)


def cost(findings: Sequence[Finding], path: Path) -> None:
    """Milliseconds of each read by the number of clients."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    grown = [one for one in findings if "ms_by_clients" in one.more]
    sizes = [int(clients) for clients in grown[0].more["ms_by_clients"]]
    for one, colour in zip(grown, LINES, strict=True):
        middles = [Figures(ms).median for ms in one.more["ms_by_clients"].values()]
        axes.plot(sizes, middles, marker="o", color=colour, label=one.more["read"])
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{clients:,}" for clients in sizes])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("clients in 20 organizations, a fifth of them in the caller's")
    axes.set_ylabel("ms, median of one connection")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def waiting(percentiles: dict[str, list[float]], path: Path) -> None:
    """How many of a hundred `viewer` requests are answered in how many milliseconds."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for (name, ms), colour in zip(percentiles.items(), (OTHERS[0], PRODUCT), strict=True):
        axes.plot(ms, range(1, len(ms) + 1), color=colour, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axhline(50, color="#d0d7de", linewidth=0.8, zorder=0)
    axes.set_ylim(0, 100)
    axes.set_xlabel("ms")
    axes.set_ylabel("% answered")
    axes.legend(frameon=False, loc="lower right")
    _save(figure, path)


def _range(figures: Figures) -> Any:
    low, high = min(figures.rounds), max(figures.rounds)
    return [[figures.median - low], [high - figures.median]]


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})
