"""Averages along an axis (training examples, sentences, epochs): as numbers, and as a figure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reasoning_guards import claims, intervals
from reasoning_guards.report import figures
from reasoning_guards.study import Study

Lines = Mapping[str, Mapping[float, str]]
"""Name of a line → place on the axis → variant."""

# Okabe and Ito's palette once more; line styles and markers say the same as the colours.
_STYLES = [("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", ":")]


def points(
    study: Study, judged: Mapping[str, pd.DataFrame], lines: Lines, average: str = "safety"
) -> pd.DataFrame:
    """A row per point: Line, At, Variant, F1, Low, High (95 % cluster bootstrap), Seeds."""
    rows = []
    for line, places in lines.items():
        for at, name in places.items():
            interval = intervals.bootstrap_average(
                judged[name],
                claims.cells(average, study.profile.world),
                study.profile.bootstrap_replicates,
                policy=study.profile.parse_policy,
            )
            rows.append(
                {
                    "Line": line,
                    "At": at,
                    "Variant": study.variants[name].label,
                    "F1": interval.estimate,
                    "Low": interval.low,
                    "High": interval.high,
                    "Seeds": judged[name]["seed"].nunique(),
                }
            )
    return pd.DataFrame(rows)


def by_average(
    study: Study, judged: Mapping[str, pd.DataFrame], places: Mapping[float, str]
) -> pd.DataFrame:
    """`points` of one line of variants, once for each of prompts, responses and all cells."""
    named = {"Prompts": "prompt", "Responses": "response", "All nine cells": "safety"}
    return pd.concat(
        [points(study, judged, {line: places}, average) for line, average in named.items()],
        ignore_index=True,
    )


def figure(
    table: pd.DataFrame, axis: str, *, log: bool = False, ticks: Mapping[float, str] | None = None
) -> Any:
    """The points of each line joined, each with its interval.

    Args:
        table: from `points`.
        axis: what the places on the axis are.
        log: whether the axis is logarithmic.
        ticks: what places on the axis are called, where not by their numbers.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    with plt.rc_context(figures.style() | {"axes.grid.axis": "y"}):
        drawn, axes = plt.subplots(figsize=(6.4, 3.8))
        for (line, each), (colour, marker, dashes) in zip(
            table.groupby("Line", sort=False), _STYLES, strict=False
        ):
            axes.errorbar(
                each["At"], each["F1"], yerr=[each["F1"] - each["Low"], each["High"] - each["F1"]],
                color=colour, marker=marker, linestyle=dashes, markersize=6, capsize=3, label=line,
            )  # fmt: skip
        if log:
            axes.set_xscale("log")
        places = sorted(table["At"].unique())
        axes.set_xticks(places, [(ticks or {}).get(place, f"{place:g}") for place in places])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(axis)
        axes.set_ylabel("F1 of the harmful class, mean of cells")
        axes.legend(frameon=False, loc="best")
        drawn.tight_layout()
        plt.close(drawn)
    return drawn


def shown(table: pd.DataFrame, ticks: Mapping[float, str] | None = None) -> pd.DataFrame:
    """The points as a table to read: a row per place, a column per line, each with its interval."""
    cells = table.assign(
        text=[
            f"{row.F1:.3f} [{row.Low:.3f}, {row.High:.3f}]" for row in table.itertuples(index=False)
        ]
    )
    wide = cells.pivot_table(index="At", columns="Line", values="text", aggfunc="first")
    wide.index = pd.Index([(ticks or {}).get(place, f"{place:g}") for place in wide.index])
    return wide.fillna("–").rename_axis(columns=None)
