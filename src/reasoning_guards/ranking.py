"""What probabilities are worth apart from any verdict: ranking, calibration, thresholds.

Probabilities are one DataFrame with a row per cell, example and seed:

    cell, example, cluster, truth, seed  as in `scoring`
    probability                          float: of harmful, the mean over an answer's reasonings

Measures pool the examples of all cells, since 1 % of the unharmful ones of a single cell would be
one example or two; the area under precision and recall alone is taken cell by cell. With several
seeds each is the mean over them.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from reasoning_guards.errors import UserError
from reasoning_guards.intervals import Interval, percentile
from reasoning_guards.scoring import FloatArray, ParsePolicy

BINS = 10
"""Of equal width, in which calibration is measured."""

Measure = Callable[[pd.DataFrame, FloatArray], float]
"""Rows of one seed, and how often each counts → a number."""


class OneClassError(UserError):
    """A threshold is to be chosen on examples that are all harmful, or none of them."""


def answered(rows: pd.DataFrame, policy: ParsePolicy = "wrong") -> pd.DataFrame:
    """One row per example: the mean of what was read after each of its reasonings.

    Where nothing could be read the probability is certain and as the policy has it: wrong, or
    harmful; or the example is dropped.

    Args:
        rows: a row per example and reasoning, with a probability that may be missing.
        policy: what an answer without a verdict counts as.
    """
    keys = ["cell", "example", "cluster", "truth", "seed"]
    mean = rows.groupby(keys, sort=False)["probability"].mean().reset_index()
    if policy == "dropped":
        return mean.dropna(ignore_index=True)
    unread = 1.0 if policy == "harmful" else 1.0 - mean["truth"].astype(float)
    return mean.assign(probability=mean["probability"].fillna(unread))


def average_precision(rows: pd.DataFrame, weights: FloatArray) -> float:
    """Area under precision and recall (AUPRC), the mean over cells that have both labels."""
    from sklearn.metrics import average_precision_score

    weighted = rows.assign(weight=weights)
    areas = [
        average_precision_score(cell["truth"], cell["probability"], sample_weight=cell["weight"])
        for _, cell in weighted[weighted["weight"] > 0].groupby("cell")
        if cell["truth"].nunique() == 2
    ]
    return float(np.mean(areas)) if areas else np.nan


def recall_at(rate: float) -> Measure:
    """The greatest recall of a threshold that lets through no greater rate of false positives."""

    def measure(rows: pd.DataFrame, weights: FloatArray) -> float:
        from sklearn.metrics import roc_curve

        if rows["truth"][weights > 0].nunique() < 2:
            return np.nan
        false, true, _ = roc_curve(
            rows["truth"], rows["probability"], sample_weight=weights, drop_intermediate=False
        )
        return float(true[false <= rate + 1e-12].max())

    return measure


def brier(rows: pd.DataFrame, weights: FloatArray) -> float:
    """The mean squared distance of probability and truth."""
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(rows["truth"], rows["probability"], sample_weight=weights))


def calibration_error(rows: pd.DataFrame, weights: FloatArray) -> float:
    """How far, in the mean, the share of harmful examples in a bin is from their probability."""
    bins = reliability(rows, weights)
    distance = (bins["probability"] - bins["harmful"]).abs()
    return float((bins["share"] * distance).sum())


def reliability(rows: pd.DataFrame, weights: FloatArray | None = None) -> pd.DataFrame:
    """A row per bin that holds something.

    Columns: probability (mean), harmful (share of them), share (of all examples).
    """
    weight = np.ones(len(rows)) if weights is None else weights
    bins = np.minimum((rows["probability"].to_numpy() * BINS).astype(int), BINS - 1)
    summed = pd.DataFrame(
        {
            "bin": bins,
            "weight": weight,
            "probability": weight * rows["probability"],
            "harmful": weight * rows["truth"].astype(float),
        }
    )
    summed = summed.groupby("bin").sum().query("weight > 0")
    return pd.DataFrame(
        {
            "probability": summed["probability"] / summed["weight"],
            "harmful": summed["harmful"] / summed["weight"],
            "share": summed["weight"] / summed["weight"].sum(),
        }
    )


def threshold_for_rate(validation: pd.DataFrame, rate: float) -> float:
    """The lowest threshold with no greater rate of false positives; harmful is p >= threshold.

    Raises:
        OneClassError: if no example is unharmful, or none harmful.
    """
    from sklearn.metrics import roc_curve

    _require_both(validation)
    false, _, thresholds = roc_curve(
        validation["truth"], validation["probability"], drop_intermediate=False
    )
    return float(thresholds[false <= rate + 1e-12].min())


def threshold_for_f1(validation: pd.DataFrame) -> float:
    """The threshold with the highest F1; the middle of the way to the next lower probability.

    Raises:
        OneClassError: if no example is unharmful, or none harmful.
    """
    from sklearn.metrics import precision_recall_curve

    _require_both(validation)
    precision, recall, thresholds = precision_recall_curve(
        validation["truth"], validation["probability"]
    )
    both = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], both, out=np.zeros_like(both), where=both > 0)
    best = int(f1.argmax())
    below = thresholds[best - 1] if best else 0.0
    return float((thresholds[best] + below) / 2)


def _require_both(validation: pd.DataFrame) -> None:
    if validation["truth"].nunique() < 2:
        raise OneClassError(
            "The validation examples are all of one kind, so that no threshold can be chosen on "
            "them: raise eval_examples."
        )


def estimate(rows: pd.DataFrame, measure: Measure) -> float:
    """A measure, as the mean over seeds."""
    found = [measure(mine, np.ones(len(mine))) for _, mine in rows.groupby("seed")]
    return float(np.mean(found))


def bootstrap(
    variants: Sequence[pd.DataFrame],
    coefficients: Sequence[float],
    measure: Measure,
    replicates: int,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The variants' measures, each times its coefficient, all on the same draws of clusters.

    Clusters are drawn from all cells together; draws that hold one label alone are left out.

    Args:
        variants: read of the same examples.
        coefficients: 1 for a measure by itself, 1 and -1 for a difference.
        measure: what of.
        replicates: draws.
        seed: draws them.
        level: of the interval.
    """
    names = np.unique(np.concatenate([rows["cluster"].to_numpy(str) for rows in variants]))
    split = [[mine for _, mine in rows.groupby("seed")] for rows in variants]
    places = [[np.searchsorted(names, m["cluster"].to_numpy(str)) for m in of] for of in split]
    rng = np.random.default_rng(seed)
    drawn = [np.ones(len(names))] + [
        np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
        for _ in range(replicates)
    ]
    values = np.array(
        [
            sum(
                coefficient
                * np.mean([measure(m, times[at]) for m, at in zip(of, where, strict=True)])
                for coefficient, of, where in zip(coefficients, split, places, strict=True)
            )
            for times in drawn
        ]
    )
    kept = np.concatenate([values[:1], values[1:][~np.isnan(values[1:])]])
    return percentile(kept, level, len(names))
