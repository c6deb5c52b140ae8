"""What a distillation came to, as its chapter shows it."""

from collections.abc import Sequence
from html import escape
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reasoning_guards.chapters import benchmarks
from reasoning_guards.distil import sentences
from reasoning_guards.distil.attempts import Outcome
from reasoning_guards.distil.releases import Part
from reasoning_guards.distil.spec import Stage, identity
from reasoning_guards.distil.tally import tally
from reasoning_guards.distillation import answered, asking
from reasoning_guards.distillation.answered import Found
from reasoning_guards.examples import Example
from reasoning_guards.params import Profile
from reasoning_guards.report import drawing, frames, markup
from reasoning_guards.report.drawing import Drawing, Ink

if TYPE_CHECKING:
    from IPython.display import Markdown

SHOWN = 3


def found(profile: Profile) -> Found:
    """The distillation of the profile's training set; asks the rule teacher, and never an endpoint.

    What an endpoint was not asked yet is "unfinished".
    """
    asking.rehearse(profile, benchmarks.set_name(profile.train_set))
    return answered.find(profile)


def counts(shown: Found) -> pd.DataFrame:
    """A row per set and length: what came of its examples, and how long traces are.

    Columns: Examples, Kept, Lost, Not there (unlabelled, unanswered or unfinished), Sentences,
    Words and Words a sentence (means).
    """
    rows: dict[Part, dict[str, Any]] = {}
    for part, outcomes in shown.outcomes.items():
        kept = {o.example: o.trace for o in outcomes if o.trace is not None}
        states = tally(outcomes).states
        words = [len(trace.split()) for trace in kept.values()]
        count = [len(sentences.split(trace)) for trace in kept.values()]
        rows[part] = {
            "Examples": len(outcomes),
            "Kept": len(kept),
            "Lost": states["lost"],
            "Not there": len(outcomes) - len(kept) - states["lost"],
            "Sentences": f"{mean(count):.1f}" if kept else "–",
            "Words": f"{mean(words):.0f}" if kept else "–",
            "Words a sentence": f"{sum(words) / sum(count):.1f}" if kept else "–",
        }
    return frames.of_rows(rows, "traces-counts", ["Set", "Length"])


def balance(shown: Found) -> pd.DataFrame:
    """The labels of all examples of a set, and of those that have a full trace.

    Columns: Prompts and Responses that are labelled, each with the share of harmful ones, and
    Refusals, the share of labelled responses that refuse.
    """
    rows = {}
    for source in shown.sources:
        kept = {o.example for o in shown.outcomes[source.dataset, "full"] if o.state == "kept"}
        rows[source.dataset, "all"] = _labels(source.examples)
        rows[source.dataset, "kept"] = _labels([e for e in source.examples if e.id in kept])
    return frames.of_rows(rows, "traces-labels", ["Set", "Examples"])


def rounds(shown: Found, stage: Stage = "full") -> pd.DataFrame:
    """Over all sets, how many answers came in each round, were rejected and passed.

    A last row says how many examples were kept after a first rejection, and how many were lost.
    """
    counted = tally(_of(shown, stage))
    rows = {
        f"Round {number + 1}": {
            "Came in": came,
            "Rejected": came - counted.passed[number],
            "Passed": counted.passed[number],
        }
        for number, came in sorted(counted.came.items())
    }
    return frames.of_rows(rows, f"traces-rounds-{stage}")


def reasons(shown: Found, stage: Stage = "full") -> pd.DataFrame:
    """Over all sets, rejections by reason and round; an answer may have several reasons.

    Columns: a round each; then Recovered and Lost, examples that had the reason in their first
    round, by whether a later round gave them a trace.
    """
    counted = tally(_of(shown, stage))
    rows = {
        reason: {
            **{f"Round {n + 1}": counted.rejected[n, reason] for n in sorted(counted.came)},
            "Recovered": counted.recovered[reason],
            "Lost": counted.lost[reason],
        }
        for reason in dict.fromkeys(reason for _, reason in sorted(counted.rejected))
    }
    return frames.of_rows(rows, f"traces-reasons-{stage}", ["Reason"])


def examples(shown: Found, *, rejected: bool, count: int = SHOWN) -> "Markdown":
    """Some first answers as text, with what was said of them: escaped and folded away, of harmless
    examples of the embedded world alone. No page shows texts of real sets."""
    parts: list[str] = []
    embedded = shown.profile.world == "embedded"
    for item, outcome, answer in answered.first_answers(shown) if embedded else ():
        example = item.example
        if example.prompt_harmful or example.response_harmful:
            continue
        if not outcome.rounds or bool(outcome.rounds[0]) != rejected:
            continue
        said = ", ".join(outcome.rounds[0]) or "passed"
        text = f"{example.prompt}\n\n{answer.reasoning}\n\n{answer.content}"
        parts.append(
            f"<details><summary>{escape(said)}</summary>"
            f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{escape(text)}</pre>'
            "</details>"
        )
        if len(parts) == count:
            break
    return markup.show("".join(parts) or "<p>None is there.</p>")


def numbers(shown: Found) -> dict[str, str]:
    """What the chapter's prose quotes."""
    of_full = _of(shown, "full")
    counted = tally(of_full)
    first = counted.came[0]
    kept = counted.states["kept"]
    return {
        "traces_examples": f"{len(of_full):,}",
        "traces_kept": f"{kept:,}",
        "traces_kept_share": f"{kept / len(of_full):.1%}" if of_full else "–",
        "traces_first_rejected": f"{first - counted.passed[0]:,}",
        "traces_recovered": f"{kept - counted.passed[0]:,}",
        "traces_lost": f"{counted.states['lost']:,}",
        "traces_rounds": str(shown.spec.rounds),
        "traces_splitter": sentences.version(),
        "traces_failure_rate": f"{shown.spec.failures:.0%}",
        "traces_teacher": shown.spec.teacher,
        "traces_judge": shown.spec.judge or "nobody",
    }


def _of(shown: Found, stage: Stage) -> list[Outcome]:
    """All sets' outcomes at one length."""
    return [o for (_, of), outcomes in shown.outcomes.items() if of == stage for o in outcomes]


def _labels(examples: Sequence[Example]) -> dict[str, str]:
    prompts = [e.prompt_harmful for e in examples if e.prompt_harmful is not None]
    responses = [e.response_harmful for e in examples if e.response_harmful is not None]
    refusals = [e.response_refusal for e in examples if e.response_refusal is not None]
    return {
        "Prompts": f"{len(prompts):,}",
        "Harmful prompts": _percent(prompts),
        "Responses": f"{len(responses):,}",
        "Harmful responses": _percent(responses),
        "Refusals": _percent(refusals),
    }


def _percent(labels: Sequence[bool]) -> str:
    return f"{mean(labels):.0%}" if labels else "–"


def by_budget(shown: Found) -> Drawing:
    """Words of the kept traces by their budget: mean and middle half (paper, Figure 5).

    Its run is the distillation's identity, since what a teacher wrote is of no study.
    """
    words: dict[Stage, list[int]] = {}
    for (_, stage), outcomes in shown.outcomes.items():
        counted = [len(o.trace.split()) for o in outcomes if o.trace]
        if counted:
            words.setdefault(stage, []).extend(counted)
    order = sorted(words, key=lambda stage: 99 if stage == "full" else stage)
    rows = {
        str(stage): (mean(words[stage]), *np.percentile(words[stage], [25, 50, 75]))
        for stage in order
    }
    data = pd.DataFrame.from_dict(
        rows, orient="index", columns=["Mean", "Lower quarter", "Median", "Upper quarter"]
    ).rename_axis("Sentences")

    def plot(axes: Any, ink: Ink) -> None:
        places = range(len(data))
        axes.vlines(places, data["Lower quarter"], data["Upper quarter"], color=ink.blue)
        axes.plot(places, data["Median"], "_", color=ink.line, markersize=14)
        axes.plot(places, data["Mean"], "o", color=ink.blue, markersize=7)
        axes.set_xticks(places, list(data.index))
        axes.set_xlabel("Sentences that a trace may have")
        axes.set_ylabel("Words")
        axes.set_ylim(bottom=0)

    said = "; ".join(f"{stage}: {row['Mean']:.0f}" for stage, row in data.iterrows())
    alt = f"Mean words of a trace by the sentences that it may have: {said}."
    return drawing.draw(plot, 3.2, alt, data, "traces_by_budget", identity(shown.spec))
