"""How good what chose the traces was: filters, judge and loop against failures that are known."""

from collections.abc import Sequence

import pandas as pd

from reasoning_guards.distil import attempts, rehearsal
from reasoning_guards.distil.filters import FILTERS
from reasoning_guards.distil.spec import Stage
from reasoning_guards.distillation import answered
from reasoning_guards.distillation.answered import Found
from reasoning_guards.report import frames, shares

# What is cut off never comes to its verdict, and what is added to a rewrite takes it over budget.
_IMPLIED = {"cut off": "no verdict"}
_IMPLIED_OF_REWRITES = {"label leak": "over budget", "repetition": "over budget"}


def precision(shown: Found) -> pd.DataFrame:
    """Each filter, and the judge, against the failures that the rule teacher is known to have made.

    A row per reason, over full traces and rewrites; then any reason at all.
    Columns: Made (answers with that failure), Rejected (for that reason), Precision and Recall,
    with 95 % limits. The judge is held to what came to it. Empty for a teacher that is no rule.
    """
    judged: dict[str, list[tuple[str, bool, bool]]] = {}
    for source in shown.sources if shown.spec.teacher == rehearsal.NAME else ():
        for stage in source.stages:
            items = answered.items(shown.spec, source, stage, shown.answers)
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
    order = [name for name in (*FILTERS, "judge: not grounded", "any reason") if name in judged]
    rows = {name: _precision_row(judged[name]) for name in order}
    seen = {name: row for name, row in rows.items() if row["Made"] or row["Rejected"]}
    return frames.of_rows(seen, "traces-filters", ["Reason"])


def left_in(shown: Found) -> str:
    """The share of kept traces that still have a failure; a dash for a teacher that is no rule."""
    flags: list[tuple[str, bool]] = []
    for source in shown.sources if shown.spec.teacher == rehearsal.NAME else ():
        items = answered.items(shown.spec, source, "full", shown.answers)
        for item, outcome in zip(items, shown.outcomes[source.dataset, "full"], strict=True):
            if outcome.trace is not None:
                last = len(outcome.rounds) - 1
                question = attempts.question(shown.spec, "full", item, last)
                failures = rehearsal.failures(question, shown.spec.failures)
                flags.append((item.example.cluster, bool(failures)))
    return shares.text(flags)


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
        "Precision": shares.text(rejected),
        "Recall": shares.text(made),
    }
