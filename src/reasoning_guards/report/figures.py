"""Figures in one style: intervals always, markers beside colours, legible on light and dark."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import claims, intervals
from reasoning_guards.study import Study

# Okabe and Ito's palette, told apart by all common kinds of colour vision.
_KINDS = {
    "non-reasoning": ("#D55E00", "s", "answers at once"),
    "reasoning": ("#0072B2", "o", "reasons first"),
    "control": ("#767676", "^", "control"),
}
_INK = "#404040"  # readable on a white page, and on the pale panel dark pages put behind figures


def averages(
    study: Study, judged: Mapping[str, pd.DataFrame], names: Sequence[str], average: str = "safety"
) -> Any:
    """The average of each variant with its 95 % interval, one above the other.

    Names without judgements, as those of controls in the hub world, are passed over.
    """
    import matplotlib.pyplot as plt
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    names = [name for name in names if name in judged]
    with plt.rc_context(style()):
        figure, axes = plt.subplots(figsize=(6.4, 0.5 * len(names) + 1.2))
        for height, name in enumerate(reversed(list(names))):
            colour, marker, legend = _KINDS[_kind(study, name)]
            interval = intervals.bootstrap_average(
                judged[name],
                claims.cells(average, study.profile.world),
                study.profile.bootstrap_replicates,
                policy=study.profile.parse_policy,
            )
            axes.errorbar(
                interval.estimate,
                height,
                xerr=[
                    [interval.estimate - interval.low],
                    [interval.high - interval.estimate],
                ],
                color=colour,
                marker=marker,
                markersize=7,
                capsize=4,
                linestyle="none",
                label=legend,
            )
        axes.set_yticks(
            range(len(names)), [study.variants[name].label for name in reversed(list(names))]
        )
        axes.set_xlabel(f"{average.capitalize()} average (mean F1 of nine cells)")
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        axes.legend(handles.values(), handles.keys(), frameon=False, loc="best")
        figure.tight_layout()
        plt.close(figure)
    return figure


def detectable(effects: pd.DataFrame) -> Any:
    """Claimed effects beside the smallest detectable ones, one claim above the other.

    Args:
        effects: a row per claim; claimed, detectable, and varying (detectable if trainings vary),
            in F1; infinite where nothing in the claimed region can be detected.
    """
    import matplotlib.pyplot as plt
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    rows = effects.iloc[::-1].assign(height=range(len(effects)))
    finite = rows[np.isfinite(rows["detectable"])]
    never = rows[~np.isfinite(rows["detectable"])]
    reach = finite["varying"].where(np.isfinite(finite["varying"]), finite["detectable"])
    edge = 1.3 * max(rows["claimed"].max(), reach.max())
    with plt.rc_context(style()):
        figure, axes = plt.subplots(figsize=(6.4, 0.27 * len(rows) + 1.6))
        axes.hlines(finite["height"], finite["detectable"], reach, color="#D55E00", linewidth=2)
        for marker, colour, label, x, height in (
            ("o", "#0072B2", "the paper's number", rows["claimed"], rows["height"]),
            ("s", "#D55E00", "smallest detectable (line: if trainings vary)",
             finite["detectable"], finite["height"]),
            (">", "#767676", "nothing in the region is detectable",
             [edge] * len(never), never["height"]),
        ):  # fmt: skip
            axes.plot(x, height, marker, color=colour, markersize=6, label=label)
        axes.set_xscale("log")
        axes.set_yticks(rows["height"], list(rows.index))
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel("Distance into the claimed region (F1, log scale)")
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
        figure.tight_layout()
        plt.close(figure)
    return figure


def _kind(study: Study, name: str) -> str:
    if name in ("r_filler", "r_shuffled", "backbone") or name.startswith("null"):
        return "control"
    return study.variants[name].mode


def style() -> Any:
    """What all figures have in common, for `matplotlib.pyplot.rc_context`."""
    return {
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": "reasoning-guards",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "x",
        "grid.color": _INK,
        "grid.alpha": 0.25,
    }
