"""Distilling what a profile's guards are to learn from: every set, full and at every budget."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from filelock import FileLock

from reasoning_guards import resources
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.datasets import aegis2, topic_following, wildguardmix
from reasoning_guards.distil import loop, releases, serving, store
from reasoning_guards.distil.attempts import Item, Outcome
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.client import Endpoint
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distil.rehearsal import RuleTeacher
from reasoning_guards.distil.releases import Part
from reasoning_guards.distil.spec import Distillation, Sampling, Stage, identity
from reasoning_guards.distil.tally import Tally, tally
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.params import Profile
from reasoning_guards.prompts import TeacherTemplate
from reasoning_guards.recipes import Recipe
from reasoning_guards.training import data

_TEMPLATES: dict[str, TeacherTemplate] = {
    aegis2.HUB_ID: "aegis",
    wildguardmix.HUB_ID: "wildguard",
    topic_following.HUB_ID: "topic",
    "synthetic/lanes": "topic",
}


class NoEndpointError(UserError):
    """A judge is named whose endpoint is not known."""


class Source(NamedTuple):
    """Examples of one set that guards learn from, and the lengths of the traces they need."""

    dataset: str
    examples: tuple[Example, ...]
    stages: tuple[Stage, ...]


@dataclass
class Distilled:
    """What a distillation came to.

    Attributes:
        name: the release's, for `teacher`; None if the run stopped before its end.
        tallies: of each part.
        budget: what was spent, by earlier runs too.
        asked: questions sent by this run.
        stopped: why it stopped early, if it did.
    """

    name: str | None = None
    tallies: dict[Part, Tally] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    asked: int = 0
    stopped: str | None = None


def spec(profile: Profile) -> Distillation:
    """The profile's distillation as a value."""
    return Distillation(
        teacher=profile.teacher_model,
        prompt=profile.teacher_prompt,
        sampling=Sampling(
            temperature=profile.teacher_temperature,
            top_p=profile.teacher_top_p,
            max_tokens=profile.teacher_max_tokens,
        ),
        rounds=profile.teacher_rounds,
        judge=profile.judge_model,
        failures=profile.teacher_failures,
    )


def sources(profile: Profile, limit: int | None = None, only: str | None = None) -> list[Source]:
    """What the profile's chapters learn from with traces, each set once.

    Args:
        profile: its chapters' guards decide sets, examples and budgets.
        limit: of each set only so many examples, drawn at random, for a trial.
        only: one set, where not all are wanted.
    """
    recipes = [
        recipe
        for chapter in CHAPTERS.values()
        for recipe in chapter(profile).recipes()
        if recipe.traces is not None and recipe.labels == "given"
    ]
    examples: dict[str, dict[str, Example]] = {}
    stages: dict[str, set[int]] = {}
    for recipe in recipes:
        for dataset, _ in recipe.sources:
            stages.setdefault(dataset, set()).add((recipe.traces and recipe.traces.sentences) or 0)
    for recipe in dict.fromkeys(map(_drawing, recipes)):
        examples.setdefault(recipe.train_set, {}).update((e.id, e) for e in data.subset(recipe))
        if recipe.mix:
            examples.setdefault(recipe.mix.dataset, {}).update(
                (e.id, e) for e in data.mixed(recipe)
            )
    found = []
    for dataset, by_id in examples.items():
        if only not in (None, dataset):
            continue
        drawn = list(by_id.values())
        if limit is not None:
            drawn = random.Random(0).sample(drawn, min(limit, len(drawn)))
        budgets = sorted(stages[dataset] - {0})
        found.append(Source(dataset, tuple(drawn), ("full", *budgets)))
    return found


def run(
    profile: Profile,
    say: Callable[[str], None],
    limit: int | None = None,
    only: str | None = None,
) -> Distilled:
    """Distil, or go on with it; publish the traces when all are there.

    A second run of the same distillation waits for the first, and then finds its answers.

    Raises:
        UserError: on an endpoint that refuses, a server that does not start, and whatever reading
            the sets raises.
    """
    wanted = spec(profile)
    done = Distilled(
        budget=Budget(
            profile.token_budget, profile.cost_budget, profile.price_in, profile.price_out
        )
    )
    found = sources(profile, limit, only)
    with ExitStack() as stack:
        answers = open_store(wanted)
        stack.callback(answers.close)
        stack.enter_context(FileLock(answers.path.with_suffix(".lock")))
        askers = _askers(profile, wanted, stack)
        for source in found:
            for stage in source.stages:
                passed = loop.run(
                    wanted,
                    stage,
                    items(wanted, source, stage, answers),
                    len(source.examples),
                    answers,
                    askers,
                    done.budget,
                    profile.teacher_concurrency,
                    say,
                )
                done.asked += passed.asked
                part = (source.dataset, stage)
                done.tallies[part] = tally(outcomes(wanted, source, stage, answers))
                if passed.stopped:
                    done.stopped = passed.stopped
                    return done
        parts = {
            (source.dataset, stage): traced(wanted, source, stage, answers)
            for source in found
            for stage in source.stages
        }
        done.name = releases.publish(wanted, parts)
    return done


def open_store(wanted: Distillation) -> store.Store:
    """The answers of a distillation, by itself or by earlier versions of its filters."""
    name = wanted.teacher.replace("/", "--")
    if wanted.teacher == RULE:  # what it answers depends on the rate, which no question shows
        name += f"-{wanted.failures}"
    return store.Store(resources.cache_folder() / "distillations" / name / "answers.jsonl")


def items(
    wanted: Distillation, source: Source, stage: Stage, answers: store.Store
) -> Iterator[Item]:
    """What is to be traced; of a budget, only what has a full trace to be rewritten."""
    template = _TEMPLATES.get(source.dataset, "policy")
    for example in source.examples:
        if stage == "full":
            yield Item(example, template)
            continue
        full = loop.replay(wanted, "full", Item(example, template), answers)
        if full.trace is not None:
            yield Item(example, template, full.trace)


def outcomes(
    wanted: Distillation, source: Source, stage: Stage, answers: store.Store
) -> Iterator[Outcome]:
    """What became of each example, by the answers on disk."""
    for item in items(wanted, source, stage, answers):
        yield loop.replay(wanted, stage, item, answers)


def traced(
    wanted: Distillation, source: Source, stage: Stage, answers: store.Store
) -> Iterator[tuple[Example, str]]:
    """The examples that have a trace, with it."""
    for item in items(wanted, source, stage, answers):
        outcome = loop.replay(wanted, stage, item, answers)
        if outcome.trace is not None:
            yield item.example, outcome.trace


def _askers(profile: Profile, wanted: Distillation, stack: ExitStack) -> dict[str, loop.Asker]:
    urls = {wanted.teacher: profile.teacher_url}
    if wanted.judge is not None:
        urls.setdefault(wanted.judge, profile.judge_url or profile.teacher_url)
        if wanted.judge not in (wanted.teacher, RULE) and not urls[wanted.judge]:
            raise NoEndpointError(
                f"The judge {wanted.judge!r} has no endpoint: set judge_url, or judge_model to the "
                "teacher's name, or to null for filters alone."
            )
    askers: dict[str, loop.Asker] = {}
    for model, url in urls.items():
        if model == RULE:
            askers[model] = RuleTeacher(wanted.failures)
        else:
            log = resources.cache_folder() / "logs" / f"server-{identity(wanted)}.log"
            askers[model] = Endpoint(url or stack.enter_context(serving.serve(model, log)))
    return askers


def _drawing(recipe: Recipe) -> Recipe:
    """The recipe with all that does not decide which examples it is given set to one value."""
    plain = recipe.sft.model_copy(update={"epochs": 1, "learning_rate": 0.1})
    backbone = recipe.backbone.model_copy(update={"name": "", "revision": ""})
    return recipe.model_copy(
        update={"traces": None, "dual": False, "seed": 0, "kept_epochs": (), "sft": plain,
                "backbone": backbone}
    )  # fmt: skip
