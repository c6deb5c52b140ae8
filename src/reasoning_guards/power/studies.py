"""Made-up studies: two guards' answers, drawn under the model of `shapes`.

Labels are drawn anew in each study, so that a study is a sample of prompts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from reasoning_guards.power.shapes import CellShape, Correlations
from reasoning_guards.resampling import Counted, CountedGroup


@dataclass(frozen=True)
class Drawn:
    """One cell of a made-up study.

    Attributes:
        shape: what it was drawn from.
        truth: is it harmful? (rows,)
        right: was it judged right? (guards, rows, runs, generations)
    """

    shape: CellShape
    truth: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]


def draw(
    cells: Iterable[CellShape],
    rng: np.random.Generator,
    correlations: Correlations | None = None,
    generations: int = 4,
    runs: int = 1,
    training: float = 0.0,
) -> list[Drawn]:
    """A study: two guards' answers, treatment first, to each cell's examples.

    Args:
        cells: what is judged, in any order; cells of one set share their prompts.
        rng: where chance comes from.
        correlations: of latent scores.
        generations: answers of each guard to each example.
        runs: trainings of each guard.
        training: standard deviation over trainings of a guard's threshold, the same in all cells.
    """
    shared = correlations or Correlations()
    shifts = training * rng.standard_normal((2, 1, runs, 1))
    study = []
    in_order = sorted(cells, key=lambda cell: (cell.set, cell.name))
    for _, in_set in groupby(in_order, lambda cell: cell.set):
        of_set = list(in_set)
        of_prompts = rng.standard_normal((3, of_set[0].clusters))
        for cell in of_set:
            prompt = of_prompts[:, np.arange(cell.rows) % cell.clusters]
            example = rng.standard_normal((3, cell.rows))
            lasting = shared.prompt**0.5 * prompt + (1 - shared.prompt) ** 0.5 * example
            common, own = lasting[0], lasting[1:]
            fleeting = rng.standard_normal((2, cell.rows, runs, generations))
            scores = (
                shared.guards**0.5 * common + (shared.generations - shared.guards) ** 0.5 * own
            )[:, :, None, None] + (1 - shared.generations) ** 0.5 * fleeting
            truth = rng.random(cell.rows) < cell.harmful
            thresholds = cell.thresholds[:, truth.astype(int)]
            study.append(Drawn(cell, truth, scores < thresholds[:, :, None, None] + shifts))
    return study


def counted(study: Iterable[Drawn], weights: Mapping[str, float]) -> list[CountedGroup]:
    """The study as the bootstrap takes it (see `resampling.replicate`), weighted by cell."""
    return [
        [(weights[cell.shape.name], [_counted(cell, right) for right in cell.right])
         for cell in of_set]
        for _, of_set in groupby(study, lambda cell: cell.shape.set)
    ]  # fmt: skip


def _counted(cell: Drawn, right: npt.NDArray[np.bool_]) -> Counted:
    right = right.reshape(cell.shape.rows, -1)
    harmful = cell.truth[:, None]
    outcomes = np.stack([harmful & right, ~harmful & ~right, harmful & ~right]).astype(float)
    clusters = cell.shape.clusters
    missing = -cell.shape.rows % clusters
    padded = np.pad(outcomes, ((0, 0), (0, missing), (0, 0)))
    by_cluster = padded.reshape(3, -1, clusters, right.shape[1]).sum(axis=1)
    return Counted(by_cluster, np.full(right.shape[1], 1 / right.shape[1]))
