"""Clusters drawn anew, with replacement, as many as there are.

A prompt that stands in two cells, or a source that two sets share, is drawn in both; cells that
share nothing are drawn one by one. Every cell's score is computed anew in each draw, which depends
on nothing but the clusters and the random seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from reasoning_guards.scoring import OUTCOMES, Score, f1_score

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A variant's outcomes in one cell.

    Attributes:
        counts: `scoring.OUTCOMES` of each of the group's clusters in each run, (4, clusters, runs);
            a run is one generation of one seed.
        shares: of each run in the mean, (runs,), summing to 1.
    """

    counts: FloatArray
    shares: FloatArray


CountedGroup = Sequence[tuple[float, Sequence[Counted]]]
"""Cells drawn together: the weight of each, and what each variant made of it."""


def replicate(
    groups: Iterable[CountedGroup], replicates: int, seed: int, score: Score = f1_score
) -> FloatArray:
    """Each variant's weighted sum of scores, first as judged and then for each replicate.

    Returns:
        (variants, 1 + replicates); all variants meet the same draws.
    """
    rng = np.random.default_rng(seed)
    total: FloatArray = np.sum(
        [_replicated_group(cells, replicates, rng, score) for cells in groups], axis=0
    )
    return total


def counted(variants: Sequence[pd.DataFrame], weights: Mapping[str, float]) -> list[CountedGroup]:
    """The groups of some variants' outcomes (see `scoring.outcomes`) on the same examples.

    Args:
        variants: each with a `seed`, and with no other cells than those that have a weight.
        weights: of each cell.
    """
    by_cell = [{str(cell): part for cell, part in rows.groupby("cell")} for rows in variants]
    return [_counted_group(by_cell, cells, weights) for cells in _drawn_together(variants[0])]


def _drawn_together(rows: pd.DataFrame) -> list[list[str]]:
    """The cells in groups: those that share a cluster, if only by way of other cells.

    Sorted, so that neither the order of rows nor the variant changes what is drawn.
    """
    from scipy.sparse.csgraph import connected_components

    cell, names = pd.factorize(rows["cell"], sort=True)
    cluster, sources = pd.factorize(rows["cluster"])
    stands_in = np.zeros((len(names), len(sources)), dtype=int)
    stands_in[cell, cluster] = 1
    _, group = connected_components(stands_in @ stands_in.T, directed=False)
    cells = pd.Series(names)
    return [list(together) for _, together in cells.groupby(group)]


def _counted_group(
    variants: Sequence[Mapping[str, pd.DataFrame]],
    cells: Sequence[str],
    weights: Mapping[str, float],
) -> CountedGroup:
    sources = [variants[0][cell]["cluster"].to_numpy(dtype=object) for cell in cells]
    clusters = np.unique(np.concatenate(sources))
    return [
        (weights[cell], [_counted(by_cell[cell], clusters) for by_cell in variants])
        for cell in cells
    ]


def _counted(in_cell: pd.DataFrame, clusters: npt.NDArray[np.object_]) -> Counted:
    _, seed = np.unique(in_cell["seed"], return_inverse=True)
    generation = in_cell["generation"].to_numpy()
    runs, run = np.unique(seed * (generation.max() + 1) + generation, return_inverse=True)
    seeds = runs // (generation.max() + 1)
    # The mean over seeds of the mean over each seed's generations.
    generations = np.bincount(seeds)
    shares = 1 / (len(generations) * generations[seeds])
    place = np.searchsorted(clusters, in_cell["cluster"].to_numpy()) * len(runs) + run
    shape = len(clusters), len(runs)
    counts = [
        np.bincount(place, in_cell[name], minlength=shape[0] * shape[1]).reshape(shape)
        for name in OUTCOMES
    ]
    return Counted(np.stack(counts), shares)


def _replicated_group(
    cells: CountedGroup, replicates: int, rng: np.random.Generator, score: Score
) -> FloatArray:
    clusters = cells[0][1][0].counts.shape[1]
    times_drawn = _times_drawn(clusters, replicates, rng)
    scores = [
        [weight * score(*(times_drawn @ each.counts)) @ each.shares for each in variants]
        for weight, variants in cells
    ]
    total: FloatArray = np.sum(scores, axis=0)
    return total


def _times_drawn(clusters: int, replicates: int, rng: np.random.Generator) -> FloatArray:
    """How often each cluster is drawn, (1 + replicates, clusters); once in the first row."""
    drawn = rng.integers(clusters, size=(replicates, clusters))
    flat = drawn + clusters * np.arange(replicates)[:, None]
    times = np.bincount(flat.ravel(), minlength=replicates * clusters)
    return np.vstack([np.ones(clusters), times.reshape(replicates, clusters)])
