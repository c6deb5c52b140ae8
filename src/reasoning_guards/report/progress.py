"""What trainers logged on their way, by step: rewards, margins, and what else shows how it went."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reasoning_guards import artifacts
from reasoning_guards.report import drawing
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.report.provenance import run_id
from reasoning_guards.study import NotRunError, Study

DPO = {"rewards/margins": "Margin", "rewards/accuracies": "Accuracy"}
GRPO = {
    "reward": "Reward",
    "kl": "KL",
    "entropy": "Entropy",
    "completions/mean_length": "Tokens",
    "recall": "Recall",
}
"""Logged name → label."""

_HEIGHT = 1.5  # of each panel, in inches


def history(study: Study, name: str, metrics: Mapping[str, str]) -> pd.DataFrame:
    """A row per seed and logged step of a variant's guards: seed, step, and each metric's label.

    A metric that was not logged, as the divergence where nothing is held to a reference, has no
    column.

    Raises:
        NotRunError: if the guards were not trained yet.
    """
    rows = []
    for seed, guard in study.variants[name].guards.items():
        folder = artifacts.find(guard)
        if folder is None:
            raise NotRunError("The guards were not trained yet: run the study before reading it.")
        for logged in json.loads((folder / "log_history.json").read_text()):
            if metrics.keys() & logged.keys():
                found = {label: logged.get(metric) for metric, label in metrics.items()}
                rows.append({"seed": seed, "step": logged["step"], **found})
    return pd.DataFrame(rows).astype(float).dropna(axis="columns", how="all")


def figure(study: Study, name: str, metrics: Mapping[str, str]) -> Drawing:
    """Each metric against the step, one above the other: each seed thin, their mean thick."""
    table = history(study, name, metrics)
    labels = [label for label in table.columns if label not in ("seed", "step")]
    # Not everything is there at each step, as recall where nothing harmful was drawn.
    means = {label: table.groupby("step")[label].mean().dropna() for label in labels}

    def plot(axes: Any, ink: Ink) -> None:
        whole = axes.figure
        axes.remove()
        panels = whole.subplots(len(labels), 1, sharex=True, squeeze=False)[:, 0]
        for label, panel in zip(labels, panels, strict=True):
            for _, run in table.dropna(subset=label).groupby("seed"):
                panel.plot(run["step"], run[label], color=ink.grey, linewidth=0.7)
            panel.plot(means[label].index, means[label], color=ink.blue, linewidth=2)
            panel.set_ylabel(label)
        panels[-1].set_xlabel("Step")

    said = "; ".join(
        f"{label} goes from {mean.iloc[0]:.3f} at step {mean.index[0]:.0f} to "
        f"{mean.iloc[-1]:.3f} at step {mean.index[-1]:.0f}"
        for label, mean in means.items()
    )
    return drawing.draw(
        plot,
        _HEIGHT * len(labels) + 0.4,
        f"By step of training, mean over {table['seed'].nunique()} seeds: {said}.",
        table,
        f"{study.chapter}-{name}-training",
        run_id(study),
    )
