"""Averages along an axis (training examples, sentences, epochs): as numbers, and as a figure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reasoning_guards import claims, intervals
from reasoning_guards.report import drawing, frames
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.study import Study

Lines = Mapping[str, Mapping[float, str]]
"""Name of a line → place on the axis → variant."""

# Line styles and markers say the same as the colours.
_STYLES = [("blue", "o", "-"), ("orange", "s", "--"), ("green", "^", ":")]


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
    return frames.of_run(pd.DataFrame(rows), study, f"curves-{average}")


def by_average(
    study: Study, judged: Mapping[str, pd.DataFrame], places: Mapping[float, str]
) -> pd.DataFrame:
    """`points` of one line of variants, once for each of prompts, responses and all cells."""
    named = {"Prompts": "prompt", "Responses": "response", "All nine cells": "safety"}
    parts = [points(study, judged, {line: places}, average) for line, average in named.items()]
    return frames.of_run(pd.concat(parts, ignore_index=True), study, "curves")


def figure(
    table: pd.DataFrame,
    axis: str,
    *,
    log: bool = False,
    ticks: Mapping[float, str] | None = None,
) -> Drawing:
    """The points of each line joined, each with its interval.

    Args:
        table: from `points`.
        axis: what the places on the axis are.
        log: whether the axis is logarithmic.
        ticks: what places on the axis are called, where not by their numbers.
    """
    places = sorted(table["At"].unique())
    called = {place: (ticks or {}).get(place, f"{place:g}") for place in places}

    def plot(axes: Any, ink: Ink) -> None:
        from matplotlib.ticker import NullLocator

        for (line, each), (colour, marker, dashes) in zip(
            table.groupby("Line", sort=False), _STYLES, strict=False
        ):
            axes.errorbar(
                each["At"], each["F1"], yerr=[each["F1"] - each["Low"], each["High"] - each["F1"]],
                color=getattr(ink, colour), marker=marker, linestyle=dashes, markersize=6,
                capsize=3, label=line,
            )  # fmt: skip
        if log:
            axes.set_xscale("log")
        axes.set_xticks(places, list(called.values()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(axis)
        axes.set_ylabel("F1, mean of cells")
        axes.legend(frameon=False, loc="best")

    return drawing.draw(
        plot, 3.6, _said(table, axis, called), table, table.attrs["name"], table.attrs["run"]
    )


def _said(table: pd.DataFrame, axis: str, called: Mapping[float, str]) -> str:
    """What each line does between its ends, and whether the intervals there are apart."""
    parts = []
    for line, each in table.groupby("Line", sort=False):
        first, last = (each.sort_values("At").iloc[place] for place in (0, -1))
        apart = last["Low"] > first["High"] or last["High"] < first["Low"]
        way = "rises" if last["F1"] > first["F1"] else "falls"
        if last["F1"] == first["F1"]:
            way = "stays"
        ends = [
            f"{end['F1']:.3f} ({end['Low']:.3f} to {end['High']:.3f}) at {called[end['At']]}"
            for end in (first, last)
        ]
        parts.append(
            f"{line} {way} from {ends[0]} to {ends[1]}, "
            + ("and these intervals are apart" if apart else "and these intervals overlap")
            if len(each) > 1
            else f"{line} has {ends[0]}"
        )
    return f"Mean F1 by {axis[0].lower()}{axis[1:]}, with 95 % intervals: {'; '.join(parts)}."


def shown(table: pd.DataFrame, ticks: Mapping[float, str] | None = None) -> pd.DataFrame:
    """The points as a table to read: a row per place, a column per line, each with its interval."""
    cells = table.assign(
        text=[
            f"{row.F1:.3f} [{row.Low:.3f}, {row.High:.3f}]" for row in table.itertuples(index=False)
        ]
    )
    wide = cells.pivot_table(index="At", columns="Line", values="text", aggfunc="first")
    wide.index = pd.Index([(ticks or {}).get(place, f"{place:g}") for place in wide.index])
    wide = wide.fillna("–").rename_axis(columns=None)
    wide.attrs |= table.attrs
    return wide
