"""Standard errors of F1 averages under the model of `shapes`, by the delta method.

F1 is 2 TP / (2 TP + FP + FN). To first order a row adds (2 tp - F1 (2 tp + fp + fn)) / D to it, D
being the number of rows times the mean of 2 tp + fp + fn. What is left is the covariance of right
answers to rows that share a prompt, an example or nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from reasoning_guards.power.shapes import CellShape, Correlations, shapes
from reasoning_guards.resampling import FloatArray


@dataclass(frozen=True)
class Design:
    """How a study is made, as far as it decides how sure its averages are.

    Attributes:
        generations: answers to each example.
        runs: trainings of each guard.
        training_sd: standard deviation over trainings of a guard's average, in F1.
        limit: the most examples taken of a cell; None takes all.
        correlations: of answers to the same example or prompt.
    """

    generations: int = 4
    runs: int = 1
    training_sd: float = 0.0
    limit: int | None = None
    correlations: Correlations = field(default_factory=Correlations)


def standard_error(weights: Mapping[str, float], design: Design) -> float:
    """Of the paired difference of two guards, over examples and trainings.

    A guard's average varies from training to training by `training_sd`, on whichever cells; the
    difference of two, each the mean over its runs, has the variance 2 training_sd² / runs of it.
    """
    of_trainings = 2 * design.training_sd**2 / design.runs
    return sqrt(sample_error(weights, design) ** 2 + of_trainings)


def sample_error(
    weights: Mapping[str, float], design: Design, guards: tuple[float, float] = (1, -1)
) -> float:
    """Standard error of a weighted sum of cells' F1 over examples alone.

    Args:
        weights: of each cell.
        design: how it is measured.
        guards: the weights of treatment and control: their difference, or one of them alone.
    """
    return sqrt(_Rows(weights, design.limit, guards).variance(design))


def decoding_sd(weights: Mapping[str, float], design: Design) -> float:
    """Standard deviation of one guard's average from generation to generation.

    What the paper's Table 3 prints, so that `Correlations.generations` can be held against it.
    """
    return sqrt(_Rows(weights, design.limit, (1, 0)).decoding_variance(design.correlations))


def agreement(cell: str, correlations: Correlations) -> float:
    """The share of harmful examples of a cell that both guards get right or both get wrong."""
    (shape,) = shapes([cell])
    (treatment, control), (a, b) = shape.thresholds[:, 1], shape.right[:, 1]
    both = a * b + float(_covariance(treatment, control, np.array(correlations.guards)))
    return float(1 - a - b + 2 * both)


class _Rows:
    """What one row adds to the sum, by cell, guard and label, to first order."""

    def __init__(
        self, weights: Mapping[str, float], limit: int | None, guards: tuple[float, float]
    ) -> None:
        self.cells: list[CellShape] = shapes(weights, limit)
        self.rows = np.array([cell.rows for cell in self.cells], dtype=float)
        harmful = np.array([cell.harmful for cell in self.cells])
        self.labels = np.stack([1 - harmful, harmful], axis=-1)  # (cells, labels)
        self.thresholds = np.array([cell.thresholds for cell in self.cells])
        right = np.array([cell.right for cell in self.cells])  # (cells, guards, labels)
        self.noise = right * (1 - right)
        f1 = np.array([cell.f1 for cell in self.cells])
        false_alarms, hits = 1 - right[..., 0], right[..., 1]
        # 2 tp + fp + fn of an unharmful and of a harmful row, in the mean.
        mean = np.stack([false_alarms, 1 + hits], axis=-1)
        scale = np.outer(np.array(list(weights.values())) / self.rows, guards)
        scale = scale / np.einsum("cl,cgl->cg", self.labels, mean)
        # What a right answer adds: one false alarm less, or one hit more and one miss less.
        self.gains = scale[..., None] * np.stack([f1, 2 - f1], axis=-1)
        # What a row of either label adds in the mean; over labels it comes to nothing.
        hits_counted = np.stack([np.zeros_like(hits), 2 * hits], axis=-1)
        self.means = scale[..., None] * (hits_counted - f1[..., None] * mean)

    def variance(self, design: Design) -> float:
        """Of the sum, over samples of prompts."""
        one, other = design.correlations.generations, design.correlations.guards
        of_guards = np.array([[one, other], [other, one]])
        return self._within_rows(of_guards, design.generations) + self._between_rows(
            design.correlations.prompt * of_guards
        )

    def decoding_variance(self, correlations: Correlations) -> float:
        """Of the sum, over generations on the same examples."""
        generations = np.array(correlations.generations)
        fleeting = self.noise - _covariance(self.thresholds, self.thresholds, generations)
        return float(np.einsum("c,cl,cgl->", self.rows, self.labels, self.gains**2 * fleeting))

    def _within_rows(self, of_guards: FloatArray, generations: int) -> float:
        lasting = _covariance(  # (cells, guards, guards, labels)
            self.thresholds[:, :, None], self.thresholds[:, None], of_guards[:, :, None]
        )
        fleeting = self.noise - np.einsum("cggl->cgl", lasting)
        each = np.einsum("cgl,chl,cghl->cl", self.gains, self.gains, lasting)
        each += (self.gains**2 * fleeting).sum(axis=1) / generations
        each += self.means.sum(axis=1) ** 2
        return float(np.einsum("c,cl,cl->", self.rows, self.labels, each))

    def _between_rows(self, of_guards: FloatArray) -> float:
        shared = _covariance(  # (cells, cells, guards, guards, labels, labels)
            self.thresholds[:, None, :, None, :, None],
            self.thresholds[None, :, None, :, None, :],
            of_guards[:, :, None, None],
        )
        gains = self.gains * self.labels[:, None]
        of_a_pair = np.einsum("cgl,dhm,cdghlm->cd", gains, gains, shared)
        return float((of_a_pair * self._pairs()).sum())

    def _pairs(self) -> FloatArray:
        """How many ordered pairs of different rows of two cells share a prompt."""
        per_prompt = [
            np.bincount(np.arange(cell.rows) % cell.clusters, minlength=cell.clusters)
            for cell in self.cells
        ]
        return np.array(
            [[float(these @ those) if one.set == other.set else 0.0
              for those, other in zip(per_prompt, self.cells, strict=True)]
             for these, one in zip(per_prompt, self.cells, strict=True)]
        ) - np.diag(self.rows)  # fmt: skip


def _covariance(h: FloatArray, k: FloatArray, correlation: FloatArray) -> FloatArray:
    """Of the indicators that two correlated standard normals lie below h and k.

    Plackett's (1954) identity, integrated over the angle whose sine is the correlation.
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    reach = np.arcsin(correlation)[..., None] / 2
    angles = reach * (nodes + 1)
    h, k = h[..., None], k[..., None]
    density = np.exp(-(h**2 + k**2 - 2 * h * k * np.sin(angles)) / (2 * np.cos(angles) ** 2))
    integral: FloatArray = (reach * density * weights).sum(axis=-1) / (2 * np.pi)
    return integral
