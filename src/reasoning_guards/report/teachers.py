"""How good traces are, and how good what chose them: filters against known failures, teachers side
by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from statistics import NormalDist, mean

import pandas as pd

from reasoning_guards import distillation, traces
from reasoning_guards.datasets import released_traces
from reasoning_guards.distil import attempts, filters, loop, quality, rehearsal, sentences
from reasoning_guards.distil.filters import FILTERS, Candidate
from reasoning_guards.distil.spec import Stage
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.intervals import Interval
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.report.distilled import Found

Traced = Sequence[tuple[Example, str]]

# What is cut off never comes to its verdict, and what is added to a rewrite takes it over budget.
_IMPLIED = {"cut off": "no verdict"}
_IMPLIED_OF_REWRITES = {"label leak": "over budget", "repetition": "over budget"}


def share(flags: Iterable[bool], clusters: int, level: float = 0.95) -> Interval | None:
    """A share with Wilson's limits (1927), as if each cluster were one row; None of nothing.

    That takes all of a cluster's rows for the same, so the limits are wide rather than narrow.

    Args:
        flags: one per row.
        clusters: how many sources the rows have.
    """
    rows = list(flags)
    if not rows:
        return None
    n, p, z = min(clusters, len(rows)), mean(rows), NormalDist().inv_cdf((1 + level) / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = max(centre - reach, 0.0), min(centre + reach, 1.0)
    return Interval(float(p), low, high, (p * (1 - p) / n) ** 0.5, level)


def precision(shown: Found) -> pd.DataFrame:
    """Each filter, and the judge, against the failures that the rule teacher is known to have made.

    A row per reason, over full traces and rewrites; then any reason at all, and what was kept.
    Columns: Made (answers with that failure), Rejected (for that reason), Precision and Recall,
    with 95 % limits. The judge is held to what came to it. None for a teacher that is no rule.
    """
    if shown.spec.teacher != rehearsal.NAME:
        return pd.DataFrame(columns=["Made", "Rejected", "Precision", "Recall"])
    judged: dict[str, list[tuple[str, bool, bool]]] = {}
    kept: list[tuple[str, bool]] = []
    for source in shown.sources:
        for stage in source.stages:
            items = distillation.items(shown.spec, source, stage, shown.answers)
            outcomes = shown.outcomes[source.dataset, stage]
            for item, outcome in zip(items, outcomes, strict=True):
                cluster = item.example.cluster
                for number, said in enumerate(outcome.rounds):
                    question = attempts.question(shown.spec, stage, item, number)
                    made = rehearsal.failures(question, shown.spec.failures)
                    implied = _IMPLIED if stage == "full" else _IMPLIED_OF_REWRITES
                    made |= {implied[name] for name in made if name in implied}
                    for name in _answerable(stage, said):
                        judged.setdefault(name, []).append((cluster, name in made, name in said))
                    judged.setdefault("any reason", []).append((cluster, bool(made), bool(said)))
                    if not said:
                        kept.append((cluster, bool(made)))
    order = [name for name in (*FILTERS, "judge: not grounded", "any reason") if name in judged]
    rows = {name: _precision_row(judged[name]) for name in order}
    frame = pd.DataFrame(rows).T.rename_axis("Reason")
    return frame[(frame["Made"] != 0) | (frame["Rejected"] != 0)]


def left_in(shown: Found) -> Interval | None:
    """The share of kept traces that still have a failure; None for a teacher that is no rule."""
    if shown.spec.teacher != rehearsal.NAME:
        return None
    flags: list[bool] = []
    clusters = set()
    for source in shown.sources:
        items = distillation.items(shown.spec, source, "full", shown.answers)
        for item, outcome in zip(items, shown.outcomes[source.dataset, "full"], strict=True):
            if outcome.trace is not None:
                last = len(outcome.rounds) - 1
                question = attempts.question(shown.spec, "full", item, last)
                flags.append(bool(rehearsal.failures(question, shown.spec.failures)))
                clusters.add(item.example.cluster)
    return share(flags, len(clusters))


def left_in_text(shown: Found) -> str:
    """The same for prose."""
    return _shown(left_in(shown))


def teachers(shown: Found) -> pd.DataFrame:
    """The teachers there are for the profile's training set, on the same examples, full traces.

    A row per teacher. Columns: Examples that have a trace; Rejected by filters (share), Sentences
    and Words (means); then the measures of `quality`, each a share with its 95 % limits.
    """
    if not shown.sources:
        return pd.DataFrame()
    source = shown.sources[0]
    rows = {}
    for name, write in _teachers(shown, source).items():
        try:
            written = write()
        except UserError:
            continue  # nothing was released or read for this set: `plan --check` says why
        traced = [(e, t) for e, t in zip(source.examples, written, strict=True) if t]
        rows[name] = _teacher_row(source.dataset, traced, len(source.examples))
    return pd.DataFrame(rows).T.rename_axis("Teacher")


def _teachers(
    shown: Found, source: distillation.Source
) -> Mapping[str, Callable[[], Sequence[str | None]]]:
    """Teacher → its trace for each of the source's examples, once it is wanted."""
    examples = list(source.examples)
    found: dict[str, Callable[[], Sequence[str | None]]] = {}
    if source.dataset.startswith("synthetic/"):
        rule = TraceSpec(teacher=rehearsal.NAME)
        found["rule, without failures"] = partial(traces.write, rule, examples, 0)
    if source.dataset in released_traces.TRAINING_SETS:
        for name in released_traces.TEACHERS:
            spec = TraceSpec(teacher=name)
            found[f"{name}, released"] = partial(traces.write, spec, examples, 0)
    items = list(distillation.items(shown.spec, source, "full", shown.answers))

    def first() -> list[str | None]:
        answers = (
            shown.answers.get(attempts.question(shown.spec, "full", item, 0)) for item in items
        )
        return [None if answer is None else answer.reasoning for answer in answers]

    def kept() -> list[str | None]:
        return [loop.replay(shown.spec, "full", item, shown.answers).trace for item in items]

    return found | {
        f"{shown.spec.teacher}, first answers": first,
        f"{shown.spec.teacher}, distilled": kept,
    }


def _teacher_row(dataset: str, traced: Traced, examples: int) -> dict[str, str]:
    annotated = quality.annotations(dataset) if traced else {}
    clusters = len({example.cluster for example, _ in traced})
    rejected = [bool(filters.reasons(Candidate(e, t))) for e, t in traced]
    row = {
        "Examples": f"{len(traced):,} of {examples:,}",
        "Rejected by filters": _shown(share(rejected, clusters)),
        "Sentences": f"{mean(len(sentences.split(t)) for _, t in traced):.1f}" if traced else "–",
        "Words": f"{mean(len(t.split()) for _, t in traced):.0f}" if traced else "–",
    }
    for name, measure in quality.MEASURES.items():
        answers = [(e, measure(e, t, annotated.get(e.id, ()))) for e, t in traced]
        said = [(e, yes) for e, yes in answers if yes is not None]
        row[name.capitalize()] = _shown(
            share([y for _, y in said], len({e.cluster for e, _ in said}))
        )
    return row


def _answerable(stage: Stage, said: Sequence[str]) -> list[str]:
    """The reasons that a verdict was passed on: filters always, the judge where no filter spoke."""
    kinds = rehearsal.OF_TRACES if stage == "full" else rehearsal.OF_REWRITES
    by_filters = any(not reason.startswith("judge") for reason in said)
    unread = "judge: unreadable" in said
    return [name for name in kinds if not (name.startswith("judge") and (by_filters or unread))]


def _precision_row(rows: Sequence[tuple[str, bool, bool]]) -> dict[str, object]:
    rejected = [(cluster, made) for cluster, made, said in rows if said]
    made = [(cluster, said) for cluster, made, said in rows if made]
    return {
        "Made": len(made),
        "Rejected": len(rejected),
        "Precision": _shown(share([y for _, y in rejected], len({c for c, _ in rejected}))),
        "Recall": _shown(share([y for _, y in made], len({c for c, _ in made}))),
    }


def _shown(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
