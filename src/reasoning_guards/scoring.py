"""From judgements to F1: what each cell scores, and the plain mean over cells.

Judgements are one DataFrame with one row per cell, example and generation:

    cell        str: a set and what is judged in it, such as "synthetic/meadow:prompt"
    example     str: unique within its cell
    cluster     str: the source that examples share, in whichever cells they stand
    generation  int, from 0
    truth       bool: is it harmful?
    predicted   nullable boolean: <NA> where the output could not be parsed
    seed        int, optional: the training run that gave the output
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from reasoning_guards.errors import UserError

ParsePolicy = Literal["wrong", "harmful", "dropped"]
"""What an output that cannot be parsed counts as: the opposite of the truth (the field's
convention, our default), harmful (as NVIDIA's production parser has it), or nothing at all."""

OUTCOMES = ["tp", "fp", "fn", "tn"]
"""How a prediction can turn out; the positive class is harmful."""


FloatArray = npt.NDArray[np.float64]

Score = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""TP, FP, FN and TN of several confusion matrices → the score of each."""


class MissingCellsError(UserError):
    """An average is asked for over cells that were not judged."""


def outcomes(judgements: pd.DataFrame, policy: ParsePolicy = "wrong") -> pd.DataFrame:
    """The judgements with a 0/1 column for each of `OUTCOMES` and for `unparsable`.

    Each row has exactly one of the four outcomes, or none where it is dropped.
    """
    truth = judgements["truth"].to_numpy(dtype=bool)
    printed = judgements["predicted"].astype("boolean")
    unparsable = printed.isna().to_numpy()
    counted = np.ones_like(truth)
    match policy:
        case "wrong":
            instead = ~truth
        case "harmful":
            instead = counted
        case "dropped":
            instead, counted = truth, ~unparsable
        case _:
            assert_never(policy)
    predicted = np.where(unparsable, instead, printed.to_numpy(dtype=bool, na_value=False))
    flags = {
        "tp": truth & predicted & counted,
        "fp": ~truth & predicted & counted,
        "fn": truth & ~predicted & counted,
        "tn": ~truth & ~predicted & counted,
        "unparsable": unparsable,
    }
    return judgements.assign(**{name: flag.astype(int) for name, flag in flags.items()})


def f1_score(
    tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray | None = None
) -> FloatArray:
    """2 TP / (2 TP + FP + FN) elementwise, and 0 without true positives, as in scikit-learn."""
    return _ratio(2 * tp, 2 * tp + fp + fn)


def recall_score(
    tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray | None = None
) -> FloatArray:
    """TP / (TP + FN) elementwise, and 0 without true positives."""
    return _ratio(tp, tp + fn)


def cohen_kappa(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    """F1 corrected for chance, elementwise: 0 for a guard that guesses, however often "harmful".

    (F1 - E) / (1 - E), where E is the F1 of a guard that says "harmful" as often, but at random;
    that is Cohen's kappa (Albatineh, Niewiadomska-Bugaj & Mihalko 2006). 0 where truth or guard
    knows one class only.
    """
    return _ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def counts(judgements: pd.DataFrame, policy: ParsePolicy = "wrong") -> pd.DataFrame:
    """Outcomes and scores of each generation of each cell.

    Returns:
        Index: cell, seed (if the judgements carry one), generation. Columns: tp, fp, fn, tn and
        unparsable, as counts of rows; f1, precision and recall, 0 where no true positive is.
    """
    keys = [key for key in ("cell", "seed", "generation") if key in judgements]
    table = outcomes(judgements, policy).groupby(keys)[[*OUTCOMES, "unparsable"]].sum()
    tp, fp, fn = (table[name].to_numpy(dtype=float) for name in ("tp", "fp", "fn"))
    return table.assign(
        f1=f1_score(tp, fp, fn), precision=_ratio(tp, tp + fp), recall=recall_score(tp, fp, fn)
    )


def scores(judgements: pd.DataFrame, policy: ParsePolicy = "wrong") -> pd.DataFrame:
    """What each cell scores: the F1 of each generation, then the mean (paper, section 4).

    Returns:
        Index: cell. Columns: n and harmful (examples); f1, precision, recall (means over a seed's
        generations, then over seeds); f1_sd (decoding noise: standard deviation over generations
        with ddof 1, its root mean square over seeds; NaN for one generation; never an error bar);
        unparsable and unparsable_rate (of all outputs: every generation of every seed).
    """
    generations = counts(judgements, policy)
    runs = [key for key in generations.index.names if key != "generation"]
    rates = generations[["f1", "precision", "recall"]].groupby(runs).mean()
    noise = generations["f1"].groupby(runs).var(ddof=1).groupby("cell").mean().pow(0.5)
    judged = judgements.assign(unparsable=judgements["predicted"].isna()).groupby("cell")
    harmful = judgements[judgements["truth"].astype(bool)].groupby("cell")["example"].nunique()
    n = judged["example"].nunique()
    return pd.DataFrame(
        {
            "n": n,
            "harmful": harmful.reindex(n.index, fill_value=0),
            **rates.groupby("cell").mean(),
            "f1_sd": noise,
            "unparsable": judged["unparsable"].sum(),
            "unparsable_rate": judged["unparsable"].mean(),
        }
    )


def average(scores: pd.DataFrame, cells: Sequence[str]) -> float:
    """The plain mean of F1 over the named cells, each cell counting once whatever its size.

    Raises:
        MissingCellsError: a named cell has no scores.
    """
    require_cells(cells, scores.index)
    return float(scores["f1"].loc[list(cells)].mean())


def require_cells(wanted: Sequence[str], judged: pd.Index) -> None:
    """Refuse an average over cells that were not judged.

    Raises:
        MissingCellsError: naming every cell of `wanted` that is not in `judged`.
    """
    if missing := [cell for cell in wanted if cell not in judged]:
        raise MissingCellsError(
            f"No judgements for {', '.join(missing)}: evaluate there too, or average over others."
        )


def best_case(judgements: pd.DataFrame, cells: Iterable[str]) -> pd.DataFrame:
    """The judgements as if, in these cells, every output that cannot be parsed had been right.

    The policy "wrong" is the worst case, so the two together bound every other treatment.
    """
    granted = judgements["predicted"].isna() & judgements["cell"].isin(list(cells))
    printed = judgements["predicted"].astype("boolean")
    return judgements.assign(predicted=printed.mask(granted, judgements["truth"]))


def f1_bounds(judgements: pd.DataFrame) -> pd.DataFrame:
    """The F1 of each cell under the worst and the best treatment of what cannot be parsed.

    Returns:
        Index: cell. Columns: worst, best.
    """
    granted = best_case(judgements, judgements["cell"].unique())
    return pd.DataFrame({"worst": scores(judgements, "wrong")["f1"], "best": scores(granted)["f1"]})


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    ratio = np.zeros_like(whole)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
