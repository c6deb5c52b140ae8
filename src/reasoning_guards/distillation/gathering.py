"""The traces there are to examine, of teachers and of trained guards; nobody is asked."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pandas as pd

from reasoning_guards import generation, traces, verdicts
from reasoning_guards.chapters import benchmarks
from reasoning_guards.datasets import released_traces
from reasoning_guards.distil import answers, attempts, quality
from reasoning_guards.distil.quality import Sides, Trace
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distil.spec import Stage
from reasoning_guards.distillation import answered
from reasoning_guards.distillation.answered import Found
from reasoning_guards.distillation.sources import Source
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Task
from reasoning_guards.recipes import Recipe, TraceSpec
from reasoning_guards.study import Study, Variant
from reasoning_guards.training import data

_log = logging.getLogger(__name__)

LEARNT, WRITTEN = "learnt from", "written"


def of_teachers(found: Found) -> dict[Stage, dict[str, list[Trace]]]:
    """Length → teacher → its traces for the profile's training set; who has none is left out."""
    by_length: dict[Stage, dict[str, list[Trace]]] = {}
    for source in found.sources[:1]:
        for stage in source.stages:
            by_teacher = {}
            for name, write in _teachers(found, source, stage).items():
                try:
                    by_teacher[name] = list(write())
                except (traces.NoTracesError, released_traces.NoReleasedTracesError):
                    continue  # it has none for this set, or none of this length
                except UserError as error:
                    _log.warning("The traces of %s are left out: %s", name, error)
            by_length[stage] = {name: written for name, written in by_teacher.items() if written}
    return by_length


def of_guards(study: Study) -> dict[tuple[str, str], list[Trace]]:
    """Guard and `LEARNT` or `WRITTEN` → traces; guards whose answers are not there are left out."""
    found = {}
    for name, variant in study.variants.items():
        if study.has_answers(name):
            found[variant.label, LEARNT] = list(_learnt(variant))
            found[variant.label, WRITTEN] = list(_written(study, name))
    return found


def _teachers(
    found: Found, source: Source, stage: Stage
) -> dict[str, Callable[[], Iterator[Trace]]]:
    """Teacher → its traces of one length, once they are wanted."""
    profile, examples = found.profile, source.examples
    annotated = partial(_annotated, source.dataset, benchmarks.revision(profile, source.dataset))
    budget = None if stage == "full" else stage

    def given(teacher: str) -> Iterator[Trace]:
        wanted = TraceSpec(teacher=teacher, sentences=budget)
        traces.require(wanted, source.dataset)
        texts = traces.write(wanted, list(examples), 0)
        for example, text in zip(examples, texts, strict=True):
            if text:
                yield _told(example, text, annotated())

    def first() -> Iterator[Trace]:
        for item, _, answer in answered.first_answers(found, stage):
            candidate = attempts.as_candidate(stage, item, answer)
            told = _told(item.example, candidate.trace, annotated())
            if candidate.answer is not None:
                told = told._replace(verdict=_said(candidate.answer))
            if told.text:
                yield told

    def kept() -> Iterator[Trace]:
        for example, text in answered.traced(found.spec, source, stage, found.answers):
            yield _told(example, text, annotated())

    others = {"rule, without failures": RULE, "own": "own"}
    others |= {f"{name}, released": name for name in released_traces.TEACHERS}
    rows: dict[str, Callable[[], Iterator[Trace]]]
    rows = {label: partial(given, name) for label, name in others.items()}
    teacher = found.spec.teacher
    return rows | {f"{teacher}, first answers": first, f"{teacher}, distilled": kept}


def _learnt(variant: Variant) -> Iterator[Trace]:
    for recipe in variant.guards.values():
        assert isinstance(recipe, Recipe)  # noqa: S101
        annotated = quality.annotations(recipe.train_set, "train", recipe.train_revision)
        for lesson in data.lessons(recipe):
            if lesson.trace:
                yield _told(lesson.example, lesson.trace, annotated)


def _written(study: Study, name: str) -> Iterator[Trace]:
    """The thinking of each answer, held against the label of its cell's task and its verdict."""
    judged = study.judgements(name)
    cells = {cell.name: cell for cell in study.variants[name].cells}
    shown = {
        cell.name: {e.id: e for e in generation.examples(cell, study.profile.eval_examples)}
        for cell in cells.values()
    }
    rows = zip(
        judged["cell"], judged["example"], judged["truth"], judged["predicted"], study.texts(name),
        strict=True,
    )  # fmt: skip
    for of, example, truth, predicted, text in rows:
        thinking = answers.read({"content": text}, "stop", 0, 0).reasoning
        if thinking:
            cell = cells[of]
            verdict = None if pd.isna(predicted) else bool(predicted)
            annotated = quality.annotations(cell.dataset, cell.split, cell.revision)
            yield Trace(
                shown[of][example],
                thinking,
                _alone(cell.task, truth),
                _alone(cell.task, verdict),
                annotated.get(example, ()),
            )


def _told(example: Example, text: str, annotated: Mapping[str, Sequence[str]]) -> Trace:
    """A trace whose author knew the labels and kept to them."""
    labels = example.prompt_harmful, example.response_harmful
    return Trace(example, text, labels, labels, annotated.get(example.id, ()))


def _alone(task: Task, said: bool | None) -> Sides:
    """One task's side, and nothing of the other."""
    return (said, None) if task == "prompt" else (None, said)


def _annotated(dataset: str, revision: str) -> Mapping[str, Sequence[str]]:
    return quality.annotations(dataset, "train", revision)


def _said(answer: str) -> Sides:
    outcome = verdicts.parse(answer)
    return verdicts.predicted(outcome, "prompt"), verdicts.predicted(outcome, "response")
