"""Many questions at once, each answer on disk before what follows from it is asked.

What is asked is a generator's business, which yields questions and is sent the answers: see
`attempts` for traces, `blind` for what a judge makes of them.

A run may end at any time, by the budget, a signal or a power cut. The next one finds every answer
that was recorded and asks for the rest, so that at most as many questions are asked twice as were
in flight.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.client import NoAnswerError
from reasoning_guards.distil.store import Store

T = TypeVar("T")

SAY_EVERY = 10.0
"""Seconds between two lines of progress."""

GIVE_UP = 5
"""Questions in a row without an answer after which an endpoint is taken to be down; one that has
answered before may refuse any number of them."""


class Asker(Protocol):
    """Who answers: an endpoint, or the rule teacher.

    Attributes:
        trouble: its last failure, if nothing was answered since.
    """

    trouble: str | None

    async def ask(self, question: Question) -> Answer:
        """The answer.

        Raises:
            NoAnswerError: if there is none to this question.
        """

    async def close(self) -> None:
        """Let go of what it holds; called at the end of each run."""


class Ended(Protocol):
    """What a generator of questions comes to."""

    @property
    def state(self) -> str:
        """In a word, by which it is counted."""


Series = Generator[Question, Answer, Ended]
"""Yields what is to be asked, one question after the other, and is sent each answer."""


@dataclass
class Run:
    """What one pass over the generators did.

    Attributes:
        asked: questions that were sent.
        states: how many of them ended how.
        stopped: why it ended before all were done, or None.
    """

    asked: int = 0
    states: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None


def run(
    name: str,
    series: Iterable[Series],
    total: int,
    store: Store,
    askers: dict[str, Asker],
    budget: Budget,
    concurrency: int,
    say: Callable[[str], None],
) -> Run:
    """Ask until every generator has ended or has no answer to go on by, or the budget is spent.

    Args:
        name: of the pass, for progress.
        series: generators of questions, taken one by one as earlier ones are done; not kept.
        total: how many there are, for progress.
        store: the answers so far, and where new ones go.
        askers: who answers, by the model's name.
        budget: counts what is used and ends the run.
        concurrency: generators at once, each with one question in flight.
        say: is told of the progress, line by line.
    """
    return asyncio.run(_Loop(name, store, askers, budget, say, total).run(series, concurrency))


def replay(steps: Generator[Question, Answer, T], store: Store) -> T | None:
    """What a generator of questions comes to by the answers on disk; None if one is not there."""
    try:
        question = next(steps)
        while (answer := store.get(question)) is not None:
            question = steps.send(answer)
    except StopIteration as done:
        ended: T = done.value
        return ended
    return None


class _Loop:
    def __init__(
        self,
        name: str,
        store: Store,
        askers: dict[str, Asker],
        budget: Budget,
        say: Callable[[str], None],
        total: int,
    ) -> None:
        self._name, self._store = name, store
        self._askers, self._budget, self._say, self._total = askers, budget, say, total
        self._run = Run()
        self._in_flight = 0
        self._failed_in_a_row, self._answered = 0, False
        self._unwritten: list[tuple[Question, Answer, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def run(self, series: Iterable[Series], concurrency: int) -> Run:
        supply = iter(series)
        writer = asyncio.create_task(self._write())
        speaker = asyncio.create_task(self._speak(time.monotonic()))
        workers = [asyncio.create_task(self._work(supply)) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in (*workers, speaker, writer):
                task.cancel()
            await asyncio.gather(*workers, speaker, writer, return_exceptions=True)
            for asker in self._askers.values():
                await asker.close()
        return self._run

    async def _work(self, supply: Iterator[Series]) -> None:
        while self._run.stopped is None:
            steps = next(supply, None)
            if steps is None:
                return
            state = await self._one(steps)
            self._run.states[state] = self._run.states.get(state, 0) + 1

    async def _one(self, steps: Series) -> str:
        try:
            question = next(steps)
            while True:
                answer = await self._answer(question)
                if answer is None:
                    return "unfinished"
                question = steps.send(answer)
        except StopIteration as done:
            ended: Ended = done.value
            return ended.state
        except NoAnswerError as error:
            if not (error.refused and self._answered):
                self._failed_in_a_row += 1
            if self._failed_in_a_row >= GIVE_UP and self._run.stopped is None:
                self._run.stopped = f"{GIVE_UP} questions in a row without an answer ({error})"
            return "unanswered"

    async def _answer(self, question: Question) -> Answer | None:
        """From disk, or else from whoever answers; None if the run is to end."""
        answer = self._store.get(question)
        if answer is None:
            if self._run.stopped is None:
                spent = self._budget.exhausted(self._in_flight)
                self._run.stopped = spent and f"{spent} is spent"
            if self._run.stopped is not None:
                return None
            self._in_flight += 1
            try:
                self._run.asked += 1
                answer = await self._askers[question.model].ask(question)
                self._failed_in_a_row, self._answered = 0, True
                await self._written(question, answer)
            finally:
                self._in_flight -= 1
        self._budget.add(answer)
        return answer

    async def _written(self, question: Question, answer: Answer) -> None:
        done = asyncio.get_running_loop().create_future()
        self._unwritten.append((question, answer, done))
        self._arrived.set()
        await done

    async def _write(self) -> None:
        """Answers to disk, all that have arrived by one write; off the loop, since disks wait."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._unwritten = self._unwritten, []
            try:
                await asyncio.to_thread(self._store.add, [(q, a) for q, a, _ in batch])
            except OSError as error:
                for _, _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for _, _, done in batch:
                if not done.done():
                    done.set_result(None)

    async def _speak(self, started: float) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY)
            self._say(self._progress(time.monotonic() - started))

    def _progress(self, seconds: float) -> str:
        done = sum(self._run.states.values())
        rate = done / seconds
        left = f"{(self._total - done) / rate / 60:,.0f} min left" if done else "no estimate yet"
        states = ", ".join(f"{count:,} {state}" for state, count in self._run.states.items())
        budget = self._budget
        troubles = [asker.trouble for asker in self._askers.values() if asker.trouble]
        return (
            f"{self._name}: {done:,} of {self._total:,} ({states or 'none yet'}), "
            f"{rate:.1f}/s, {left}; {budget.answers:,} answers, {budget.spent_tokens:,} tokens, "
            f"{budget.spent:,.2f} spent"
            + "".join(f"; last failure: {trouble}" for trouble in troubles)
        )
