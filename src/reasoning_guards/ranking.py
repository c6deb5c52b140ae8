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
import numpy.typing as npt
import pandas as pd

from reasoning_guards.errors import UserError
from reasoning_guards.intervals import Interval, percentile
from reasoning_guards.scoring import FloatArray, ParsePolicy

BINS = 10
"""Of equal width, in which calibration is measured."""

AT_ONCE = 200
"""Draws of a bootstrap that are computed together."""

Measure = Callable[[pd.DataFrame, FloatArray], FloatArray]
"""Rows of one seed, and how often each counts in each draw, (draws, rows) → a number per draw."""


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


def average_precision(rows: pd.DataFrame, weights: FloatArray) -> FloatArray:
    """Area under precision and recall (AUPRC), the mean over cells that have both labels.

    Each cell's is scikit-learn's `average_precision_score`, for all draws at once.
    """
    cell = rows["cell"].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = [
            _area(*_swept(rows[cell == name], weights[:, cell == name]))
            for name in dict.fromkeys(cell)
        ]
    known = ~np.isnan(areas)
    return np.where(known.any(0), np.nansum(areas, 0) / np.maximum(known.sum(0), 1), np.nan)


def recall_at(rate: float) -> Measure:
    """The greatest recall of a threshold with no greater rate of false positives."""

    def measure(rows: pd.DataFrame, weights: FloatArray) -> FloatArray:
        true, false = _swept(rows, weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, passed = true / true[:, -1:], false / false[:, -1:]
        best = np.where(passed <= rate + 1e-12, recall, 0).max(-1)
        return np.where((true[:, -1] > 0) & (false[:, -1] > 0), best, np.nan)

    return measure


def _swept(rows: pd.DataFrame, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """True and false positives as the threshold falls, (draws, thresholds) each.

    A threshold stands below the last of those that have the same probability.
    """
    order = np.argsort(-rows["probability"].to_numpy(), kind="stable")
    falling, truth = rows["probability"].to_numpy()[order], rows["truth"].to_numpy()[order]
    ends = np.append(falling[1:] != falling[:-1], True)
    counted = weights[:, order]
    true, false = (np.cumsum(counted * kind, -1)[:, ends] for kind in (truth, ~truth))
    return true, false


def _area(true: FloatArray, false: FloatArray) -> FloatArray:
    gained = np.diff(true, prepend=0) / true[:, -1:]
    precision = np.where(true + false > 0, true / (true + false), 0)
    area = (gained * precision).sum(-1)
    return np.where((true[:, -1] > 0) & (false[:, -1] > 0), area, np.nan)


def brier(rows: pd.DataFrame) -> float:
    """The mean squared distance of probability and truth."""
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(rows["truth"], rows["probability"]))


def calibration_error(rows: pd.DataFrame) -> float:
    """How far, in the mean, the share of harmful examples in a bin is from their probability."""
    bins = reliability(rows)
    distance = (bins["probability"] - bins["harmful"]).abs()
    return float((bins["share"] * distance).sum())


def reliability(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per bin that holds something.

    Columns: probability (mean), harmful (share of them), share (of all examples).
    """
    bins = np.minimum((rows["probability"].to_numpy() * BINS).astype(int), BINS - 1)
    grouped = rows.groupby(bins)
    return pd.DataFrame(
        {
            "probability": grouped["probability"].mean(),
            "harmful": grouped["truth"].mean(),
            "share": grouped.size() / len(rows),
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


def estimate(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> float:
    """A measure of rows alone, as the mean over seeds."""
    return float(np.mean([measure(mine) for _, mine in rows.groupby("seed")]))


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
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    times = np.vstack([np.ones(len(names)), drawn])
    values = np.concatenate(
        [
            _combined(variants, coefficients, measure, names, times[start : start + AT_ONCE])
            for start in range(0, len(times), AT_ONCE)
        ]
    )
    kept = np.concatenate([values[:1], values[1:][~np.isnan(values[1:])]])
    return percentile(kept, level, len(names))


def seed_contrasts(
    variants: Sequence[pd.DataFrame], coefficients: Sequence[float], measure: Measure
) -> list[float]:
    """The variants' measures, each times its coefficient, for each training seed, in seed order.

    Args:
        variants: read of the same examples, with the same seeds.
        coefficients: as `bootstrap` has them.
        measure: what of.
    """
    runs = [[mine for _, mine in rows.groupby("seed")] for rows in variants]
    return [
        sum(
            coefficient * float(measure(mine, np.ones((1, len(mine))))[0])
            for coefficient, mine in zip(coefficients, of_seed, strict=True)
        )
        for of_seed in zip(*runs, strict=True)
    ]


def _combined(
    variants: Sequence[pd.DataFrame],
    coefficients: Sequence[float],
    measure: Measure,
    names: npt.NDArray[np.str_],
    times: FloatArray,
) -> FloatArray:
    total = np.zeros(len(times))
    for rows, coefficient in zip(variants, coefficients, strict=True):
        runs = [mine for _, mine in rows.groupby("seed")]
        places = (np.searchsorted(names, mine["cluster"].to_numpy(str)) for mine in runs)
        found = [measure(m, times[:, at]) for m, at in zip(runs, places, strict=True)]
        total += coefficient * np.mean(found, 0)
    return total
