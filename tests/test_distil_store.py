"""The store of answers: what is in it stays, whoever else writes and whatever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards.distil.answers import Answer, Question, read
from reasoning_guards.distil.store import Store

ANSWER = Answer("It is his.", "Prompt harm: harmful", "stop", False, 11, 7)


def question(number: int, **changes: Any) -> Question:
    given_ = {"model": "m", "text": f"May I? {number}", "temperature": 0.6, "top_p": 0.95,
              "max_tokens": 9, "seed": 1, "purpose": "trace", "example": "e",
              "attempt": 0}  # fmt: skip
    return Question(**(given_ | changes))


def answer(number: int) -> Answer:
    return Answer(f"Thought {number}.", "é\n\u2028", "stop", False, number, number)


def test_what_is_sent_decides_the_key_and_nothing_else() -> None:
    for name, value in {"model": "n", "text": "x", "temperature": 0.5, "top_p": 0.9,
                        "max_tokens": 8, "seed": 2}.items():  # fmt: skip
        assert question(1, **{name: value}).key != question(1).key
    for name, value in {"purpose": "judge", "example": "f", "attempt": 3}.items():
        assert question(1, **{name: value}).key == question(1).key


def test_answers_are_found_again_by_another_reader(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "answers.jsonl")
    other = Store(store.path)
    assert store.get(question(1)) is None
    store.add([(question(n), answer(n)) for n in range(5)])
    for reader in (store, other, Store(store.path)):
        assert [reader.get(question(n)) for n in range(5)] == [answer(n) for n in range(5)]
        assert reader.get(question(9)) is None
        assert len(reader) == 5


def test_the_first_answer_to_a_question_counts(tmp_path: Path) -> None:
    first, late = Store(tmp_path / "a.jsonl"), Store(tmp_path / "a.jsonl")
    first.add([(question(1), answer(1))])
    late.add([(question(1), answer(2))])
    assert first.get(question(1)) == late.get(question(1)) == answer(1)
    assert Store(first.path).get(question(1)) == answer(1)


@pytest.mark.parametrize("cut", [1, 40, 90, 10_000])
def test_a_torn_line_is_closed_and_ignored(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.jsonl"
    Store(path).add([(question(n), answer(n)) for n in range(2)])
    whole = path.read_bytes()
    torn = whole + whole.splitlines(keepends=True)[0][:-1][:cut].replace(b"0", b"7")
    path.write_bytes(torn)
    store = Store(path)
    store.add([(question(3), answer(3))])
    for reader in (store, Store(path)):
        assert [reader.get(question(n)) for n in (0, 1, 3)] == [answer(n) for n in (0, 1, 3)]
    assert path.read_bytes().startswith(torn + b"\n")


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_was(reasoning: str, content: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "a.jsonl")
        given_ = Answer(reasoning, content, "stop", False, 1, 1)
        store.add([(question(1), given_)])
        assert Store(store.path).get(question(1)) == given_
        store.close()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_distil_store import answer, question
from reasoning_guards.distil.store import Store
store = Store(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    store.add([(question(number), answer(number))])
    print(number, flush=True)
"""


def writer(path: Path, first: int, last: int) -> "subprocess.Popen[str]":
    code = WRITER.format(tests=str(Path(__file__).parent))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(first), str(last)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_lose_and_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writers = [writer(path, 0, 150), writer(path, 100, 250)]
    assert [one.wait(60) for one in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 300
    store = Store(path)
    assert [store.get(question(n)) for n in range(250)] == [answer(n) for n in range(250)]


def test_what_a_killed_process_said_it_wrote_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    process = writer(path, 0, 100_000)
    assert process.stdout
    said = [int(process.stdout.readline()) for _ in range(40)]
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().split()]
    process.wait()
    store = Store(path)
    assert said == list(range(len(said)))
    assert all(store.get(question(n)) == answer(n) for n in said)
    assert len(said) <= len(store) <= len(said) + 1


@pytest.mark.parametrize(
    ("message", "reasoning", "content", "open_thinking"),
    [
        ({"reasoning": "Why.", "content": "So."}, "Why.", "So.", False),
        ({"reasoning_content": "Why.", "content": "So."}, "Why.", "So.", False),
        ({"reasoning": None, "reasoning_content": "Why.", "content": None}, "Why.", "", False),
        ({"reasoning": "New.", "reasoning_content": "Old."}, "New.", "", False),
        ({"content": "<think>\nWhy.\n</think>\n\nSo."}, "Why.", "So.", False),
        ({"content": "Why.\n</think>\nSo."}, "Why.", "So.", False),
        ({"content": "<think>Why, and"}, "Why, and", "", True),
        ({"content": "So."}, "", "So.", False),
        ({"content": ""}, "", "", False),
        ({"reasoning": "Why.", "content": "</think> So."}, "Why.", "</think> So.", False),
    ],
)  # fmt: skip
def test_reasoning_is_read_from_where_servers_put_it(
    message: dict[str, Any], reasoning: str, content: str, open_thinking: bool
) -> None:
    found = read(message, "stop", 3, 4)
    assert (found.reasoning, found.content, found.open_thinking) == (
        reasoning, content, open_thinking
    )  # fmt: skip
