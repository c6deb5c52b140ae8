"""Sets drawn anew: each with as many of its clusters as it has, with replacement.

A prompt that stands in two cells is drawn in both, no set changes size, and every cell's F1 is
computed anew in each draw. A draw depends on nothing but the clusters and the random seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd

from reasoning_guards.scoring import f1_score

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A variant's outcomes in one cell.

    Attributes:
        counts: tp, fp and fn of each of the set's clusters in each run, (3, clusters, runs); a run
            is one generation of one seed.
        shares: of each run in the mean, (runs,), summing to 1.
    """

    counts: FloatArray
    shares: FloatArray


CountedSet = Sequence[tuple[float, Sequence[Counted]]]
"""A set: the weight of each of its cells, and what each variant made of it."""


def replicate(sets: Iterable[CountedSet], replicates: int, seed: int) -> FloatArray:
    """Each variant's weighted sum of F1, first as judged and then for each replicate.

    Returns:
        (variants, 1 + replicates); all variants meet the same draws.
    """
    rng = np.random.default_rng(seed)
    total: FloatArray = np.sum([_replicated_set(cells, replicates, rng) for cells in sets], axis=0)
    return total


def counted(variants: Sequence[pd.DataFrame], weights: Mapping[str, float]) -> list[CountedSet]:
    """The sets of some variants' outcomes (see `scoring.outcomes`) on the same examples.

    Args:
        variants: each with a `seed`, and with no other cells than those that have a weight.
        weights: of each cell.
    """
    # Sorted, so neither the order of rows nor the variant changes what is drawn.
    cells = sorted(variants[0]["cell"].unique(), key=lambda cell: cell.rsplit(":", 1))
    return [
        _counted_set(variants, list(in_set), weights)
        for _, in_set in groupby(cells, lambda cell: cell.rsplit(":", 1)[0])
    ]


def _counted_set(
    variants: Sequence[pd.DataFrame], cells: Sequence[str], weights: Mapping[str, float]
) -> CountedSet:
    first = variants[0]
    clusters = np.sort(first.loc[first["cell"].isin(cells), "cluster"].unique())
    return [
        (weights[cell], [_counted(rows[rows["cell"] == cell], clusters) for rows in variants])
        for cell in cells
    ]


def _counted(in_cell: pd.DataFrame, clusters: npt.NDArray[np.object_]) -> Counted:
    table = (
        in_cell.groupby(["cluster", "seed", "generation"])[["tp", "fp", "fn"]]
        .sum()
        .unstack(["seed", "generation"], fill_value=0)
        .reindex(clusters, fill_value=0)
    )
    seeds = table["tp"].columns.get_level_values("seed")
    # The mean over seeds of the mean over each seed's generations.
    shares = 1 / (seeds.nunique() * seeds.value_counts().reindex(seeds).to_numpy(dtype=float))
    counts = [table[name].to_numpy(dtype=float) for name in ("tp", "fp", "fn")]
    return Counted(np.stack(counts), shares)


def _replicated_set(cells: CountedSet, replicates: int, rng: np.random.Generator) -> FloatArray:
    clusters = cells[0][1][0].counts.shape[1]
    times_drawn = _times_drawn(clusters, replicates, rng)
    f1 = [
        [weight * f1_score(*(times_drawn @ each.counts)) @ each.shares for each in variants]
        for weight, variants in cells
    ]
    total: FloatArray = np.sum(f1, axis=0)
    return total


def _times_drawn(clusters: int, replicates: int, rng: np.random.Generator) -> FloatArray:
    """How often each cluster is drawn, (1 + replicates, clusters); once in the first row."""
    drawn = rng.integers(clusters, size=(replicates, clusters))
    flat = drawn + clusters * np.arange(replicates)[:, None]
    times = np.bincount(flat.ravel(), minlength=replicates * clusters)
    return np.vstack([np.ones(clusters), times.reshape(replicates, clusters)])
