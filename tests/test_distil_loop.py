"""Asking a teacher that fails in every way: what is paid for is kept, and the end is the same."""

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fake_teacher
import pytest

from reasoning_guards.distil import loop
from reasoning_guards.distil.attempts import Item, Outcome, attempts
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.client import Endpoint, EndpointError, NoAnswerError
from reasoning_guards.distil.spec import Distillation
from reasoning_guards.distil.store import Store
from reasoning_guards.examples import Example, Policy

pytestmark = pytest.mark.slow
SPEC = Distillation(teacher="made-up", rounds=3)


def item(number: int) -> Item:
    return Item(
        Example(
            id=f"e{number}",
            cluster=f"e{number}",
            policy=Policy(name="property", text="Property: what belongs to others."),
            prompt=f"May I take ladder {number}?",
            response="Better ask first.",
            prompt_harmful=True,
            response_harmful=False,
        ),
        "policy",
    )


def endpoint(url: str, **settings: Any) -> Endpoint:
    return Endpoint(url, **({"timeout": 1.0, "first_wait": 0.01, "tries": 6} | settings))


def ask(
    url: str,
    store: Store,
    count: int,
    spec: Distillation = SPEC,
    concurrency: int = 8,
    budget: Budget | None = None,
    **settings: Any,
) -> loop.Run:
    return loop.run(
        "full",
        (attempts(spec, "full", item(number)) for number in range(count)),
        count,
        store,
        {spec.teacher: endpoint(url, **settings)},
        budget or Budget(),
        concurrency,
        lambda line: None,
    )


def replay(store: Store, number: int, spec: Distillation = SPEC) -> Outcome | None:
    return loop.replay(attempts(spec, "full", item(number)), store)


def kept(store: Store, count: int) -> list[str | None]:
    ended = (replay(store, number) for number in range(count))
    return [outcome and outcome.trace for outcome in ended]


@pytest.mark.parametrize(
    "faults",
    [
        (),
        (429, 429),
        (500, 502, 503),
        (408,),
        ("drop",),
        ("cut",),
        ("empty",),
        ("junk", 429, "drop"),
        ("hang",),
    ],
    ids=str,
)
def test_each_question_is_answered_once_whatever_fails_before(
    tmp_path: Path, faults: Sequence[int | str]
) -> None:
    store = Store(tmp_path / "a.jsonl")
    with fake_teacher.serve(faults=faults) as teacher:
        run = ask(teacher.url, store, 6)
        assert run.states == {"kept": 6}
        assert run.asked == 6
        assert set(teacher.asked.values()) == {len(faults) + 1}
        assert set(teacher.answered.values()) == {1}
        assert kept(store, 6) == [fake_teacher.REASONING] * 6
        assert ask(teacher.url, store, 6).asked == 0
        assert sum(teacher.asked.values()) == 6 * (len(faults) + 1)


def test_an_answer_that_is_sent_twice_is_taken_for_no_other_question_s(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.jsonl")
    message = {"reasoning_content": "{ladder} is not theirs.", "content": fake_teacher.VERDICT}
    with fake_teacher.serve(twice=True, message=message) as teacher:
        run = ask(teacher.url, store, 12, concurrency=2)
    assert run.states == {"kept": 12}
    assert kept(store, 12) == [f"ladder {number} is not theirs." for number in range(12)]


def test_what_is_sent_is_what_the_value_says(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with fake_teacher.serve() as teacher:
        ask(teacher.url, Store(tmp_path / "a.jsonl"), 1)
    [body] = teacher.bodies
    assert body.pop("messages") == [
        {"role": "user", "content": next(attempts(SPEC, "full", item(0))).text}
    ]
    seed = SPEC.seed_of("full", "e0", 0)
    assert body == {
        "model": "made-up", "temperature": 0.6, "top_p": 0.95, "max_tokens": 4096, "seed": seed
    }  # fmt: skip
    assert teacher.keys == {"Bearer sesame"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_endpoint_that_refuses_all_ends_the_run_in_one_sentence(
    tmp_path: Path, status: int
) -> None:
    with fake_teacher.serve(faults=[status] * 99) as teacher:
        with pytest.raises(EndpointError) as caught:
            ask(teacher.url, Store(tmp_path / "a.jsonl"), 20)
        assert sum(teacher.asked.values()) <= 8
    assert "\n" not in str(caught.value)


def test_what_an_endpoint_that_answers_refuses_stops_nothing_else(tmp_path: Path) -> None:
    refused = frozenset(f"ladder {number}" for number in range(4, 20))
    with fake_teacher.serve(refused=refused) as teacher:
        run = ask(teacher.url, Store(tmp_path / "a.jsonl"), 30, concurrency=2)
    assert run.states == {"kept": 14, "unanswered": 16}
    assert run.stopped is None
    all_of_them = frozenset(f"ladder {number}" for number in range(30))
    with fake_teacher.serve(refused=all_of_them) as teacher:
        run = ask(teacher.url, Store(tmp_path / "b.jsonl"), 30, concurrency=2)
        assert sum(teacher.asked.values()) <= loop.GIVE_UP + 2
    assert run.stopped is not None
    assert "refused with status 400" in run.stopped


def test_a_refused_question_is_asked_once_and_a_failing_one_so_often(tmp_path: Path) -> None:
    question = next(attempts(SPEC, "full", item(0)))
    for faults, times in (([400] * 9, 1), ([500] * 9, 6)):
        with fake_teacher.serve(faults=faults) as teacher:
            with pytest.raises(NoAnswerError):
                asyncio.run(endpoint(teacher.url).ask(question))
            assert sum(teacher.asked.values()) == times


@pytest.mark.parametrize(
    ("faults", "retry_after", "least"),
    [
        ([429], "1.5", [1.5]),
        ([429], "Wed, 21 Oct 2015 07:28:00 GMT", [0.15]),
        ([500, 500, 500], "", [0.15, 0.3, 0.6]),  # jitter takes half at most
    ],
    ids=["seconds", "date", "doubling"],
)
def test_a_question_is_asked_again_after_a_wait_that_doubles_or_that_the_server_names(
    faults: list[int | str], retry_after: str, least: list[float]
) -> None:
    with fake_teacher.serve(faults=faults, retry_after=retry_after) as teacher:
        asked = next(attempts(SPEC, "full", item(0)))
        asyncio.run(endpoint(teacher.url, first_wait=0.3).ask(asked))
    waits = [after - before for before, after in itertools.pairwise(teacher.times)]
    assert len(waits) == len(least)
    assert all(wait >= expected for wait, expected in zip(waits, least, strict=True)), waits


def test_progress_is_told_with_rate_time_left_and_what_was_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAY_EVERY", 0.25)
    lines: list[str] = []
    budget = Budget(price_in=1.0, price_out=2.0)
    with fake_teacher.serve(seconds=0.1) as teacher:
        series = (attempts(SPEC, "full", item(number)) for number in range(40))
        asker = {"made-up": endpoint(teacher.url, timeout=30)}
        loop.run("full", series, 40, Store(tmp_path / "a"), asker, budget, 4, lines.append)
    assert len(lines) >= 2
    told = r"full: \d+ of 40 \(\d+ kept\), [\d.]+/s, \d+ min left; \d+ answers, [\d,]+ tokens, "
    assert re.fullmatch(told + r"0\.\d\d spent", lines[-1])


def test_progress_says_what_failed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAY_EVERY", 0.1)
    with fake_teacher.serve() as teacher:
        pass  # nobody answers there any more
    lines: list[str] = []
    series = (attempts(SPEC, "full", item(number)) for number in range(9))
    asker = {"made-up": endpoint(teacher.url, first_wait=0.5, tries=2)}
    loop.run("full", series, 9, Store(tmp_path / "a"), asker, Budget(), 1, lines.append)
    assert lines[-1].endswith(f"; last failure: {teacher.url}: APIConnectionError")


def test_an_endpoint_that_has_answered_is_in_no_trouble_any_more() -> None:
    question = next(attempts(SPEC, "full", item(0)))
    with fake_teacher.serve(faults=[500, 500]) as teacher:
        asker = endpoint(teacher.url, tries=2)
        with pytest.raises(NoAnswerError):
            asyncio.run(asker.ask(question))
        assert asker.trouble == f"{teacher.url}: status 500"
        asyncio.run(asker.close())
        asyncio.run(asker.ask(question))
        assert asker.trouble is None


def test_an_endpoint_that_is_down_ends_the_run_and_what_was_answered_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.jsonl")
    with fake_teacher.serve() as teacher:
        ask(teacher.url, store, 5)
    run = ask(teacher.url, store, 50, tries=2)
    assert run.stopped is not None
    assert run.states["kept"] == 5
    assert sum(run.states.values()) < 20
    assert kept(store, 6) == [fake_teacher.REASONING] * 5 + [None]


def test_what_is_rejected_is_asked_for_again_with_another_seed_and_then_dropped(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "a.jsonl")
    for message in ({"content": ""}, {"content": None}, {"reasoning": "The label says so."}):
        with fake_teacher.serve(message=message) as teacher:
            spec = SPEC.model_copy(update={"seed": len(store)})
            run = ask(teacher.url, store, 2, spec)
        assert run.states == {"lost": 2}
        assert len({body["seed"] for body in teacher.bodies}) == 6
        assert set(teacher.asked.values()) == {1}
        ended = [replay(store, number, spec) for number in (0, 1)]
        assert [outcome and len(outcome.rounds) for outcome in ended] == [3, 3]


def test_a_budget_ends_the_run_cleanly_and_counts_what_earlier_runs_spent(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.jsonl")
    with fake_teacher.serve() as teacher:
        run = ask(teacher.url, store, 50, concurrency=4, budget=Budget(tokens=150 * 20))
        assert run.stopped == "the budget of 3,000 tokens is spent"
        assert len(store) == run.states["kept"] == 20
        again = ask(teacher.url, store, 50, concurrency=4, budget=Budget(tokens=150 * 20))
        assert again.asked == 0
        money = Budget(cost=0.003, price_in=1.0, price_out=2.0)  # 0.0002 for each answer
        ask(teacher.url, Store(tmp_path / "b.jsonl"), 50, concurrency=4, budget=money)
        assert money.answers == 15
        assert money.spent == pytest.approx(0.003)


def test_as_many_are_in_flight_as_may_be(tmp_path: Path) -> None:
    with fake_teacher.serve(seconds=0.1) as teacher:
        ask(teacher.url, Store(tmp_path / "a.jsonl"), 24, concurrency=12, timeout=30)
        assert teacher.most_at_once == 12


ASKING = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_distil_loop import ask
from reasoning_guards.distil.store import Store
ask(sys.argv[1], Store(Path(sys.argv[2])), 60, timeout=30)
"""


def asking(url: str, path: Path) -> "subprocess.Popen[bytes]":
    code = ASKING.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code, url, str(path)])


def test_a_killed_run_asks_again_for_no_more_than_was_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with fake_teacher.serve(seconds=0.1) as teacher:
        process = asking(teacher.url, path)
        deadline = time.monotonic() + 60
        while (not path.exists() or path.read_bytes().count(b"\n") < 20) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        recorded = len(Store(path))
        assert 20 <= recorded < 60
        time.sleep(0.3)  # what was in flight is answered to nobody
        again = Store(path)
        run = ask(teacher.url, again, 60, timeout=30)
        assert run.asked == 60 - recorded
        assert sum(teacher.asked.values()) - 60 <= 8
    with fake_teacher.serve() as teacher:
        undisturbed = Store(tmp_path / "b.jsonl")
        ask(teacher.url, undisturbed, 60)
    assert kept(again, 60) == kept(undisturbed, 60)


def test_two_runs_at_once_end_with_the_same_set(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with fake_teacher.serve(seconds=0.02) as teacher:
        both = [asking(teacher.url, path), asking(teacher.url, path)]
        assert [one.wait(100) for one in both] == [0, 0]
    assert kept(Store(path), 60) == [fake_teacher.REASONING] * 60
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_slow_teacher_is_kept_busy_in_memory_that_does_not_grow(tmp_path: Path) -> None:
    """As in the benchmark, `python tests/bench_distil.py`, with fewer and slower answers."""
    from bench_distil import measure

    measure(tmp_path / "warm.jsonl", 8, 8, 0.0)
    assert measure(tmp_path / "a.jsonl", 128, 64, 4.0).share_of_ideal >= 0.75  # of a busy machine
    tracemalloc.start()
    few, many = (measure(tmp_path / f"{n}.jsonl", n, 32, 0.0).grown_bytes for n in (64, 512))
    tracemalloc.stop()
    assert many - few < 500_000
