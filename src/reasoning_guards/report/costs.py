"""What an answer costs: seconds and tokens of a timing run, and F1 beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import artifacts, claims, intervals, timing
from reasoning_guards.generation import read_rows
from reasoning_guards.intervals import Interval
from reasoning_guards.report import drawing, frames, provenance
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.study import NotRunError, Study

REFERENCE = "nr"  # what the overheads are relative to, as in the paper's Figure 4


def rounds(study: Study) -> pd.DataFrame:
    """The timing run: a row per round and variant, with columns as `timing.measure` leaves them.

    Raises:
        NotRunError: if it has not been run.
    """
    folder = artifacts.find(study.timing) if study.timing else None
    if folder is None:
        raise NotRunError("The guards were not timed yet: run the study before reading it.")
    rows = pd.DataFrame(read_rows(folder / timing.ROWS))
    return rows.assign(variant=[list(study.variants)[place] for place in rows["asked"]])


def table(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """A row per variant: tokens and seconds of an answer, and how much more than without reasoning.

    Columns: Tokens in and out (per answer); Milliseconds (per answer when all are asked at once,
    the inverse of throughput: the median round), Overhead (against NR, with its 95 % t interval
    over rounds); p50 and p95 (milliseconds of a single request).
    """
    found = {}
    for name, mine in rows.groupby("variant", sort=False):
        alone = 1000 * np.concatenate(list(mine["latencies"]))
        examples = mine["examples"]
        over = overhead(rows, str(name))
        found[study.variants[str(name)].label] = {
            "Tokens in": f"{(mine['tokens_in'] / examples).mean():.1f}",
            "Tokens out": f"{(mine['tokens_out'] / examples).mean():.1f}",
            "Milliseconds": f"{1000 * (mine['seconds'] / examples).median():.2f}",
            "Overhead": "–"
            if name == REFERENCE
            else f"{over.estimate:+.0%} [{over.low:+.0%}, {over.high:+.0%}]",
            "p50": f"{np.quantile(alone, 0.5):.1f}",
            "p95": f"{np.quantile(alone, 0.95):.1f}",
        }
    shown = pd.DataFrame.from_dict(found, orient="index").rename_axis(columns="Variant")
    least: dict[str, frames.Way] = dict.fromkeys(shown.columns.drop("Overhead"), "min")
    return frames.of_run(shown, study, "costs", least)


def overhead(rows: pd.DataFrame, name: str, level: float = 0.95) -> Interval:
    """Seconds against those of NR in the same round, less 1; over rounds."""
    seconds = rows.pivot(index="round", columns="variant", values="seconds")
    return over_rounds(seconds[name] / seconds[REFERENCE] - 1, level)


def over_rounds(values: pd.Series, level: float) -> Interval:
    """The mean of a value that each round has, with Student's t interval."""
    from scipy.special import stdtrit

    mean, se = float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
    reach = float(stdtrit(len(values) - 1, (1 + level) / 2)) * se
    return Interval(mean, mean - reach, mean + reach, se, level)


def measures(study: Study, rows: pd.DataFrame) -> dict[str, Interval]:
    """What the claims of section 7 speak of.

    Seconds a sample are left out in the embedded world, whose models are no likeness of an 8B one.
    """
    each = rows.assign(each=rows["seconds"] / rows["examples"])
    seconds = each.pivot(index="round", columns="variant", values="each")
    level = {name: claim.region().level for name, claim in claims.load().items()}
    found = {
        "time_full": overhead(rows, "r_full", level["time_full"]),
        "time_one_sentence": overhead(rows, "r_1", level["time_one_sentence"]),
        "time_dual": overhead(rows, "dual_nr", level["time_dual"]),
        "time_budget": over_rounds(seconds["r_full"] - seconds["r_1"], level["time_budget"]),
        "time_lowest": over_rounds(seconds["r_1"] - seconds["nr"], level["time_lowest"]),
    }
    if study.profile.world == "hub":
        found["time_seconds"] = over_rounds(seconds["nr"], level["time_seconds"])
    return found


def figure(study: Study, judged: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> Drawing:
    """F1 of each variant with its 95 % interval, in the order of the tokens that they write."""
    written = rows.groupby("variant", sort=False)[["tokens_out", "examples"]].sum()
    tokens = written["tokens_out"] / written["examples"]
    found = {
        name: intervals.bootstrap_average(
            judged[name],
            claims.cells("safety", study.profile.world),
            study.profile.bootstrap_replicates,
            policy=study.profile.parse_policy,
        )
        for name in sorted(study.variants, key=tokens.__getitem__)
    }
    data = pd.DataFrame(
        [(tokens[n], each.estimate, each.low, each.high) for n, each in found.items()],
        index=[study.variants[name].label for name in found],
        columns=["Tokens", "F1", "Low", "High"],
    )

    def plot(axes: Any, ink: Ink) -> None:
        for place, (name, interval) in enumerate(found.items()):
            other = name.startswith("aegis_")
            axes.errorbar(
                interval.estimate, place,
                xerr=[[interval.estimate - interval.low], [interval.high - interval.estimate]],
                color=ink.orange if other else ink.blue, marker="s" if other else "o",
                markersize=7, capsize=3, linestyle="none",
                label="other training set" if other else "training set",
            )  # fmt: skip
        named = zip(data.index.str.removesuffix(", other set"), data["Tokens"], strict=True)
        axes.set_yticks(range(len(data)), [f"{label}: {each:.1f}" for label, each in named])
        axes.invert_yaxis()
        axes.set_ylabel("Guard: tokens it writes per answer")
        axes.set_xlabel("Safety average (mean F1)")
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        names = sorted(handles, reverse=True)
        axes.legend(
            [handles[name] for name in names], names, frameon=False, loc="lower right",
            bbox_to_anchor=(1, 1), ncols=2,
        )  # fmt: skip

    best, short = str(data["F1"].idxmax()), str(data["Tokens"].idxmin())
    alt = (
        f"{best} has the highest safety average, {data['F1'][best]:.3f}, with "
        f"{data['Tokens'][best]:.1f} tokens an answer; {short} writes least, "
        f"{data['Tokens'][short]:.1f} tokens, and has {data['F1'][short]:.3f}. "
        + "; ".join(
            f"{row.Index}: {row.Tokens:.1f} tokens, {row.F1:.3f} ({row.Low:.3f} to {row.High:.3f})"
            for row in data.itertuples()
        )
        + "."
    )
    name = f"{study.chapter}-cost"
    return drawing.draw(plot, 3.8, alt, data, name, provenance.run_id(study), grid="x")
