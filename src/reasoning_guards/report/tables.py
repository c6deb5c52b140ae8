"""A chapter's tables: this run's scores with intervals, and the paper's numbers as the paper's."""

from collections.abc import Mapping, Sequence

import pandas as pd

from reasoning_guards import claims, decisions, intervals, paper, scoring
from reasoning_guards.chapters import benchmarks
from reasoning_guards.intervals import Interval
from reasoning_guards.report import frames
from reasoning_guards.study import Study


def variants(
    study: Study, judged: Mapping[str, pd.DataFrame], names: Sequence[str]
) -> pd.DataFrame:
    """One row per variant: averages with interval, parse failures, and what an answer costs.

    Columns: Prompt, Response and Safety average (mean F1 of the harmful class over the cells;
    the last with its 95 % cluster-bootstrap interval), Eight cells (the same without the set whose
    examples are all harmful, on which F1 is degenerate), Precision, Recall (means over the nine
    cells), Unparsable and Truncated (answers, of all), Seeds, Tokens (mean of an answer).
    """
    rows = {
        _label(study, name): _variant_row(study, judged[name]) for name in names if name in judged
    }
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Variant")
    return frames.of_run(shown, study, "variants", _BEST)


def custom(study: Study, judged: Mapping[str, pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """One row per variant: what it scores under policies that it meets for the first time.

    Columns: mean F1 of each suite, Custom average (of all nine cells, with its 95 % cluster-
    bootstrap interval), Precision, Recall and Unparsable as `variants` has them.
    """
    world, policy = study.profile.world, study.profile.parse_policy
    rows = {}
    for name in names:
        if name not in judged:
            continue
        frame = judged[name]
        wanted = claims.cells("custom", world)
        frame = frame[frame["cell"].isin(wanted)]
        scored = scoring.scores(frame, policy)
        row = {
            suite_label(study, suite): _f1(scoring.average(scored, claims.cells(suite, world)))
            for suite in ("dynaguard", "cosa")
        }
        row["Custom average"] = with_interval(
            intervals.bootstrap_average(
                frame, wanted, study.profile.bootstrap_replicates, policy=policy
            )
        )
        row["Precision"], row["Recall"] = (_f1(scored[of].mean()) for of in ("precision", "recall"))
        row["Unparsable"] = f"{scored['unparsable'].sum()} of {len(frame)}"
        rows[_label(study, name)] = row
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Variant")
    suites: dict[str, frames.Way] = dict.fromkeys(shown.columns[:2], "max")
    return frames.of_run(shown, study, "custom", suites | _BEST)


def suite_label(study: Study, suite: str) -> str:
    """What a custom-policy suite is called in the study's world."""
    if study.profile.world == "hub":
        return {"dynaguard": "DynaGuardrail", "cosa": "CoSApien"}[suite]
    return claims.cells(suite, "embedded")[0].split("/")[1]


def cells(
    study: Study,
    judged: Mapping[str, pd.DataFrame],
    names: Sequence[str],
    average: str = "safety",
) -> pd.DataFrame:
    """F1 by variant and cell, and under it how many examples a cell has and how many harmful.

    The cells of the average, and after those of the safety average the profile's own benchmarks'.
    """
    policy = study.profile.parse_policy
    scored = {name: scoring.scores(judged[name], policy) for name in names if name in judged}
    own = (cell.name for cell in benchmarks.own_cells(study.profile) if average == "safety")
    order = [*claims.cells(average, study.profile.world), *own]
    table = pd.DataFrame(
        {_label(study, name): scored[name]["f1"].loc[order].map(_f1) for name in scored}
    ).T
    one = next(iter(scored.values())).loc[order]
    table.loc["Examples"] = one["n"].astype(str)
    table.loc["of them harmful"] = one["harmful"].astype(str)
    table.columns = pd.Index([cell_label(cell) for cell in order])
    table = table.rename_axis(columns="Variant")
    best: dict[str, frames.Way] = dict.fromkeys(table.columns, "max")
    return frames.of_run(table, study, f"cells-{average}", best, list(table.index[-2:]))


def printed(rows: Mapping[str, str], columns: Mapping[str, tuple[int, str]]) -> pd.DataFrame:
    """The paper's own numbers: a row per label, a column per (table, column) of the paper."""
    shown = pd.DataFrame(
        {
            heading: {label: _f1(paper.value(table, row, column)) for label, row in rows.items()}
            for heading, (table, column) in columns.items()
        }
    ).rename_axis(columns="Row of the paper")
    numbers = sorted({table for table, _ in columns.values()})
    named = ", ".join(map(str, numbers))
    source = f"Table{'s' if len(numbers) > 1 else ''} {named}, as printed"
    return frames.of_paper(shown, f"paper-{'-'.join(map(str, numbers))}", source)


def findings(study: Study, found: Mapping[str, decisions.Finding]) -> pd.DataFrame:
    """One row per claim: what it says, the paper's difference, this run's, and the verdict.

    One that is open bears its reasons.
    """
    ledger = claims.load()
    hub = study.profile.world == "hub"
    rows = []
    for name, finding in found.items():
        claim = ledger[name]
        row = {
            "Claim": claim.statement,
            "Section": claim.place,
            "Endpoint": "primary" if claim.primary else "exploratory",
        }
        if hub:
            row["Paper's difference"] = paper_difference(claim)
        row["Difference here"] = effect(finding)
        row["Beyond chance"] = beyond_chance(finding)
        row["Verdict"] = finding.explained
        rows.append(row)
    shown = pd.DataFrame(rows, index=list(found)).rename_axis(columns="Id")
    return frames.of_run(shown, study, "claims")


def with_interval(interval: Interval | None, *, signed: bool = False) -> str:
    """`0.712 [0.690, 0.733]`, or a dash where nothing was measured."""
    if interval is None:
        return "–"
    sign = "+" if signed else ""
    return f"{interval.estimate:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def paper_difference(claim: claims.Claim) -> str:
    """What the paper prints or states, treatment minus control, for each of a claim's tests."""
    printed = [f"{test.paper.difference():+.3f}" for test in claim.tests if test.paper is not None]
    if claim.stated is None:
        return "; ".join(printed) or "not given"
    ends = dict.fromkeys([claim.stated.low, claim.stated.high])
    sign = "+" if claim.measure is None else ""
    stated = f"{' to '.join(f'{end:{sign}.4g}' for end in ends)} {claim.stated.unit} (in words)"
    return "; ".join([*printed, stated])


def effect(finding: decisions.Finding) -> str:
    """This run's difference or measure with its interval, for each of a claim's tests."""
    if not finding.measured:
        return "not run"
    shown = []
    for each in finding.measured:
        level = f" ({each.difference.level:.0%})" if each.difference.level != 0.95 else ""
        shown.append(with_interval(each.difference, signed=True) + level)
    return "; ".join(shown)


def beyond_chance(finding: decisions.Finding) -> str:
    """The difference in Cohen's kappa behind each claimed direction."""
    given = (each.beyond_chance for each in finding.measured)
    return "; ".join(with_interval(each, signed=True) for each in given if each is not None)


def cell_label(cell: str) -> str:
    """`synthetic/meadow:prompt` as `meadow, prompt`."""
    dataset, task = cell.rsplit(":", 1)
    return f"{dataset.rsplit('/', 1)[-1]}, {task}"


def _variant_row(study: Study, judged: pd.DataFrame) -> dict[str, str]:
    profile = study.profile
    safety = {*claims.cells("safety", profile.world)}
    judged = judged[judged["cell"].isin(safety)]
    scored = scoring.scores(judged, profile.parse_policy)
    row = {
        average.capitalize(): _f1(scoring.average(scored, claims.cells(average, profile.world)))
        for average in ("prompt", "response")
    }
    row["Safety average"] = with_interval(
        intervals.bootstrap_average(
            judged,
            claims.cells("safety", profile.world),
            profile.bootstrap_replicates,
            policy=profile.parse_policy,
        )
    )
    eight = claims.cells("safety_without_all_positive", profile.world)
    row["Eight cells"] = _f1(scoring.average(scored, eight))
    row["Precision"] = _f1(scored["precision"].mean())
    row["Recall"] = _f1(scored["recall"].mean())
    row["Unparsable"] = f"{scored['unparsable'].sum()} of {len(judged)}"
    row["Seeds"] = str(judged["seed"].nunique())
    if "tokens" in judged:
        row["Truncated"] = f"{judged['truncated'].sum()} of {len(judged)}"
        row["Tokens"] = f"{judged['tokens'].mean():.1f}"
    else:
        row["Truncated"] = row["Tokens"] = "–"
    return row


def _label(study: Study, name: str) -> str:
    return study.variants[name].label if name in study.variants else TRIVIAL_LABELS[name]


_MOST = (
    "Prompt", "Response", "Safety average", "Custom average", "Eight cells", "Precision", "Recall",
)  # fmt: skip
_LEAST = ("Unparsable", "Truncated")
_BEST: dict[str, frames.Way] = {n: "min" if n in _LEAST else "max" for n in (*_MOST, *_LEAST)}

TRIVIAL_LABELS = {"always_harmful": "Always harmful", "tfidf": "TF-IDF + logistic regression"}


def _f1(value: float) -> str:
    return f"{value:.3f}"
