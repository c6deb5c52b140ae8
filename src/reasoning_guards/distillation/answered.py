"""What came of a distillation, by the answers on disk; nobody is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from reasoning_guards import resources
from reasoning_guards.chapters import benchmarks
from reasoning_guards.distil import filters, loop
from reasoning_guards.distil.answers import Answer
from reasoning_guards.distil.attempts import Item, Outcome, attempts, question
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distil.releases import Part
from reasoning_guards.distil.spec import Distillation, Stage
from reasoning_guards.distil.store import Store
from reasoning_guards.distillation.sources import Source, sources, spec
from reasoning_guards.examples import Example
from reasoning_guards.params import Profile
from reasoning_guards.synthetic import corpora

# A chapter asks many times over what became of an example: for its counts, each budget, the judge.
# So many are all of the embedded world's; of a larger set nothing is found again, and little lost.
_reasons = lru_cache(maxsize=1 << 15)(filters.reasons)


@dataclass(frozen=True)
class Found:
    """A distillation as far as its answers are on disk.

    Attributes:
        profile, spec: what is distilled.
        sources: the sets, with examples and lengths.
        answers: what was answered.
        outcomes: of each part, what became of each example.
    """

    profile: Profile
    spec: Distillation
    sources: list[Source]
    answers: Store
    outcomes: dict[Part, list[Outcome]]


def find(profile: Profile) -> Found:
    """The distillation of the profile's training set; what was not asked yet is "unfinished"."""
    wanted = spec(profile)
    answers = open_store(wanted)
    found = sources(profile, only=benchmarks.set_name(profile.train_set))
    by_part: dict[Part, list[Outcome]] = {
        (source.dataset, stage): list(outcomes(wanted, source, stage, answers))
        for source in found
        for stage in source.stages
    }
    return Found(profile, wanted, found, answers, by_part)


def open_store(wanted: Distillation) -> Store:
    """The answers of a distillation, by itself or by earlier versions of its filters."""
    name = wanted.teacher.replace("/", "--")
    if wanted.teacher == RULE:  # what it answers depends on what no question shows
        name += f"-{wanted.failures}-world-{corpora.WORLD_VERSION}"
    return Store(resources.cache_folder() / "distillations" / name / "answers.jsonl")


def items(wanted: Distillation, source: Source, stage: Stage, answers: Store) -> Iterator[Item]:
    """What is to be traced; of a budget, only what has a full trace to be rewritten."""
    for example in source.examples:
        item = Item(example, source.template)
        if stage == "full":
            yield item
        elif (full := outcome(wanted, "full", item, answers).trace) is not None:
            yield Item(example, source.template, full)


def outcome(wanted: Distillation, stage: Stage, item: Item, answers: Store) -> Outcome:
    """What became of an example; "unfinished" if its next answer is not there."""
    ended = loop.replay(attempts(wanted, stage, item, _reasons), answers)
    return ended or Outcome(item.example.id, "unfinished")


def outcomes(
    wanted: Distillation, source: Source, stage: Stage, answers: Store
) -> Iterator[Outcome]:
    """What became of each example."""
    for item in items(wanted, source, stage, answers):
        yield outcome(wanted, stage, item, answers)


def traced(
    wanted: Distillation, source: Source, stage: Stage, answers: Store
) -> Iterator[tuple[Example, str]]:
    """The examples that have a trace, with it."""
    for item in items(wanted, source, stage, answers):
        trace = outcome(wanted, stage, item, answers).trace
        if trace is not None:
            yield item.example, trace


def first_answers(found: Found, stage: Stage = "full") -> Iterator[tuple[Item, Outcome, Answer]]:
    """What was answered first about each example, with what became of it, as far as it is there."""
    for source in found.sources:
        asked = items(found.spec, source, stage, found.answers)
        for item, ended in zip(asked, found.outcomes[source.dataset, stage], strict=True):
            answer = found.answers.get(question(found.spec, stage, item, 0))
            if answer is not None:
                yield item, ended, answer
