"""How sure an average is: bootstraps over source clusters, t intervals over training seeds.

A bootstrap here draws clusters anew (see `resampling`); its intervals are percentile
intervals of the replicates. A variant's judgements may carry a `seed`: the estimate is the mean
over seeds, and one draw of clusters serves them all. Two variants judged on the same examples meet
the same draws, which is what pairs their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from reasoning_guards.errors import UserError
from reasoning_guards.resampling import FloatArray, counted, replicate
from reasoning_guards.scoring import ParsePolicy, Score, f1_score, outcomes, require_cells

Cells = Sequence[str] | Mapping[str, float]
"""What is averaged: cells, by their plain mean; or cells with weights, for a contrast of means."""

FEWEST_SEEDS = 4
"""Paired seeds from which on a t interval is given."""

PAIRING = ["cell", "example", "cluster", "truth"]
"""What two variants must have in common for their difference to be paired."""


class UnpairedError(UserError):
    """Two variants are to be compared that were not judged on the same examples and seeds."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval at `level`, and its standard error."""

    estimate: float
    low: float
    high: float
    se: float
    level: float

    @property
    def side(self) -> int:
        """1 if the whole interval lies above zero, -1 if below, 0 if zero is in it."""
        return int(self.low > 0) - int(self.high < 0)


def bootstrap_average(
    judgements: pd.DataFrame,
    cells: Cells,
    replicates: int = 2000,
    seed: int = 0,
    policy: ParsePolicy = "wrong",
    level: float = 0.95,
) -> Interval:
    """The average F1 over cells, with its cluster bootstrap.

    Raises:
        MissingCellsError: a cell was not judged.
    """
    (averages,) = _replicated([judgements], cells, replicates, seed, policy)
    return percentile(averages, level)


def bootstrap_difference(
    treatment: pd.DataFrame,
    control: pd.DataFrame,
    cells: Cells,
    replicates: int = 2000,
    seed: int = 0,
    policy: ParsePolicy = "wrong",
    level: float = 0.95,
    score: Score = f1_score,
) -> Interval:
    """Average score of the treatment minus that of the control, both on the same draws of clusters.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the two were not judged on the same examples.
    """
    treatment, control = (_in_cells(judged, cells) for judged in (treatment, control))
    _require_paired(treatment, control, PAIRING)
    ours, theirs = _replicated([treatment, control], cells, replicates, seed, policy, score)
    return percentile(ours - theirs, level)


def seed_differences(
    treatment: pd.DataFrame, control: pd.DataFrame, cells: Cells, policy: ParsePolicy = "wrong"
) -> list[float]:
    """Average F1 of the treatment minus that of the control for each training seed, in seed order.

    Judgements without a `seed` count as one training run.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the two were not trained with the same seeds, or not judged on the same
            examples with each of them.
    """
    treatment, control = (_in_cells(judged, cells) for judged in (treatment, control))
    _require_paired(treatment, control, ["seed", *PAIRING])
    return [
        _estimate(run, cells, policy) - _estimate(control[control["seed"] == seed], cells, policy)
        for seed, run in treatment.groupby("seed")
    ]


def paired_seed_interval(differences: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student's t interval for the mean of paired seeds' differences: training variance.

    None for fewer than `FEWEST_SEEDS`, where `agree_in_sign` has to do.
    """
    from scipy.special import stdtrit

    if len(differences) < FEWEST_SEEDS:
        return None
    mean = float(np.mean(differences))
    se = float(np.std(differences, ddof=1) / len(differences) ** 0.5)
    reach = float(stdtrit(len(differences) - 1, (1 + level) / 2)) * se
    return Interval(mean, mean - reach, mean + reach, se, level)


def agree_in_sign(differences: Sequence[float]) -> bool:
    """Whether there are differences, all above zero or all below it."""
    return bool(differences) and (min(differences) > 0 or max(differences) < 0)


def all_positive_f1(recall: float, n: int, level: float = 0.95) -> Interval:
    """F1 on a set of `n` examples that are all harmful, with Wilson's interval of its recall.

    Without negatives there are no false positives, so F1 = 2R / (1 + R): it rises with recall, and
    the ends of recall's interval map to the ends of F1's (Wilson 1927). A bootstrap would give no
    width at all to a recall of 1. `n` counts examples, not their generations, which depend on each
    other; `recall` is the mean over generations. The standard error is the delta method's.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (recall + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * (recall * (1 - recall) / n + z**2 / (4 * n**2)) ** 0.5
    estimate, low, high = (2 * r / (1 + r) for r in (recall, centre - reach, centre + reach))
    se = 2 / (1 + recall) ** 2 * (recall * (1 - recall) / n) ** 0.5
    return Interval(estimate, low, high, se, level)


def _weights(cells: Cells) -> dict[str, float]:
    return dict(cells) if isinstance(cells, Mapping) else dict.fromkeys(cells, 1 / len(cells))


def _in_cells(judgements: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """The judgements in these cells, as of seed 0 where they carry no seed."""
    judged = judgements[judgements["cell"].isin(list(cells))]
    require_cells(list(cells), pd.Index(judged["cell"].unique()))
    return judged if "seed" in judged else judged.assign(seed=0)


def _require_paired(treatment: pd.DataFrame, control: pd.DataFrame, keys: list[str]) -> None:
    ours, theirs = (
        set(judged[keys].drop_duplicates().itertuples(index=False, name=None))
        for judged in (treatment, control)
    )
    if unpaired := len(ours ^ theirs):
        raise UnpairedError(
            f"The two variants differ in {unpaired} of their judged examples or seeds: "
            "evaluate both on the same sets, with the same training seeds."
        )


def _estimate(judgements: pd.DataFrame, cells: Cells, policy: ParsePolicy) -> float:
    return float(_replicated([judgements], cells, replicates=0, seed=0, policy=policy)[0, 0])


def _replicated(
    variants: Sequence[pd.DataFrame],
    cells: Cells,
    replicates: int,
    seed: int,
    policy: ParsePolicy,
    score: Score = f1_score,
) -> FloatArray:
    rows = [outcomes(_in_cells(judgements, cells), policy) for judgements in variants]
    return replicate(counted(rows, _weights(cells)), replicates, seed, score)


def percentile(replicated: FloatArray, level: float) -> Interval:
    """The percentile interval of what `replicate` gives for a variant, or of a difference."""
    estimate, replicates = replicated[0], replicated[1:]
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high), float(replicates.std(ddof=1)), level)
