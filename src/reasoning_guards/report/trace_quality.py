"""How good traces are: several teachers' for the same examples, and those of trained guards."""

from collections.abc import Sequence
from statistics import mean

import pandas as pd

from reasoning_guards.distil import filters, quality, sentences
from reasoning_guards.distil.filters import Candidate
from reasoning_guards.distil.quality import Trace
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distillation import examining, gathering
from reasoning_guards.distillation.answered import Found
from reasoning_guards.params import Profile
from reasoning_guards.report import frames, shares
from reasoning_guards.study import Study


def teachers(found: Found) -> pd.DataFrame:
    """The teachers there are for the profile's training set, by length, on the same examples.

    Columns: Examples (that have a trace, of all); Rejected by filters (a share of these); then
    those of `_row`, over the examples that each teacher of that length has a trace for. Of either
    so many as `examined_traces` says, drawn at random.
    """
    rows = {}
    count = found.profile.examined_traces
    for stage, by_teacher in gathering.of_teachers(found).items():
        budget = None if stage == "full" else stage
        same = examining.compared(by_teacher, count)
        for name, written in by_teacher.items():
            rejected = [
                (one, bool(filters.reasons(Candidate(one.example, one.text, budget=budget))))
                for one in examining.drawn(written, count)
            ]
            rows[str(stage), name] = {
                "Examples": f"{len(written):,} of {len(found.sources[0].examples):,}",
                "Rejected by filters": _share(rejected),
            } | _row(found.profile, same[name])
    return frames.of_rows(rows, "traces-of-teachers", ["Length", "Teacher"])


def guards(study: Study) -> pd.DataFrame:
    """The traces that trained guards wrote to what they are scored on, beside those they learnt.

    The columns are those of `_row`, over `examined_traces` of each. A guard's trace is held
    against the label and the verdict of the cell's task alone.
    """
    rows = {
        name: _row(study.profile, examining.drawn(written, study.profile.examined_traces))
        for name, written in gathering.of_guards(study).items()
    }
    return frames.of_rows(rows, "traces-of-guards", ["Guard", "Traces"])


def numbers(found: Found) -> dict[str, str]:
    """What the chapter's prose quotes."""
    judge = found.spec.judge
    reader = "a rule that reads the text alone" if judge == RULE else judge
    return {
        "traces_examined": f"{found.profile.examined_traces:,}",
        "traces_reader": reader or "nobody",
    }


def _row(profile: Profile, written: Sequence[Trace]) -> dict[str, str]:
    """How many traces, their length, and each measure as a share with its 95 % limits."""
    readings = zip(written, examining.readings(profile, written), strict=True)
    count = [len(sentences.split(trace.text)) for trace in written]
    words = [len(trace.text.split()) for trace in written]
    row = {
        "Traces": f"{len(written):,}",
        "Sentences": f"{mean(count):.1f}" if written else "–",
        "Words": f"{mean(words):.0f}" if written else "–",
    }
    row |= {
        name: _share([(trace, measure(trace)) for trace in written])
        for name, measure in quality.MEASURES.items()
    }
    led = [(trace, quality.leads(trace, reading)) for trace, reading in readings if reading]
    return row | {"Leads a reader to its verdict": _share(led)}


def _share(answers: Sequence[tuple[Trace, bool | None]]) -> str:
    return shares.text((trace.example.cluster, yes) for trace, yes in answers if yes is not None)
