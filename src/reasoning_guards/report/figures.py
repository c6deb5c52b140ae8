"""Figures of averages and of detectable effects: intervals always, markers beside colours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import claims, intervals
from reasoning_guards.report import drawing, provenance
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.study import Study

_KINDS = {
    "non-reasoning": ("orange", "s", "answers at once"),
    "reasoning": ("blue", "o", "reasons first"),
    "control": ("grey", "^", "control"),
}


def averages(
    study: Study, judged: Mapping[str, pd.DataFrame], names: Sequence[str], average: str = "safety"
) -> Drawing:
    """The average of each variant with its 95 % interval, one above the other.

    Names without judgements, as those of controls in the hub world, are passed over.
    """
    names = [name for name in names if name in judged]
    found = {
        name: intervals.bootstrap_average(
            judged[name],
            claims.cells(average, study.profile.world),
            study.profile.bootstrap_replicates,
            policy=study.profile.parse_policy,
        )
        for name in names
    }
    data = pd.DataFrame(
        [(found[n].estimate, found[n].low, found[n].high) for n in names],
        index=[study.variants[name].label for name in names],
        columns=["F1", "Low", "High"],
    )
    upwards = list(reversed(names))

    def plot(axes: Any, ink: Ink) -> None:
        for height, name in enumerate(upwards):
            colour, marker, legend = _KINDS[_kind(study, name)]
            interval = found[name]
            axes.errorbar(
                interval.estimate, height,
                xerr=[[interval.estimate - interval.low], [interval.high - interval.estimate]],
                color=getattr(ink, colour), marker=marker, markersize=7, capsize=4,
                linestyle="none", label=legend,
            )  # fmt: skip
        axes.set_yticks(range(len(upwards)), [study.variants[name].label for name in upwards])
        axes.set_ylim(-0.6, len(upwards) - 0.4)
        axes.set_xlabel(f"{average.capitalize()} average (mean F1 of nine cells)")
        axes.xaxis.set_label_coords(1, -0.5 / (0.42 * len(names) + 0.3), transform=axes.transAxes)
        axes.xaxis.label.set_horizontalalignment("right")
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        # Above the axes: inside them it would lie on intervals.
        axes.legend(
            handles.values(), handles.keys(), frameon=False, loc="lower right",
            bbox_to_anchor=(1, 1), ncols=len(handles), columnspacing=1, handletextpad=0.2,
        )  # fmt: skip

    return drawing.draw(
        plot,
        0.42 * len(names) + 1.1,
        _said(data, average),
        data,
        f"{study.chapter}-{average}",
        provenance.run_id(study),
        grid="x",
    )


def detectable(effects: pd.DataFrame) -> Drawing:
    """Claimed effects beside the smallest detectable ones, one claim above the other.

    Args:
        effects: a row per claim; claimed, detectable, and varying (detectable if trainings vary),
            in F1; infinite where nothing in the claimed region can be detected.
    """
    rows = effects.iloc[::-1].assign(height=range(len(effects)))
    finite = rows[np.isfinite(rows["detectable"])]
    never = rows[~np.isfinite(rows["detectable"])]
    reach = finite["varying"].where(np.isfinite(finite["varying"]), finite["detectable"])
    edge = 1.3 * max(rows["claimed"].max(), reach.max())

    def plot(axes: Any, ink: Ink) -> None:
        axes.hlines(finite["height"], finite["detectable"], reach, color=ink.orange, linewidth=2)
        for marker, colour, label, x, height in (
            ("o", ink.blue, "the paper's number", rows["claimed"], rows["height"]),
            ("s", ink.orange, "smallest detectable (line: if trainings vary)",
             finite["detectable"], finite["height"]),
            (">", ink.grey, "nothing in the region is detectable",
             [edge] * len(never), never["height"]),
        ):  # fmt: skip
            axes.plot(x, height, marker, color=colour, markersize=6, label=label)
        axes.set_xscale("log")
        axes.set_yticks(rows["height"], list(rows.index))
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel("Distance into the claimed region (F1, log)")
        axes.xaxis.label.set_horizontalalignment("right")
        axes.xaxis.set_label_coords(1, -0.42 / (0.27 * len(rows)), transform=axes.transAxes)
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))

    hidden = effects[effects["detectable"] > effects["claimed"]]
    alt = (
        f"Of {len(effects)} claims whose number lies in the claimed region, the design could not "
        f"have shown {len(hidden)}: {', '.join(map(str, hidden.index))}. For {len(never)} of them "
        "nothing in the region is detectable."
    )
    return drawing.draw(plot, 0.27 * len(rows) + 1.6, alt, effects, "detectable-effects", grid="x")


def _said(data: pd.DataFrame, average: str) -> str:
    """Who leads, whose interval overlaps the leader's, and every number."""
    ranked = data.sort_values("F1", ascending=False, kind="stable")
    first, others = ranked.iloc[0], ranked.iloc[1:]
    near = [str(label) for label in others.index[others["High"] >= first["Low"]]]
    numbers = "; ".join(
        f"{row.Index} {row.F1:.3f} ({row.Low:.3f} to {row.High:.3f})" for row in ranked.itertuples()
    )
    overlap = f"overlaps with that of {', '.join(near)}" if near else "overlaps with no other"
    return (
        f"{ranked.index[0]} has the highest {average} average; its 95 % interval {overlap}. "
        f"From highest to lowest: {numbers}."
    )


def _kind(study: Study, name: str) -> str:
    controls = ("r_filler", "r_shuffled", "backbone", "continual_random")
    if name in controls or name.startswith("null"):
        return "control"
    return study.variants[name].mode
