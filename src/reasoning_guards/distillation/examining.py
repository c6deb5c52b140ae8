"""A judge reads traces alone, of teachers and of trained guards: how `distil.blind` is asked."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from filelock import FileLock

from reasoning_guards import resources
from reasoning_guards.chapters.trace_quality import trace_quality
from reasoning_guards.distil import blind, loop
from reasoning_guards.distil.blind import Reading
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.quality import Trace
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distil.store import Store
from reasoning_guards.distillation import answered, asking, gathering
from reasoning_guards.distillation.sources import spec
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.synthetic import corpora


class NoJudgeError(UserError):
    """Traces are to be read by a judge, and the profile names none."""


@dataclass
class Examined:
    """What a judge's reading came to.

    Attributes:
        traces: how many there are to read, each text once.
        run: questions sent now, how readings ended, and why it stopped early, if it did.
        budget: what was spent, by earlier runs too.
    """

    traces: int
    run: loop.Run
    budget: Budget


def compared(by_teacher: Mapping[str, Sequence[Trace]], count: int) -> dict[str, list[Trace]]:
    """The traces for examples that each of the teachers has one for, or for `count` of them."""
    ids = [{trace.example.id for trace in written} for written in by_teacher.values()]
    common = sorted(set.intersection(*ids)) if ids else []
    drawn = set(random.Random(0).sample(common, min(count, len(common))))
    return {
        name: [trace for trace in written if trace.example.id in drawn]
        for name, written in by_teacher.items()
    }


def drawn(written: Sequence[Trace], count: int) -> list[Trace]:
    """So many of them at random, in their order; all if there are no more."""
    places = random.Random(0).sample(range(len(written)), min(count, len(written)))
    return [written[place] for place in sorted(places)]


def examine(profile: Profile, say: Callable[[str], None]) -> Examined:
    """Have the judge read every trace that is examined, each alone, or go on with it.

    Nothing is trained or distilled for it: what is not there yet is not read.

    Raises:
        NoJudgeError: if the profile has no judge.
        UserError: whatever `asking.askers` and the endpoint raise.
    """
    wanted = spec(profile)
    if wanted.judge is None:
        raise NoJudgeError("judge_model is null: name a model that is to read traces alone.")
    texts = list(dict.fromkeys(trace.text for trace in _all(profile)))
    budget = asking.budget(profile)
    with ExitStack() as stack:
        store = open_store(wanted.judge)
        stack.callback(store.close)
        stack.enter_context(FileLock(store.path.with_suffix(".lock")))
        run = loop.run(
            "read alone",
            (blind.read(wanted, text) for text in texts),
            len(texts),
            store,
            asking.askers(profile, [wanted.judge], stack),
            budget,
            profile.teacher_concurrency,
            say,
        )
    return Examined(len(texts), run, budget)


def rehearse(profile: Profile) -> None:
    """Have the rule judge read, where the profile names it; from within an event loop, too."""
    if profile.judge_model == RULE:
        with ThreadPoolExecutor(1) as beside:
            beside.submit(examine, profile, lambda line: None).result()


def readings(profile: Profile, written: Iterable[Trace]) -> list[Reading | None]:
    """What the judge took from each trace, by the answers on disk; None where it was not asked."""
    wanted = spec(profile)
    if wanted.judge is None:
        return [None for _ in written]
    store = open_store(wanted.judge)
    found = [loop.replay(blind.read(wanted, trace.text), store) for trace in written]
    store.close()
    return found


def open_store(judge: str) -> Store:
    """What a judge answered about traces that it read alone, whoever's they are."""
    name = f"alone-{judge.replace('/', '--')}"
    if judge == RULE:  # it knows the world that traces are of
        name += f"-world-{corpora.WORLD_VERSION}"
    return Store(resources.cache_folder() / "distillations" / name / "answers.jsonl")


def _all(profile: Profile) -> Iterator[Trace]:
    count = profile.examined_traces
    for by_teacher in gathering.of_teachers(answered.find(profile)).values():
        for written in compared(by_teacher, count).values():
            yield from written
    for written in gathering.of_guards(trace_quality(profile)).values():
        yield from drawn(written, count)
