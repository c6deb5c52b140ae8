"""Guards are timed in turn, and what a timing says is what its rounds say."""

import json

import pandas as pd
import pytest

from reasoning_guards import artifacts, chapters, claims, timing
from reasoning_guards.engines import Answer
from reasoning_guards.params import Profile
from reasoning_guards.report import costs

STUDY = chapters.inference_time(Profile(n_train=24, eval_examples=14))


class Clock:
    """A clock that only an engine moves."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Engine:
    """Takes `pace` seconds for each request it has not read, and writes three tokens."""

    def __init__(self, clock, pace, tokenizer):
        self.clock, self.pace, self.tokenizer, self.asked = clock, pace, tokenizer, []
        self.known = set()

    def forget(self):
        self.known.clear()

    def answer(self, requests, decoding):
        assert decoding.generations == 1
        self.asked.append([request.id for request in requests])
        for request in requests:
            self.clock.now += self.pace * (request.id not in self.known)
            self.known.add(request.id)
            yield request, [Answer("Prompt harm: harmful", 3, "stop")]


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """Rounds of a made-up timing in which the n-th guard takes n seconds a request."""
    from transformers import AutoTokenizer

    from reasoning_guards import backbones

    clock, order, engines = Clock(), [], []
    monkeypatch.setattr(timing, "time", clock)
    name, _ = backbones.source(STUDY.timing.asked[0].backbone)
    tokenizer = AutoTokenizer.from_pretrained(name)

    def load(asked):
        place = STUDY.timing.asked.index(asked)
        order.append(place)
        clock.now += 100  # loading is not counted
        engines.append(Engine(clock, place + 1.0, tokenizer))
        return engines[-1]

    notes = timing.measure(STUDY.timing, load, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / timing.ROWS).read_text().splitlines()]
    return notes, rows, order, engines


def test_guards_take_turns_and_only_their_answers_are_timed(timed):
    notes, rows, order, engines = timed
    assert order == list(range(8)) * STUDY.timing.rounds
    assert notes == {"rows": 8 * STUDY.timing.rounds, "examples": 14}
    for row in rows:
        pace = row["asked"] + 1.0
        assert row["seconds"] == pytest.approx(14 * pace)
        assert row["latencies"] == pytest.approx([pace] * timing.ALONE)
        assert row["tokens_out"] == 3 * 14
        assert row["tokens_in"] > 14 * 20
    first, later = engines[0].asked, engines[8 * 3].asked
    _, ids, *alone = first
    assert list(map(len, first)) == [timing.WARM_UP, 14, *[1] * timing.ALONE]
    assert alone == [[one] for one in ids[:5]]
    assert later[2:] == [[one] for one in (ids * 2)[15:20]]  # the fourth round's


def test_overheads_are_relative_to_nr_in_the_same_round():
    rows = pd.DataFrame(
        [
            (0, "nr", 1.0), (0, "r_1", 1.5), (1, "nr", 10.0), (1, "r_1", 14.0),
            (2, "nr", 2.0), (2, "r_1", 3.2),
        ],
        columns=["round", "variant", "seconds"],
    )  # fmt: skip
    found = costs.overhead(rows, "r_1")
    assert found.estimate == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5 - 4.302653 * 0.1 / 3**0.5, abs=1e-6)


def test_the_made_up_timing_is_read_as_it_was_written(timed, monkeypatch):
    _, rows, _, _ = timed
    artifacts.make(
        STUDY.timing,
        lambda folder: (
            (folder / timing.ROWS).write_text("\n".join(map(json.dumps, rows)) + "\n") and None
        ),
    )
    table = costs.rounds(STUDY)
    assert list(table["variant"].unique()) == list(STUDY.variants)
    shown = costs.table(STUDY, table)
    assert shown.loc["NR", "Overhead"] == "–"
    assert shown.loc["R (full)", "Overhead"] == "+300% [+300%, +300%]"
    assert shown.loc["R (full)", "p95"] == "4000.0"
    assert shown.loc["NR", "Tokens out"] == "3.0"
    measured = costs.measures(STUDY, table)
    assert measured["time_one_sentence"].estimate == pytest.approx(2.0)
    assert measured["time_budget"].estimate == pytest.approx(1.0)
    levels = {name: claims.load()[name].region().level for name in measured}
    assert {name: found.level for name, found in measured.items()} == levels
    assert "time_seconds" not in measured  # no likeness of an 8B model's


def test_timings_are_made_last_and_by_one_worker(monkeypatch):
    from reasoning_guards import local, scheduler
    from reasoning_guards.resources import Resources

    made = []

    def make(self, values, resources):
        for value in values:
            made.append((type(value).__name__, id(self)))
            artifacts.make(value, lambda folder: None)
            yield None

    monkeypatch.setattr(local.Worker, "make", make)
    scheduler.run(STUDY.values()[::-1], Resources(), workers=2)
    kinds = [kind for kind, _ in made]
    assert kinds[-1] == "Timing"
    assert kinds.count("Timing") == 1
    assert kinds.count("Recipe") == len(STUDY.recipes())
    made.clear()
    scheduler.run(STUDY.values(), Resources(), workers=2)
    assert not made
