"""Whatever stands in a row: examples, or one sentence that says where, and never a traceback."""

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hub_rows
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasoning_guards import datasets, traces
from reasoning_guards.datasets import (
    aegis2,
    cosapien,
    dynaguardrail,
    hub,
    jailbreakbench,
    openai_moderation,
    own,
    own_spec,
    released_traces,
    rows,
    simple_safety_tests,
    topic_following,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy
from reasoning_guards.recipes import Reading, TraceSpec

POLICY = Policy(name="house", text="No goats.")
# name as `datasets.load` takes it, hub id, row builder, split
SETS: list[tuple[str, str, Callable[..., dict[str, Any]], str]] = [
    (wildguardmix.HUB_ID, wildguardmix.HUB_ID, hub_rows.wildguard, "train"),
    (aegis2.HUB_ID, aegis2.HUB_ID, hub_rows.aegis, "validation"),
    (openai_moderation.HUB_ID, openai_moderation.HUB_ID, hub_rows.openai, "train"),
    (toxic_chat.HUB_ID, toxic_chat.HUB_ID, hub_rows.toxic_chat, "test"),
    (simple_safety_tests.HUB_ID, simple_safety_tests.HUB_ID, hub_rows.simple_safety_tests, "test"),
    (jailbreakbench.HUB_ID, jailbreakbench.HUB_ID, hub_rows.jailbreakbench, "test"),
    (xstest.HUB_ID, xstest.HUB_ID, hub_rows.xstest, "response_harmfulness"),
    (topic_following.HUB_ID, topic_following.HUB_ID, hub_rows.topic_following, "train"),
    (f"{dynaguardrail.HUB_ID}/tax", dynaguardrail.HUB_ID, hub_rows.dynaguardrail, "test"),
    (
        f"{cosapien.HUB_ID}/film_production",
        cosapien.HUB_ID,
        hub_rows.cosapien,
        "film_production",
    ),
]
EVERY_SET = pytest.mark.parametrize(
    ("name", "hub_id", "build", "split"), SETS, ids=[name.partition("/")[2] for name, *_ in SETS]
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning"),
]
whatever = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)

texts = st.sampled_from(
    [
        "",
        " ",
        "REDACTED",
        "None",
        "NaN",
        "\0",
        "\ud800",
        "\U0001d50a\xf8at \U0001f410 \u05e9\u05dc\u05d5\u0301\u202e",
        "a\nb\r\n",
        "goat " * 9000,
    ]
) | st.text(st.characters())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
words = st.sampled_from(
    ["user", "assistant", "role", "content", "bot turn", "distractor", "For which day?"]
)
odd = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
labels = st.sampled_from(
    ["safe", "unsafe", "harmful", "unharmful", "refusal", "partial", "None", 0, 1, 1.0, True, "1"]
)


def some_rows(build: Callable[..., dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of that shape, with some of their cells replaced and at most one column lost."""
    columns = sorted(build())

    def row(changed: dict[str, Any], lost: set[str]) -> dict[str, Any]:
        return {k: v for k, v in (build() | changed).items() if k not in lost}

    cells = st.dictionaries(st.sampled_from(columns), texts | labels | odd, max_size=4)
    made = st.builds(row, cells, st.sets(st.sampled_from(columns), max_size=1))
    return st.lists(made | st.just(build()), max_size=4)


OF_A_WHOLE_SET = (
    rows.NoExamplesError,
    released_traces.NoReleasedTracesError,
    own_spec.OwnSetError,
)


def assert_is_one_clear_sentence(error: UserError, dataset: str, place: str) -> None:
    sentence = str(error)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    if not isinstance(error, OF_A_WHOLE_SET):
        assert sentence.startswith(f"{place}, row ")
        assert ", column '" in sentence
    assert dataset in sentence
    assert "goat goat" not in sentence
    assert len(sentence) < 900


def assert_are_whole(found: tuple[Example, ...], task: Any) -> None:
    assert len({example.id for example in found}) == len(found) > 0
    for example in found:
        json.dumps(example.model_dump()).encode()
        for text in (example.prompt, example.policy.text, example.cluster, example.response or ""):
            text.encode()
        if example.response is None:
            assert (example.response_harmful, example.response_refusal) == (None, None)
        if task:
            assert example.label(task) is not None


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The rows that the hub is made to give."""
    given_rows: list[dict[str, Any]] = []
    monkeypatch.setattr(hub, "rows", lambda *_, **__: given_rows)
    return given_rows


@EVERY_SET
@whatever
@given(st.data())
def test_a_set_s_rows_become_examples_or_one_sentence(
    served: list[dict[str, Any]],
    name: str,
    hub_id: str,
    build: Callable[..., dict[str, Any]],
    split: str,
    data: st.DataObject,
) -> None:
    served[:] = data.draw(some_rows(build))
    task = data.draw(st.sampled_from(["prompt", "response", None]))
    choices = {
        field: data.draw(st.sampled_from(list(info.annotation.__args__)))  # type: ignore[union-attr]
        for field, info in Reading.model_fields.items()
    }
    try:
        found = datasets.load(name, split, task, POLICY, reading=Reading(**choices))
    except UserError as error:
        assert_is_one_clear_sentence(error, hub_id, f"{hub_id}, split {split!r}")
        return
    assert_are_whole(found, task)


@pytest.mark.parametrize("topics", [False, True])
@whatever
@given(st.data())
def test_released_traces_are_texts_or_none_or_one_sentence(
    served: list[dict[str, Any]], topics: bool, data: st.DataObject
) -> None:
    build = hub_rows.released_topic_traces if topics else hub_rows.released_traces
    served[:] = [hub_rows.topic_following() if topics else hub_rows.aegis()]
    examples = datasets.load(topic_following.HUB_ID if topics else aegis2.HUB_ID, "train", None)
    served[:] = data.draw(some_rows(build))
    spec = TraceSpec(teacher="Qwen/Qwen3-32B", sentences=data.draw(st.sampled_from([None, 1])))
    split = released_traces.TOPICS if topics else released_traces.SAFETY
    try:
        written = traces.write(spec, list(examples), 0)
    except UserError as error:
        place = f"{released_traces.HUB_ID}, split {split!r}"
        is_none = isinstance(error, released_traces.NoReleasedTracesError)
        assert_is_one_clear_sentence(error, aegis2.HUB_ID if is_none else place, place)
        return
    assert len(written) == len(examples)
    assert all(trace is None or trace.strip() for trace in written)


OWN = {
    "policy": "Harmful is what is about goats.",
    "files": {"train": "train.jsonl"},
    "columns": {"prompt": "question", "response": "answer", "cluster": "who"},
    "labels": {
        "prompt": {"column": "verdict", "harmful": ["bad", 1], "unharmful": ["fine", 0]},
        "response": {"column": "said", "harmful": ["bad"], "unharmful": ["fine"]},
        "refusal": {"column": "refused", "refusal": [True], "compliance": [False]},
    },
    "traces": {"full": "thought"},
}


def own_row() -> dict[str, Any]:
    return {
        "question": "May I have the book?",
        "answer": "Yes.",
        "who": "b",
        "verdict": "fine",
        "said": "fine",
        "refused": False,
        "thought": "It is a book.",
    }


@pytest.fixture
def in_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@whatever
@given(st.data())
def test_a_set_of_your_own_becomes_examples_or_one_sentence(
    in_folder: Path, suffix: str, data: st.DataObject
) -> None:
    (in_folder / "mine.yaml").write_text(yaml.safe_dump(OWN | {"files": {"train": f"a{suffix}"}}))
    made = data.draw(some_rows(own_row))
    if suffix == ".csv":
        with (in_folder / "a.csv").open("w", newline="", errors="surrogatepass") as file:
            table = csv.DictWriter(file, sorted(own_row()))
            table.writeheader()
            table.writerows(made)
    else:
        (in_folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    try:
        name = own.adopt(in_folder / "mine.yaml")
        found = datasets.load(name, "train", data.draw(st.sampled_from(["prompt", None])))
        own.traces(None, list(found))
    except UserError as error:
        assert_is_one_clear_sentence(error, "", f"a{suffix}")
        return
    assert_are_whole(found, None)
