"""What mining found: how many of each example's answers are right, and which labels look wrong."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import artifacts, mining, recipes
from reasoning_guards.generation import ROWS, read_rows
from reasoning_guards.intervals import percentile
from reasoning_guards.measuring import Measured
from reasoning_guards.recipes import Backbone, Recipe
from reasoning_guards.report import drawing, frames, provenance
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.study import NotRunError, Study
from reasoning_guards.synthetic import corpora


def counted(study: Study, name: str) -> pd.DataFrame:
    """A row per seed and mined example, for the guards that a refined variant starts from.

    Columns: seed, example, cluster, right (of its answers), and noisy: whether one of its harm
    labels is wrong, which only the embedded world knows; missing elsewhere.

    Raises:
        NotRunError: if the guards were not asked yet.
    """
    rows = [
        {"seed": seed, "example": example, "right": right, "cluster": cluster, "noisy": noisy}
        for seed, guard in study.variants[name].guards.items()
        for example, right, cluster, noisy in _of_guard(guard)
    ]
    return pd.DataFrame(rows).astype({"noisy": "boolean"})


def is_there(study: Study, name: str) -> bool:
    """Whether the guards that a refined variant starts from were mined."""
    guards = study.variants[name].guards.values()
    return all(
        artifacts.find(recipes.mining(guard)) is not None
        for guard in guards
        if isinstance(guard, Recipe)
    )


def answers(study: Study) -> int:
    """How many answers an example has: N."""
    return study.profile.mining_generations


def table(study: Study, found: pd.DataFrame) -> pd.DataFrame:
    """A row per number of right answers, 0 to N, over all seeds.

    Columns: Examples, Share, what the range is Taken for, and where noise is known: Label wrong,
    of these.
    """
    profile = study.profile
    rows = {}
    for right in range(answers(study) + 1):
        mine = found[found["right"] == right]
        row = {
            "Examples": str(len(mine)),
            "Share": f"{len(mine) / len(found):.1%}",
            "Taken for": "difficult"
            if profile.difficult_least <= right <= profile.difficult_most
            else {0: "suspected label noise", answers(study): "well learnt"}.get(right, "–"),
        }
        if found["noisy"].notna().all():
            row["Label wrong"] = f"{int(mine['noisy'].sum())} of {len(mine)}"
        rows[f"{right} of {answers(study)} right"] = row
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Answers")
    return frames.of_run(frame, study, "mining")


def figure(study: Study, found: pd.DataFrame) -> Drawing:
    """Histogram of right answers, 0 to N; wrong labels apart where they are known."""
    n = answers(study)
    places = range(n + 1)
    noisy = found["noisy"].fillna(False).astype(bool)
    parts = {"Label right": ~noisy, "Label wrong": noisy}
    shares = pd.DataFrame(
        {
            part: found[chosen]["right"].value_counts().reindex(places, fill_value=0) / len(found)
            for part, chosen in parts.items()
        }
    ).rename_axis(f"Right answers of {n}")
    if found["noisy"].isna().any():
        shares = shares.drop(columns="Label wrong").set_axis(["Examples"], axis="columns")

    def plot(axes: Any, ink: Ink) -> None:
        below = np.zeros(len(places))
        for part, colour, hatch in zip(shares, (ink.blue, ink.orange), ("", "//"), strict=False):
            axes.bar(places, shares[part], bottom=below, color=colour, hatch=hatch, label=part)
            below = below + shares[part].to_numpy()
        axes.axvspan(
            study.profile.difficult_least - 0.5, study.profile.difficult_most + 0.5,
            color=ink.grey, alpha=0.25, zorder=0, label="taken for difficult",
        )  # fmt: skip
        axes.set_xticks(list(places))
        axes.set_xlabel(f"Right answers of {n}")
        axes.set_ylabel("Share of mined examples")
        axes.legend(frameon=False, loc="best")

    told = separation(study, found)
    alt = (
        f"{told['always_right']} of the examples are judged right each time, "
        f"{told['always_wrong']} never, and {told['difficult']} are taken for difficult."
    )
    return drawing.draw(plot, 3.4, alt, shares, f"{study.chapter}-mined", provenance.run_id(study))


def separation(study: Study, found: pd.DataFrame) -> dict[str, str]:
    """How well an example that is always judged wrong gives away a wrong label, as text.

    `always_right`, `difficult`, `always_wrong`: shares of the examples. Where noise is known also
    `noise` (its share), `noise_precision` (of the always wrong, how many are mislabelled),
    `noise_recall` (of the mislabelled, how many are always wrong), `noise_in_difficult`; these are
    "not known" elsewhere.
    """
    profile = study.profile
    wrong = found["right"] == 0
    difficult = found["right"].between(profile.difficult_least, profile.difficult_most)
    shares: dict[str, float] = {
        "always_right": (found["right"] == answers(study)).mean(),
        "difficult": difficult.mean(),
        "always_wrong": wrong.mean(),
    }
    unknown = dict.fromkeys(
        ("noise", "noise_precision", "noise_recall", "noise_in_difficult"), "not known"
    )
    if found["noisy"].notna().all():
        noisy = found["noisy"].astype(bool)
        shares |= {
            "noise": noisy.mean(),
            "noise_precision": noisy[wrong].mean(),
            "noise_recall": wrong[noisy].mean(),
            "noise_in_difficult": noisy[difficult].mean(),
        }
    return {
        **unknown,
        **{name: "none" if np.isnan(share) else f"{share:.1%}" for name, share in shares.items()},
        "mined": str(found.groupby("seed").size().iloc[0]),
    }


def share_always_right(study: Study, found: pd.DataFrame, level: float = 0.95) -> Measured:
    """The mean over seeds of the share judged right each time, clusters of examples drawn anew."""
    always = found.assign(always=found["right"] == answers(study))
    by_cluster = always.groupby("cluster")["always"].agg(["sum", "count"])
    clusters = len(by_cluster)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(
        clusters, np.full(clusters, 1 / clusters), study.profile.bootstrap_replicates
    )
    times = np.vstack([np.ones(clusters), drawn])
    shares = (times @ by_cluster["sum"].to_numpy()) / (times @ by_cluster["count"].to_numpy())
    return Measured.otherwise(
        percentile(shares, level, clusters),
        [run["always"].mean() for _, run in always.groupby("seed")],
    )


def _of_guard(guard: Recipe | Backbone) -> Iterable[tuple[str, int, str, bool | None]]:
    assert isinstance(guard, Recipe)  # noqa: S101
    folder = artifacts.find(recipes.mining(guard))
    if folder is None:
        raise NotRunError("The guards were not mined yet: run the study before reading it.")
    rows = read_rows(folder / ROWS)
    last = {row["example"]: row for row in rows}
    known = guard.train_set.startswith("synthetic/") and guard.labels == "given"
    for example, right in mining.counts(rows).items():
        row = last[example]
        yield example, right, row["cluster"], _is_noisy(row) if known else None


def _is_noisy(row: mining.Row) -> bool:
    gold = corpora.gold(row["example"])
    return any(row[f"{task}_harmful"] != getattr(gold, f"{task}_harmful") for task in mining.TASKS)
