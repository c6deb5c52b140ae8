"""One style for all figures: drawn for light pages and for dark ones, with alt text and data."""

import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from reasoning_guards.intervals import Interval
from reasoning_guards.report import markup

WIDTH = 4.8
"""Inches. Narrow, so that on a phone its letters shrink no further than to about 11 pixels."""


@dataclass(frozen=True)
class Ink:
    """Colours for one kind of page: Okabe and Ito's, told apart by all common colour vision."""

    line: str
    blue: str
    orange: str
    green: str
    grey: str


LIGHT = Ink(line="#333333", blue="#0072B2", orange="#C04E00", green="#007A5A", grey="#6B6B6B")
DARK = Ink(line="#E4E4E4", blue="#56B4E9", orange="#F0A030", green="#35C99A", grey="#A9A9A9")


@dataclass(frozen=True)
class Drawing:
    """A figure in both versions.

    Attributes:
        light, dark: the matplotlib figures.
        alt: what it shows, in words, with its numbers.
        data: what is drawn.
        name: of the file with the data.
        run: the run's id, if it is of a run.
    """

    light: Any
    dark: Any
    alt: str
    data: pd.DataFrame
    name: str
    run: str = ""

    def _repr_html_(self) -> str:
        """Both images, of which the book's style sheet shows one, and the data to download.

        Without the style sheet, as in Jupyter, the light one is shown.
        """
        alt = escape(self.alt)
        below = [
            markup.file_link("Data (CSV)", f"{self.name}.csv", self.data.to_csv(), "text/csv"),
            markup.file_link("SVG", f"{self.name}.svg", _svg(self.light), "image/svg+xml"),
        ]
        if self.run:
            below.append(f"run <code>{self.run}</code>")
        return (
            '<div class="rg-figure">'
            f'<img class="rg-light dark-light" alt="{alt}" src="{_source(self.light)}">'
            f'<img class="rg-dark dark-light" alt="{alt}" src="{_source(self.dark)}" '
            'style="display: none">'
            f'<p class="rg-below">{" · ".join(below)}</p></div>'
        )


def draw(
    plot: Callable[[Any, Ink], None],
    height: float,
    alt: str,
    data: pd.DataFrame,
    name: str,
    run: str = "",
    *,
    grid: str = "y",
) -> Drawing:
    """Have a figure drawn for both kinds of page.

    Args:
        plot: draws into the axes it is given, with the colours it is given.
        height: in inches.
        alt: see `Drawing`, as are data, name and run.
        data, name, run: see `Drawing`.
        grid: the axis whose ticks have lines across the figure.
    """
    import matplotlib.pyplot as plt

    versions = []
    for ink in (LIGHT, DARK):
        with plt.rc_context(_style(ink) | {"axes.grid.axis": grid}):
            figure, axes = plt.subplots(figsize=(WIDTH, height))
            plot(axes, ink)
            figure.tight_layout()
            plt.close(figure)
        versions.append(figure)
    light, dark = versions
    return Drawing(light, dark, alt, data, name, run)


def said(interval: Interval) -> str:
    """An interval as a sentence has it."""
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _svg(figure: Any) -> str:
    import matplotlib.pyplot as plt

    text = io.StringIO()
    # Letters stay letters: the browser's own, in files a third as large.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "reasoning-guards"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()


def _source(figure: Any) -> str:
    return f"data:image/svg+xml;base64,{b64encode(_svg(figure).encode()).decode()}"


def _style(ink: Ink) -> Any:
    return {
        "font.size": 11,
        "legend.fontsize": 10.5,
        "text.color": ink.line,
        "axes.labelcolor": ink.line,
        "axes.edgecolor": ink.line,
        "xtick.color": ink.line,
        "ytick.color": ink.line,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": ink.line,
        "grid.alpha": 0.25,
    }
