"""How sure an average is: bootstraps over source clusters, t intervals over training seeds.

A bootstrap here draws clusters anew (see `resampling`); its intervals are percentile intervals of
the replicates, made wider where clusters are few. A variant's judgements may carry a `seed`: the
estimate is the mean over seeds, and one draw of clusters serves them all. Variants judged on the
same examples meet the same draws, which is what pairs their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from reasoning_guards.errors import UserError
from reasoning_guards.resampling import CountedGroup, FloatArray, counted, replicate
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
    groups = paired([judgements], cells, policy)
    (averages,) = replicate(groups, replicates, seed)
    return percentile(averages, level, fewest_clusters(groups))


def paired(
    variants: Sequence[pd.DataFrame], cells: Cells, policy: ParsePolicy
) -> list[CountedGroup]:
    """The variants' outcomes in these cells, for `replicate`; without a `seed`, as of seed 0.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the variants were not judged on the same examples.
    """
    judged = [_in_cells(each, cells) for each in variants]
    _require_paired(judged, PAIRING)
    return counted([outcomes(each, policy) for each in judged], _weights(cells))


def bootstrap_difference(
    treatment: pd.DataFrame,
    control: pd.DataFrame,
    cells: Cells,
    replicates: int = 2000,
    seed: int = 0,
    policy: ParsePolicy = "wrong",
    level: float = 0.95,
) -> Interval:
    """Average F1 of the treatment minus that of the control, both on the same draws of clusters.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the two were not judged on the same examples.
    """
    return bootstrap_contrast((treatment, control), (1, -1), cells, replicates, seed, policy, level)


def bootstrap_contrast(
    variants: Sequence[pd.DataFrame],
    coefficients: Sequence[float],
    cells: Cells,
    replicates: int = 2000,
    seed: int = 0,
    policy: ParsePolicy = "wrong",
    level: float = 0.95,
    score: Score = f1_score,
) -> Interval:
    """The variants' average scores, each times its coefficient, all on the same draws of clusters.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the variants were not judged on the same examples.
    """
    groups = paired(variants, cells, policy)
    replicated = replicate(groups, replicates, seed, score)
    return percentile(np.asarray(coefficients) @ replicated, level, fewest_clusters(groups))


def seed_contrasts(
    variants: Sequence[pd.DataFrame],
    coefficients: Sequence[float],
    cells: Cells,
    policy: ParsePolicy = "wrong",
    score: Score = f1_score,
) -> list[float]:
    """The variants' average scores, each times its coefficient, for each seed, in seed order.

    Judgements without a `seed` count as one training run.

    Raises:
        MissingCellsError: a cell was not judged.
        UnpairedError: the variants were not trained with the same seeds, or not judged on the same
            examples with each of them.
    """
    judged = [_in_cells(each, cells) for each in variants]
    _require_paired(judged, ["seed", *PAIRING])
    return [
        sum(
            coefficient * _estimate(each[each["seed"] == seed], cells, policy, score)
            for coefficient, each in zip(coefficients, judged, strict=True)
        )
        for seed in sorted(judged[0]["seed"].unique())
    ]


def paired_seed_interval(differences: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student's t interval for the mean of paired seeds' differences: training variance.

    None for fewer than `FEWEST_SEEDS`.
    """
    from scipy.special import stdtrit

    if len(differences) < FEWEST_SEEDS:
        return None
    mean = float(np.mean(differences))
    se = float(np.std(differences, ddof=1) / len(differences) ** 0.5)
    reach = float(stdtrit(len(differences) - 1, (1 + level) / 2)) * se
    return Interval(mean, mean - reach, mean + reach, se, level)


def _weights(cells: Cells) -> dict[str, float]:
    return dict(cells) if isinstance(cells, Mapping) else dict.fromkeys(cells, 1 / len(cells))


def _in_cells(judgements: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    """The judgements in these cells, as of seed 0 where they carry no seed."""
    judged = judgements[judgements["cell"].isin(list(cells))]
    require_cells(list(cells), pd.Index(judged["cell"].unique()))
    return judged if "seed" in judged else judged.assign(seed=0)


def _require_paired(variants: Sequence[pd.DataFrame], keys: list[str]) -> None:
    first, *others = (
        set(zip(*(judged[key].tolist() for key in keys), strict=True)) for judged in variants
    )
    if unpaired := max((len(first ^ other) for other in others), default=0):
        raise UnpairedError(
            f"Two variants differ in {unpaired} of their judged examples or seeds: "
            "evaluate both on the same sets, with the same training seeds."
        )


def _estimate(judgements: pd.DataFrame, cells: Cells, policy: ParsePolicy, score: Score) -> float:
    return float(replicate(paired([judgements], cells, policy), 0, 0, score)[0, 0])


def fewest_clusters(groups: Sequence[CountedGroup]) -> int:
    """How many clusters are drawn where the fewest are."""
    return min(int(cells[0][1][0].counts.shape[1]) for cells in groups)


def percentile(replicated: FloatArray, level: float, clusters: int) -> Interval:
    """The percentile interval of what `replicate` gives for a variant, or of a contrast.

    A bootstrap of n clusters has the variance of n - 1 in n, and a percentile interval the reach of
    a normal distribution and not of Student's t. Both make it too narrow where clusters are few:
    the levels of its ends are set further out by as much (Hesterberg 2015, section 5.3).

    Args:
        replicated: the estimate, and then its replicates.
        level: of the interval.
        clusters: how many were drawn; of sets drawn one by one, the fewest.
    """
    from scipy.special import stdtrit

    estimate, replicates = replicated[0], replicated[1:]
    n = max(clusters, 2)  # one alone shows no variance at all
    reach = (n / (n - 1)) ** 0.5 * float(stdtrit(n - 1, (1 + level) / 2))
    tail = NormalDist().cdf(-reach)
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return Interval(float(estimate), float(low), float(high), float(replicates.std(ddof=1)), level)
