"""The authors' traces, joined to the examples they are about."""

import logging
from pathlib import Path
from typing import Any

import hub_rows
import pytest

from reasoning_guards import datasets, traces
from reasoning_guards.datasets import (
    aegis2,
    hub,
    released_traces,
    rows,
    topic_following,
    wildguardmix,
)
from reasoning_guards.examples import Example
from reasoning_guards.recipes import SFT, Backbone, Recipe, TraceSpec
from reasoning_guards.training import data

R1 = "deepseek-ai/DeepSeek-R1"
FULL, SHORT = TraceSpec(teacher=R1), TraceSpec(teacher=R1, sentences=1)
OTHER = {"prompt": "Rhyme on a goat.", "response": None, "response_label": None}


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(folder))
    return folder


def release(mirror: Path, *found: dict[str, Any], split: str = released_traces.SAFETY) -> None:
    hub_rows.write(mirror / released_traces.HUB_ID / f"{split}.jsonl", *found)


def aegis_examples(mirror: Path, *found: dict[str, Any]) -> list[Example]:
    hub_rows.write(mirror / aegis2.HUB_ID / "train.jsonl", *found)
    return list(datasets.load(aegis2.HUB_ID, "train", None))


@pytest.mark.parametrize(
    ("teacher", "column"),
    [
        ("deepseek-ai/DeepSeek-R1", "deepseek_r1_0528"),
        ("openai/gpt-oss-120b", "gpt_oss_120b"),
        ("Qwen/Qwen3-32B", "qwen3_32b"),
    ],
)
def test_each_teacher_gives_its_full_and_its_short_trace(
    mirror: Path, teacher: str, column: str
) -> None:
    release(mirror, hub_rows.released_traces(), hub_rows.released_traces(**OTHER))
    examples = aegis_examples(mirror, hub_rows.aegis(**OTHER), hub_rows.aegis())
    for budget, text in ((None, "thinks of limericks. And of goats."), (1, "says: rude.")):
        spec = TraceSpec(teacher=teacher, sentences=budget)
        assert traces.write(spec, examples, 0) == [f"{column} {text}"] * 2


def test_traces_follow_the_texts_and_the_labels_not_the_order(mirror: Path) -> None:
    column = "safety_reasoning_deepseek_r1_0528"
    variants: list[dict[str, Any]] = [
        {},
        OTHER,
        {"response": "A sonnet instead."},
        {"prompt_label": "safe"},
        {"response_label": "unsafe"},
        {"response": ""},
    ]
    told = [
        hub_rows.released_traces(**v, **{column: f"Trace {i}."}) for i, v in enumerate(variants)
    ]
    release(mirror, *reversed(told))
    examples = aegis_examples(mirror, *(hub_rows.aegis(**variant) for variant in variants))
    assert traces.write(FULL, examples, 0) == [f"Trace {i}." for i in range(len(variants))]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"prediction_gt_mismatch_deepseek_r1_0528": True}, "whose label the teacher contradicts"),
        ({"prediction_gt_mismatch_deepseek_r1_0528": None}, "whose label the teacher contradicts"),
        ({"safety_reasoning_deepseek_r1_0528": " "}, "whose trace is empty"),
        ({"prompt": "Another prompt."}, "that were not released"),
    ],
    ids=["contradicted", "unknown", "empty", "not released"],
)
def test_examples_without_a_trace_to_learn_from_are_counted_by_reason(
    mirror: Path, caplog: pytest.LogCaptureFixture, cells: dict[str, Any], why: str
) -> None:
    release(mirror, hub_rows.released_traces(**cells), hub_rows.released_traces(**OTHER))
    examples = aegis_examples(mirror, *[hub_rows.aegis()] * 2, hub_rows.aegis(**OTHER))
    with caplog.at_level(logging.INFO):
        written = traces.write(FULL, examples, 0)
    assert [text is None for text in written] == [True, True, False]
    assert f"no trace for 2 examples {why}" in caplog.text


def test_a_mismatch_of_another_teacher_does_not_count(mirror: Path) -> None:
    release(mirror, hub_rows.released_traces(prediction_gt_mismatch_qwen3_32b=True))
    assert None not in traces.write(FULL, aegis_examples(mirror, hub_rows.aegis()), 0)


def test_tags_and_what_follows_the_thinking_are_no_part_of_a_trace(mirror: Path) -> None:
    told = "<think> Goats. </think> Prompt harm: harmful"
    release(mirror, hub_rows.released_traces(safety_reasoning_deepseek_r1_0528=told))
    assert traces.write(FULL, aegis_examples(mirror, hub_rows.aegis()), 0) == ["Goats."]


def test_wildguardmix_finds_the_traces_of_interactions_that_it_shares(mirror: Path) -> None:
    shared = hub_rows.wildguard(
        prompt="Write a rude limerick.",
        response="There once was a goat.",
        prompt_harm_label="harmful",
    )
    file = mirror / wildguardmix.HUB_ID / "wildguardtrain/train.jsonl"
    hub_rows.write(file, hub_rows.wildguard(), shared)
    release(mirror, hub_rows.released_traces())
    examples = list(datasets.load(wildguardmix.HUB_ID, "train", None))
    assert traces.write(SHORT, examples, 0) == [None, "deepseek_r1_0528 says: rude."]
    with pytest.raises(released_traces.NoReleasedTracesError, match="None of the 1 training"):
        traces.write(SHORT, examples[:1], 0)


@pytest.mark.parametrize("name", ["efficient_reasoning_trace_{}", "efficient_reasoning_{}"])
def test_topic_following_examples_find_theirs_by_rules_turn_and_label(
    mirror: Path, name: str
) -> None:
    hub_rows.write(
        mirror / topic_following.HUB_ID / "mixtral/train.jsonl",
        hub_rows.topic_following(),
        hub_rows.topic_following(system_instruction="Goats only."),
    )
    r1 = "deepseek_r1_0528"
    told = [
        hub_rows.released_topic_traces(),
        hub_rows.released_topic_traces(system_instruction="Goats only."),
        hub_rows.released_topic_traces(
            last_user_message="For Monday.", gt_topic_classification="on-topic"
        ),
    ]
    for number, row in enumerate(told):
        row.pop(f"efficient_reasoning_trace_{r1}")
        row[name.format(r1)] = f"Trace {number}."
    release(mirror, *told, split=released_traces.TOPICS)
    examples = list(datasets.load(topic_following.HUB_ID, "train", None))
    found = dict(zip((e.id for e in examples), traces.write(SHORT, examples, 0), strict=True))
    prefix = f"{topic_following.HUB_ID}/train"
    assert {example: text for example, text in found.items() if text} == {
        f"{prefix}/0/distractor-0": "Trace 0.",
        f"{prefix}/1/distractor-0": "Trace 1.",
        f"{prefix}/0/turn-2": "Trace 2.",
    }


def test_a_missing_column_and_another_budget_are_one_sentence(mirror: Path) -> None:
    row = hub_rows.released_traces()
    del row["safety_reasoning_deepseek_r1_0528"]
    release(mirror, row)
    examples = aegis_examples(mirror, hub_rows.aegis())
    with pytest.raises(rows.MissingColumnError, match="'safety_reasoning_deepseek_r1_0528'"):
        traces.write(FULL, examples, 0)
    with pytest.raises(released_traces.NoReleasedTracesError, match="5 sentences are asked for"):
        traces.write(TraceSpec(teacher=R1, sentences=5), examples, 0)


def test_controls_are_as_many_and_as_long_as_the_released_traces(mirror: Path) -> None:
    prompts = ("One.", "Two.", "Three.")
    told = [
        hub_rows.released_traces(prompt=p, safety_reasoning_deepseek_r1_0528=p * 3) for p in prompts
    ]
    release(mirror, *told)
    examples = aegis_examples(
        mirror, hub_rows.aegis(), *(hub_rows.aegis(prompt=p) for p in prompts)
    )
    real = traces.write(FULL, examples, 0)
    shuffled = traces.write(FULL.model_copy(update={"content": "shuffled"}), examples, 0)
    filler = traces.write(FULL.model_copy(update={"content": "filler"}), examples, 0)
    assert real[0] is shuffled[0] is filler[0] is None
    assert set(shuffled) == set(real)
    assert all(a != b for a, b in zip(shuffled[1:], real[1:], strict=True))
    assert [len((text or "").split()) for text in filler] == [
        len((text or "").split()) for text in real
    ]


def recipe(**fields: Any) -> Recipe:
    return Recipe(
        backbone=Backbone(name="any", refusal_line=False),
        train_set=aegis2.HUB_ID,
        sft=SFT(
            epochs=1,
            learning_rate=1e-3,
            batch_size=2,
            warmup_ratio=0,
            weight_decay=0,
            max_length=2048,
            precision="float32",
        ),
        **fields,
    )


def test_a_reasoning_guard_is_taught_without_what_has_no_trace(mirror: Path) -> None:
    prompts = [f"Prompt {number}." for number in range(8)]
    release(mirror, *(hub_rows.released_traces(prompt=prompt) for prompt in prompts[2:]))
    aegis_examples(mirror, *(hub_rows.aegis(prompt=prompt) for prompt in prompts))
    assert len(data.lessons(recipe())) == 8
    taught = data.lessons(recipe(traces=SHORT))
    assert {lesson.example.prompt for lesson in taught} == set(prompts[2:])
    assert {lesson.trace for lesson in taught} == {"deepseek_r1_0528 says: rude."}
    dual = data.lessons(recipe(traces=SHORT, dual=True))
    assert [lesson.mode for lesson in dual].count("reasoning") == 3


def test_released_traces_do_not_argue_for_random_labels(mirror: Path) -> None:
    release(mirror, hub_rows.released_traces())
    aegis_examples(mirror, hub_rows.aegis())
    with pytest.raises(data.NoNullTracesError, match="there are none for random ones"):
        data.lessons(recipe(traces=SHORT, labels="random"))
