"""How often intervals cover the true difference of two guards, over made-up studies."""

import numpy as np

from reasoning_guards.intervals import percentile
from reasoning_guards.power import studies
from reasoning_guards.power.shapes import CellShape, Correlations
from reasoning_guards.resampling import replicate
from reasoning_guards.single_cells import contrast

COVERED = (0.93, 0.97)
"""The shares of studies between which the test suite holds 95 % intervals of averages."""


def in_cell(
    cell: CellShape, count: int, correlations: Correlations | None = None, replicates: int = 200
) -> tuple[float, float]:
    """Of so many studies of one cell, the share whose 95 % interval covers the difference in F1.

    Returns:
        For the rule of `single_cells`, and for the bootstrap.
    """
    true = cell.f1[0] - cell.f1[1]
    covered = []
    for number in range(count):
        study = studies.draw([cell], np.random.default_rng([3, number]), correlations)
        groups = studies.counted(study, {cell.name: 1.0})
        ((_, guards),) = groups[0]
        ours, theirs = replicate(groups, replicates, number)
        found = contrast(guards, [1, -1]), percentile(ours - theirs, 0.95, cell.clusters)
        covered.append([each.low <= true <= each.high for each in found])
    rule, bootstrap = np.mean(covered, axis=0)
    return float(rule), float(bootstrap)
