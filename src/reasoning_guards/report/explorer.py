"""Examples to walk through: what was asked, and what each guard wrote and was taken to say.

They are the first of each cell, whatever came of them, so that nobody chose them by their outcome.
Texts are shown of the embedded world's sets alone. Those of any other may do harm: there the page
has labels, verdicts and lengths.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from reasoning_guards import artifacts, chapters, generation, guards, verdicts
from reasoning_guards.chapters import benchmarks
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell
from reasoning_guards.report import frames, markup, tables, world
from reasoning_guards.study import Study
from reasoning_guards.synthetic import corpora, teacher

if TYPE_CHECKING:
    from IPython.display import Markdown

EACH = 12
"""Examples of a cell that are shown."""

Outcome = Literal["right", "missed", "false alarm", "unparsable"]

# What other chapters train and ask, by chapter.
_VARIANTS = {
    "rq3_reasoning_budgets": ("nr", "r_1", "r_full"),
    "rq4_dual_mode": ("dual_nr", "dual_r"),
}
_WORDS = {True: "harmful", False: "unharmful"}
_MARKS: dict[Outcome, str] = {"right": "✓", "missed": "✗", "false alarm": "✗", "unparsable": "?"}


@dataclass(frozen=True)
class Answer:
    """A guard's first answer to an example: what it wrote, its tokens, and what came of it."""

    text: str
    tokens: int
    outcome: Outcome


@dataclass(frozen=True)
class Shown:
    """An example as one cell asks for it, and the answers of all guards.

    Attributes:
        cell: whose task says what is judged.
        example: its id.
        harmful: the label.
        answers: by the guard's label, in the order shown.
    """

    cell: Cell
    example: str
    harmful: bool
    answers: Mapping[str, Answer]

    @property
    def together(self) -> str:
        """Whether the guards agree, and on what."""
        right = {answer.outcome == "right" for answer in self.answers.values()}
        return "they differ" if len(right) > 1 else f"all {'right' if right == {True} else 'wrong'}"


def variants(profile: Profile) -> pd.DataFrame:
    """A row per guard that the page shows: how it is asked, and the chapter it is of."""
    rows = {
        study.variants[name].label: {"Asked": study.variants[name].mode, "Chapter": study.chapter}
        for study, name in _guards(profile)
    }
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Guard")
    return frames.linked(shown, "Chapter", {name: f"{name}.html" for name in _VARIANTS})


def shown(profile: Profile) -> list[Shown]:
    """The first examples of each cell of the safety average, with all answers that are there.

    Only the first training seed's guards are shown, and their first answers. Nothing is trained or
    asked: a guard that has not answered is left out.
    """
    there = [(study, name) for study, name in _guards(profile) if study.has_answers(name)]
    found = []
    for cell in benchmarks.safety_cells(profile) if there else ():
        rows = {study.variants[name].label: _rows(study, name, cell) for study, name in there}
        for example, row in list(next(iter(rows.values())).items())[:EACH]:
            harmful = bool(row["truth"])
            answers = {label: _answer(of[example], cell, harmful) for label, of in rows.items()}
            found.append(Shown(cell, example, harmful, answers))
    return found


def outcomes(found: list[Shown]) -> pd.DataFrame:
    """A row per guard: how often which outcome came of the examples shown."""
    counted = pd.DataFrame(
        [{label: answer.outcome for label, answer in each.answers.items()} for each in found]
    )
    columns = pd.Index(_MARKS, name="Guard")
    return counted.apply(pd.Series.value_counts).T.reindex(columns=columns).fillna(0).astype(int)


def page(found: list[Shown]) -> "Markdown":
    """The examples as a list of boxes to open; the book's script adds what narrows it."""
    if not found:
        return markup.show(
            "<p>No guard has answered yet: run the chapters named above, and this page again.</p>"
        )
    by = {"cell": "Set and task", "label": "Label", "together": "The guards together"}
    by |= {_key(place): label for place, label in enumerate(found[0].answers)}
    entries = "".join(map(_entry, found))
    return markup.show(
        f'<div class="rg-examples" data-by="{escape(json.dumps(by))}">{entries}</div>'
    )


def numbers(found: list[Shown]) -> dict[str, str]:
    """What the page's prose quotes."""
    return {
        "explorer_each": str(EACH),
        "explorer_examples": str(len(found)),
        "explorer_differ": str(sum(each.together == "they differ" for each in found)),
    }


def _guards(profile: Profile) -> Iterator[tuple[Study, str]]:
    for chapter, names in _VARIANTS.items():
        study = chapters.CHAPTERS[chapter](profile)
        yield from ((study, name) for name in names if name in study.variants)


def _rows(study: Study, name: str, cell: Cell) -> dict[str, dict[str, Any]]:
    """A variant's first answers to a cell, by example."""
    variant = study.variants[name]
    guard = next(iter(variant.guards.values()))
    answers = artifacts.folder(study.generation(variant, guard, cell)) / generation.ROWS
    rows = generation.read_rows(answers)
    return {row["example"]: row for row in rows if row["generation"] == 0}


def _answer(row: Mapping[str, Any], cell: Cell, harmful: bool) -> Answer:
    said = verdicts.predicted(guards.parse("", row["text"], cell.task), cell.task)
    outcome: Outcome
    if said is None:
        outcome = "unparsable"
    elif said == harmful:
        outcome = "right"
    else:
        outcome = "missed" if harmful else "false alarm"
    return Answer(row["text"], row["tokens"], outcome)


def _entry(each: Shown) -> str:
    """One example: closed, what is judged and how many were right; open, all there is."""
    embedded = each.cell.dataset in corpora.SETS
    cell, label = tables.cell_label(each.cell.name), _WORDS[each.harmful]
    facts = {"cell": cell, "label": label, "together": each.together} | {
        _key(place): answer.outcome for place, answer in enumerate(each.answers.values())
    }
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    right = sum(answer.outcome == "right" for answer in each.answers.values())
    head = _judged(each) if embedded else escape(each.example)
    return (
        f"<details{data}><summary>{head} <small>{escape(cell)} · {label} · "
        f"{right} of {len(each.answers)} guards right</small></summary>"
        f"<dl>{_texts(each) if embedded else ''}"
        + "".join(_said(name, a, embedded) for name, a in each.answers.items())
        + f"{_argued(each) if embedded else ''}</dl></details>"
    )


def _judged(each: Shown) -> str:
    """The text that the label is of."""
    example = world.find(each.example)
    text = example.prompt if each.cell.task == "prompt" else example.response
    return markup.inert(text or "", 160)


def _texts(each: Shown) -> str:
    """What was asked and is true of it, as the entries of a list."""
    example, task = world.find(each.example), each.cell.task
    ruled = getattr(corpora.gold(each.example), f"{task}_harmful")
    label = _WORDS[each.harmful]
    if ruled != each.harmful:
        label += f", and {_WORDS[ruled]} by the rules: a label flipped on purpose"
    entries = {
        "Policy": example.policy.text,
        "Prompt": example.prompt,
        "Response": "none" if example.response is None else example.response,
        f"Label of the {task}": label,
    }
    return "".join(
        f"<dt>{name}</dt><dd>{markup.inert(text)}</dd>" for name, text in entries.items()
    )


def _argued(each: Shown) -> str:
    """What the teacher writes to that label: the last entry."""
    trace = markup.inert(teacher.trace(world.find(each.example), None))
    return f"<dt>The teacher, whom no guard has heard on this</dt><dd><pre>{trace}</pre></dd>"


def _said(name: str, answer: Answer, embedded: bool) -> str:
    """A guard's answer as an entry of the list, with a sign and a word for what came of it."""
    text = f"<pre>{markup.inert(answer.text)}</pre>" if embedded else ""
    return (
        f"<dt>{markup.inert(name)}: {_MARKS[answer.outcome]} {answer.outcome}"
        f"<small> · {answer.tokens} tokens</small></dt><dd>{text}</dd>"
    )


def _key(place: int) -> str:
    """A guard's attribute in the page."""
    return f"guard{place}"
