"""Verdict probabilities: what they rank, where thresholds lie, and a cascade of two guards."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import artifacts, claims, generation, intervals, probability, ranking, scoring
from reasoning_guards.chapters.equal_rates import VALIDATED
from reasoning_guards.intervals import Interval
from reasoning_guards.measuring import Measured
from reasoning_guards.recipes import Probability
from reasoning_guards.report import drawing, frames, provenance, tables
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.study import NotRunError, Study

RATES = (0.01, 0.05)
"""Of false positives, at which recall is compared."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Of the validation examples, that a cascade hands on."""
FIRST, SECOND = "nr", "r_full"
"""The guards of a cascade: all examples are asked of one, those in doubt of the other."""

Read = Mapping[str, pd.DataFrame]


def read(study: Study) -> dict[str, pd.DataFrame]:
    """The verdict probabilities of each variant that is read, as `ranking` takes them.

    Raises:
        NotRunError: if they are not there.
    """
    return {name: _of(study, name) for name in study.read}


def _of(study: Study, name: str) -> pd.DataFrame:
    variant = study.variants[name]
    parts = []
    for seed, guard in variant.guards.items():
        for cell in variant.cells:
            folder = artifacts.find(Probability.of(study.generation(variant, guard, cell)))
            if folder is None:
                raise NotRunError(
                    f"The verdict probabilities of {cell.name} are not there yet: run the study "
                    "before reading them."
                )
            rows = pd.DataFrame(generation.read_rows(folder / probability.ROWS))
            parts.append(rows.assign(cell=cell.name, seed=seed))
    rows = pd.concat(parts, ignore_index=True).astype({"truth": bool, "probability": float})
    return ranking.answered(rows, study.profile.parse_policy)


def table(study: Study, found: Read, names: Sequence[str]) -> pd.DataFrame:
    """A row per variant: what its probabilities rank, and how far they can be taken at their word.

    Columns: AUPRC and Recall at each of `RATES` (with 95 % cluster-bootstrap intervals), Brier and
    Calibration error, Examples.
    """
    rows = {}
    for name in names:
        frame = found[name]
        row = {"AUPRC": _interval(study, [frame], [1.0], ranking.average_precision)}
        for rate in RATES:
            row[f"Recall at {rate:.0%} FP"] = _interval(
                study, [frame], [1.0], ranking.recall_at(rate)
            )
        shown = {column: tables.with_interval(interval) for column, interval in row.items()}
        shown["Brier"] = f"{ranking.estimate(frame, ranking.brier):.3f}"
        shown["Calibration error"] = f"{ranking.estimate(frame, ranking.calibration_error):.3f}"
        shown["Examples"] = str(frame.groupby("seed").size().iloc[0])
        rows[study.variants[name].label] = shown
    shown_rows = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Variant")
    return frames.of_run(shown_rows, study, "ranking")


def operating(
    study: Study, found: Read, judged: Mapping[str, pd.DataFrame], names: Sequence[str]
) -> pd.DataFrame:
    """A row per variant and threshold, each threshold chosen on validation data.

    Columns: Threshold (mean over the seeds that have one), False positives and Recall (of all
    examples of the test cells), F1 (safety average). First as answered, without any threshold.
    """
    rules: dict[str, Callable[[pd.DataFrame], float]] = {
        f"at most {rate:.0%} FP": partial(ranking.threshold_for_rate, rate=rate) for rate in RATES
    }
    rules["best F1"] = ranking.threshold_for_f1
    rows = []
    for name in names:
        given = {"as answered": (judged[name], "–")}
        for rule, choose in rules.items():
            cuts = _thresholds(found[VALIDATED[name]], choose)
            given[rule] = (_decided(found[name], cuts), _threshold(cuts))
        for rule, (frame, cut) in given.items():
            counted = scoring.outcomes(frame, study.profile.parse_policy)
            tp, fp, fn, tn = (float(counted[of].sum()) for of in scoring.OUTCOMES)
            row = {"Variant": study.variants[name].label, "Threshold chosen for": rule}
            row["Threshold"] = cut
            row["False positives"] = f"{fp / max(fp + tn, 1):.3f}"
            row["Recall"] = f"{tp / max(tp + fn, 1):.3f}"
            row["F1"] = f"{_f1(study, frame):.3f}"
            rows.append(row)
    table = pd.DataFrame(rows).set_index(["Variant", "Threshold chosen for"])
    return frames.of_run(table, study, "thresholds")


def cascade(study: Study, found: Read, judged: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per share of examples that the first guard hands on to the second.

    What is handed on are the examples whose probability lies nearest to the first guard's
    threshold; how near is chosen on validation data, so that so many of those are, and both
    thresholds are those with the best F1 there. Cost is what the guards write: every example costs
    an answer of the first, each one that is handed on an answer of the second as well. One of
    which nothing could be read from the second has no verdict once it is handed on.

    Columns: Share (of the validation examples), Handed on (of the test examples), Tokens (written
    per example), F1, Low, High (safety average, 95 % cluster bootstrap).
    """
    first = found[FIRST].reset_index(drop=True)  # as what is merged to it is numbered
    second = found[SECOND]
    validation = {name: found[VALIDATED[name]] for name in (FIRST, SECOND)}
    cuts = {name: _thresholds(rows, ranking.threshold_for_f1) for name, rows in validation.items()}
    doubt = _doubt(first, cuts[FIRST])
    doubted = _doubt(validation[FIRST], cuts[FIRST])
    keys = ["cell", "example", "seed"]
    written = {
        name: first[keys].merge(
            judged[name].groupby(keys)["tokens"].mean().reset_index(), on=keys, how="left"
        )["tokens"]
        for name in (FIRST, SECOND)
    }
    at_first = _decided(first, cuts[FIRST])
    decided = _decided(second, cuts[SECOND])[[*keys, "predicted"]]
    at_second = first[keys].merge(decided, on=keys, how="left")
    rows = []
    for share in SHARES:
        handed = pd.Series(False, index=first.index)
        for seed, mine in doubt.groupby(first["seed"]):
            of_seed = doubted[validation[FIRST]["seed"] == seed]
            handed[mine.index] = mine <= of_seed.quantile(share) if share else False
        handed |= share == 1
        predicted = at_first["predicted"].where(~handed, at_second["predicted"])
        interval = intervals.bootstrap_average(
            at_first.assign(predicted=predicted),
            claims.cells("safety", study.profile.world),
            study.profile.bootstrap_replicates,
            policy=study.profile.parse_policy,
        )
        rows.append(
            {
                "Share": share,
                "Handed on": float(handed.mean()),
                "Tokens": float((written[FIRST] + written[SECOND].where(handed, 0)).mean()),
                "F1": interval.estimate,
                "Low": interval.low,
                "High": interval.high,
            }
        )
    return frames.of_run(pd.DataFrame(rows), study, "cascade")


def figure(study: Study, points: pd.DataFrame, judged: Mapping[str, pd.DataFrame]) -> Drawing:
    """F1 against tokens written: the cascade as a line, and each guard alone as it answers."""
    alone = {
        name: (judged[name]["tokens"].mean(), _f1(study, judged[name])) for name in (FIRST, SECOND)
    }

    def plot(axes: Any, ink: Ink) -> None:
        axes.errorbar(
            points["Tokens"], points["F1"],
            yerr=[points["F1"] - points["Low"], points["High"] - points["F1"]],
            color=ink.green, marker="^", linestyle="--", markersize=6, capsize=3,
            label="cascade, by share handed on",
        )  # fmt: skip
        # Small shares lie close to each other: above and below the line in turn, they have room.
        for number, point in enumerate(points.itertuples()):
            axes.annotate(
                f"{point.Share:.0%}", (point.Tokens, point.F1), xytext=(4, (6, -14)[number % 2]),
                textcoords="offset points", fontsize=9.5,
            )  # fmt: skip
        for (name, at), colour, marker in zip(
            alone.items(), (ink.orange, ink.blue), "so", strict=True
        ):
            axes.plot(
                *at, marker, color=colour, markersize=8,
                label=f"{study.variants[name].label}, as answered",
            )  # fmt: skip
        axes.set_xlabel("Tokens written per example")
        axes.set_ylabel("Safety average (mean F1)")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.15, 1))

    best = points.iloc[int(points["F1"].argmax())]
    alt = (
        f"The cascade is best where {best['Share']:.0%} of the examples are handed on: "
        f"F1 {best['F1']:.3f} ({best['Low']:.3f} to {best['High']:.3f}) with "
        f"{best['Tokens']:.1f} tokens an example; "
        + "; ".join(
            f"{study.variants[name].label} alone: {f1:.3f} with {tokens:.1f} tokens"
            for name, (tokens, f1) in alone.items()
        )
    )
    name, run = f"{study.chapter}-cascade", provenance.run_id(study)
    return drawing.draw(plot, 4.0, alt, points, name, run)


def calibration(study: Study, found: Read, names: Sequence[str]) -> Drawing:
    """How often examples are harmful, against how probable that was said to be."""
    bins = {study.variants[name].label: ranking.reliability(found[name]) for name in names}

    def plot(axes: Any, ink: Ink) -> None:
        axes.plot([0, 1], [0, 1], color=ink.grey, linestyle=":", label="calibrated")
        for (label, each), colour, marker in zip(
            bins.items(), (ink.orange, ink.blue), "so", strict=False
        ):
            axes.plot(
                each["probability"], each["harmful"], color=colour, marker=marker, label=label
            )
        axes.set_xlabel("Probability of harmful, as read")
        axes.set_ylabel("Share that is harmful")
        axes.legend(frameon=False, loc="best")

    said = [
        f"{label}: {each['harmful'].iloc[0]:.2f} of its lowest bin (probability "
        f"{each['probability'].iloc[0]:.2f}) are harmful, {each['harmful'].iloc[-1]:.2f} of its "
        f"highest ({each['probability'].iloc[-1]:.2f})"
        for label, each in bins.items()
    ]
    name, run = f"{study.chapter}-calibration", provenance.run_id(study)
    return drawing.draw(plot, 4.2, "; ".join(said), pd.concat(bins), name, run, grid="both")


def measures(study: Study) -> dict[str, Measured]:
    """What the chapter's claims measure: gains of reasoning at one rate, and in ranking."""
    found = read(study)
    pair = [found[SECOND], found[FIRST]]
    compared = {
        "probability_recall": ranking.recall_at(RATES[0]),
        "probability_ranking": ranking.average_precision,
    }
    return {
        claim: Measured.otherwise(
            _interval(study, pair, [1, -1], of), ranking.seed_contrasts(pair, [1, -1], of)
        )
        for claim, of in compared.items()
    }


def _interval(
    study: Study, given: Sequence[pd.DataFrame], signs: Sequence[float], of: ranking.Measure
) -> Interval:
    return ranking.bootstrap(given, signs, of, study.profile.bootstrap_replicates)


def _thresholds(validation: pd.DataFrame, choose: Callable[[pd.DataFrame], float]) -> pd.Series:
    """Each seed's threshold."""
    return pd.Series({seed: choose(mine) for seed, mine in validation.groupby("seed")})


def _threshold(cuts: pd.Series) -> str:
    """The mean over seeds; infinite is that of a seed where no threshold will do."""
    finite = cuts[np.isfinite(cuts)]
    if finite.empty:
        return "none"
    lacking = len(cuts) - len(finite)
    shown = f"{finite.mean():.3f}"
    return f"{shown}; none in {lacking} of {len(cuts)} seeds" if lacking else shown


def _doubt(rows: pd.DataFrame, cuts: pd.Series) -> pd.Series:
    """How far each probability lies from its seed's threshold, in log odds."""
    sure = 1e-9
    return (_logit(rows["probability"], sure) - _logit(rows["seed"].map(cuts), sure)).abs()


def _logit(values: pd.Series, sure: float) -> pd.Series:
    clipped = values.clip(sure, 1 - sure)
    return pd.Series(np.log(clipped / (1 - clipped)), index=values.index)


def _decided(rows: pd.DataFrame, cuts: pd.Series) -> pd.DataFrame:
    """The probabilities as judgements, harmful from each seed's threshold on."""
    predicted = rows["probability"] >= rows["seed"].map(cuts)
    return rows.assign(generation=0, predicted=predicted.astype("boolean"))


def _f1(study: Study, frame: pd.DataFrame) -> float:
    scored = scoring.scores(frame, study.profile.parse_policy)
    return scoring.average(scored, claims.cells("safety", study.profile.world))
