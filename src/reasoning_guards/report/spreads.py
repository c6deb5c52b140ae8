"""How much an average moves when another training subset is drawn, or another answer."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from reasoning_guards import claims, scoring
from reasoning_guards.chapters.data_efficiency import NAMES
from reasoning_guards.intervals import Interval
from reasoning_guards.recipes import Recipe
from reasoning_guards.report import frames
from reasoning_guards.resampling import FloatArray
from reasoning_guards.study import Study
from reasoning_guards.training import data

DRAWS = 20_000


def over(study: Study, judged: pd.DataFrame, column: str, average: str = "safety") -> pd.Series:
    """The average for each value of a column (`seed` or `generation`) alone."""
    cells, policy = claims.cells(average, study.profile.world), study.profile.parse_policy
    return pd.Series(
        {
            key: scoring.average(scoring.scores(frame, policy), cells)
            for key, frame in judged.groupby(column)
        }
    )


def table(study: Study, judged: Mapping[str, pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) over training subsets, as the paper's Table 4 has them.

    A row per variant; for prompts, responses and all nine cells. One subset has no deviation.
    """
    rows: dict[str, dict[str, str]] = {}
    for name in names:
        row = {"Subsets": str(judged[name]["seed"].nunique())}
        for label, average in (("Prompt", "prompt"), ("Response", "response"), ("All", "safety")):
            found = over(study, judged[name], "seed", average)
            row[f"{label}, mean"] = f"{found.mean():.3f}"
            row[f"{label}, std"] = f"{found.std(ddof=1):.3f}" if len(found) > 1 else "–"
        rows[study.variants[name].label] = row
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Trained on")
    return frames.of_run(shown, study, "spreads")


def nesting(study: Study) -> dict[str, str]:
    """How much the full set and the largest subset have in common, as RQ2's prose quotes it.

    `full_to_largest`: how many times the subset's examples the full set has. `full_in_largest`:
    the share of the full set that is in the subset as well. Both are of the first training seed.

    Raises:
        UserError: as `training.data.subset`.
    """
    full, largest = (_learnt(study, name) for name in ("r_full", f"r_{NAMES[-1]}"))
    return {
        "full_to_largest": f"{len(full) / len(largest):.3g}",
        "full_in_largest": f"{len(full & largest) / len(full):.0%}",
    }


def _learnt(study: Study, name: str) -> set[str]:
    guard = study.variants[name].guards[study.profile.seeds[0]]
    assert isinstance(guard, Recipe)  # noqa: S101
    return {example.id for example in data.subset(guard)}


def sd_difference(
    first: Sequence[float], second: Sequence[float], level: float = 0.95, seed: int = 0
) -> Interval:
    """One standard deviation minus another, from a few independent normal values of each.

    A generalised confidence interval (Weerahandi 1993): each deviation is drawn as
    s √((n - 1) / χ²), its pivot solved for it; the middle of the differences drawn is the interval.
    """
    rng = np.random.default_rng(seed)
    found, drawn = [], []
    for values in (first, second):
        free = len(values) - 1
        found.append(float(np.std(values, ddof=1)))
        drawn.append(found[-1] * np.sqrt(free / rng.chisquare(free, DRAWS)))
    differences = drawn[0] - drawn[1]
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        found[0] - found[1], float(low), float(high), float(differences.std(ddof=1)), level
    )


def smallest_fall(falling: Sequence[Sequence[Sequence[float]]]) -> Interval:
    """The smallest step down of standard deviations, along each of several lines of samples.

    A step up is a negative fall. As with a shape's parts, every step's interval has to lie above
    zero for this one to do so, and one that lies below is enough to bring it there.

    Args:
        falling: lines of samples, each sample a few independent normal values.
    """
    steps = [sd_difference(few, many) for line in falling for few, many in pairwise(line)]
    estimate, low, high = (min(getattr(s, e) for s in steps) for e in ("estimate", "low", "high"))
    return Interval(estimate, low, high, max(step.se for step in steps), steps[0].level)


def over_subsets(study: Study, judged: Mapping[str, pd.DataFrame]) -> dict[str, Interval]:
    """What the claims about Table 4's deviations measure: those of 500 examples minus 5000's.

    And the smallest step from size to size, of prompts and responses. Nothing where there are
    fewer than three subsets.
    """
    if len(study.profile.seeds) < 3:
        return {}
    measured = {}
    for claim, average in (
        ("rq2_spread_overall", "safety"),
        ("rq2_spread_prompt", "prompt"),
        ("rq2_spread_response", "response"),
    ):
        few, many = (over(study, judged[name], "seed", average) for name in ("r_500", "r_5k"))
        measured[claim] = sd_difference(list(few), list(many))
    if all(f"r_{name}" in judged for name in NAMES):
        measured["rq2_spread_steps"] = smallest_fall(
            [
                [list(over(study, judged[f"r_{name}"], "seed", average)) for name in NAMES]
                for average in ("prompt", "response")
            ]
        )
    return measured


def over_generations(study: Study, judged: Mapping[str, pd.DataFrame]) -> dict[str, Interval]:
    """Decoding noise of the full-trace guard, for the claim about it; nothing with one generation.

    Pooled over seeds: the mean variance, as if their generations were one sample with a mean each.
    """
    frame = judged["r_full"]
    runs = [over(study, run, "generation") for _, run in frame.groupby("seed")]
    if len(runs[0]) < 2:
        return {}
    centred = np.concatenate([run - run.mean() for run in runs])
    return {"rq1_decoding_noise": pooled_sd(centred, sum(len(run) - 1 for run in runs))}


def pooled_sd(centred: FloatArray, free: int, level: float = 0.95) -> Interval:
    """The standard deviation behind values less their groups' means, with its chi-square interval.

    Args:
        centred: the values.
        free: their degrees of freedom: how many there are, less the number of groups.
        level: of the interval.
    """
    from scipy.stats import chi2

    found = float((np.square(centred).sum() / free) ** 0.5)
    low, high = (
        found * (free / chi2.ppf(q, free)) ** 0.5 for q in ((1 + level) / 2, (1 - level) / 2)
    )
    return Interval(found, float(low), float(high), found / (2 * free) ** 0.5, level)
