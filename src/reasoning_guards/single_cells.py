"""How sure the F1 of a single cell is, and the difference of several guards' F1s there.

Near the ceiling a bootstrap has too little width, and none where a guard makes no mistake. But F1
is 2J / (1 + J), which rises with J: the share of hits among all rows that are a hit, a false alarm
or a miss. So Wilson's limits (1927) for the share J, mapped through that, are limits for F1; on a
set whose examples are all harmful J is recall. Rows that share a source, and generations, count as
the independent rows that would give J its variance over clusters, and for no more than the clusters
that have such rows: several answers to one example are never more than one.

The limits of several guards make those of their difference by the rule of Newcombe (1998, method
10), and for any sum of estimates by that of Zou and Donner (2008).
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from reasoning_guards.intervals import Cells, Interval, paired
from reasoning_guards.resampling import Counted, FloatArray
from reasoning_guards.scoring import ParsePolicy, f1_score


def wilson_f1(f1: float, rows: float, level: float = 0.95) -> Interval:
    """An F1 with the limits that Wilson gives its J on so many independent rows.

    Args:
        f1: the estimate.
        rows: hits, false alarms and misses together; on an all-harmful set, all rows.
        level: of the interval.

    Returns:
        The standard error is the delta method's: 0 at an F1 of 1, where the limits have width.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = f1 / (2 - f1)
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z / (1 + z**2 / rows) * (share * (1 - share) / rows + z**2 / (4 * rows**2)) ** 0.5
    low, high = (2 * j / (1 + j) for j in (centre - reach, centre + reach))
    se = 2 / (1 + share) ** 2 * (share * (1 - share) / rows) ** 0.5
    return Interval(f1, low, high, se, level)


def cell_contrast(
    variants: Sequence[pd.DataFrame],
    coefficients: Sequence[float],
    cells: Cells,
    policy: ParsePolicy = "wrong",
    level: float = 0.95,
) -> Interval:
    """The F1s of some variants in one cell, each times its coefficient, on the same examples.

    Returns:
        The standard error is what a normal interval of this width would have.

    Raises:
        MissingCellsError: the cell was not judged.
        UnpairedError: the variants were not judged on the same examples.
    """
    (((_, counted),),) = paired(variants, cells, policy)
    return contrast(counted, coefficients, level)


def contrast(
    counted: Sequence[Counted], coefficients: Sequence[float], level: float = 0.95
) -> Interval:
    """The same for outcomes that are counted already."""
    alone = [_alone(each, level) for each in counted]
    influences = np.stack([influence for _, influence in alone])
    spread = np.sqrt((influences**2).sum(axis=1))
    scale = np.outer(spread, spread)
    # A guard without mistakes varies with no other: nothing is known of what they have in common.
    shared = np.divide(influences @ influences.T, scale, out=np.eye(len(scale)), where=scale > 0)
    signs = np.asarray(coefficients, dtype=float)
    estimate, low, high = np.array([[i.estimate, i.low, i.high] for i, _ in alone]).T
    middle = float(signs @ estimate)

    def reach(towards: FloatArray, away: FloatArray) -> float:
        distances = signs * np.where(signs > 0, towards, away)
        return float(max(distances @ shared @ distances, 0.0) ** 0.5)

    below, above = reach(estimate - low, high - estimate), reach(high - estimate, estimate - low)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return Interval(middle, middle - below, middle + above, (below + above) / (2 * z), level)


def _alone(cell: Counted, level: float) -> tuple[Interval, FloatArray]:
    """One guard's F1 with Wilson's limits, and what each cluster adds to it, to first order."""
    tp, fp, fn = cell.counts[:3]  # each (clusters, runs)
    of_runs = f1_score(tp.sum(axis=0), fp.sum(axis=0), fn.sum(axis=0))
    counts = 2 * tp + fp + fn
    influence = (2 * tp - of_runs * counts) / np.maximum(counts.sum(axis=0), 1) @ cell.shares
    f1, clusters = float(of_runs @ cell.shares), len(influence)
    most = float(((counts > 0).sum(axis=0) @ cell.shares).clip(min=1))
    variance = clusters / max(clusters - 1, 1) * float((influence**2).sum())
    share = f1 / (2 - f1)
    of_share = variance * (2 / (2 - f1) ** 2) ** 2
    rows = min(share * (1 - share) / of_share, most) if of_share > 0 and 0 < share < 1 else most
    return wilson_f1(f1, rows, level), influence
