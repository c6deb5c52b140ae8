"""A second set learnt along with the first: which examples, whose traces, in which order."""

from pathlib import Path
from typing import Any

import hub_rows
import pytest
import tiny_guards
from pydantic import ValidationError

from reasoning_guards import access, artifacts, board, chapters, plan, prompts, scheduler, traces
from reasoning_guards.datasets import aegis2, hub, released_traces, topic_following
from reasoning_guards.examples import with_random_labels
from reasoning_guards.params import Profile
from reasoning_guards.recipes import (
    SFT,
    Backbone,
    Cell,
    Decontamination,
    Mix,
    Recipe,
    TraceSpec,
)
from reasoning_guards.resources import Resources
from reasoning_guards.study import Study, Variant
from reasoning_guards.synthetic import corpora
from reasoning_guards.synthetic import tokenizer as words
from reasoning_guards.training import data, sft

LANES = "synthetic/lanes"
REASONING = Recipe(
    backbone=Backbone(name="synthetic/llama-64-0", template="compact"),
    train_set="synthetic/meadow",
    n_train=24,
    traces=TraceSpec(teacher="rule", sentences=1),
    sft=SFT(
        epochs=2,
        learning_rate=1e-3,
        batch_size=8,
        warmup_ratio=0,
        weight_decay=0,
        max_length=512,
        precision="float32",
    ),
)


def mixed(recipe: Recipe = REASONING, *, traces: TraceSpec | None = None, **mix: Any) -> Recipe:
    """The recipe with lanes mixed in."""
    changes = {"mix": Mix(dataset=LANES, **mix)} | ({"traces": traces} if traces else {})
    return recipe.model_copy(update=changes)


def direct(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"traces": None})


def ids(lessons: list[data.Lesson]) -> list[str]:
    return [lesson.example.id for lesson in lessons]


# Sizes and draws


@pytest.mark.parametrize(
    ("size", "expected"), [({"examples": 10}, 10), ({"ratio": 0.5}, 12), ({}, 1000)]
)
def test_a_mix_has_so_many_examples_or_so_many_for_each_of_the_training_set(
    size: dict[str, float], expected: int
) -> None:
    recipe = mixed(**size)
    assert len(data.mixed(recipe)) == expected
    assert data.subset(recipe) == data.subset(REASONING)
    for guard in (recipe, direct(recipe)):
        lessons = data.lessons(guard)
        assert ids(lessons)[:24] == ids(data.lessons(REASONING))
        assert [one.example for one in lessons[24:]] == data.mixed(recipe)


def test_a_mix_is_drawn_at_random_nested_and_the_same_whatever_else_varies() -> None:
    large = data.mixed(mixed(examples=40))
    split = list(corpora.load(LANES, "train"))
    assert large != split[:40]
    assert data.mixed(mixed(examples=15)) == large[:15]
    assert data.mixed(mixed(examples=40, seed=1)) != large
    for other in ({"seed": 3}, {"subset_seed": 3}, {"traces": None}, {"n_train": 7}):
        assert data.mixed(mixed(REASONING.model_copy(update=other), examples=40)) == large
    assert data.mixed(mixed()) == split


def test_more_than_there_are_and_two_sizes_at_once_are_refused_in_one_sentence() -> None:
    with pytest.raises(
        data.TooFewExamplesError, match=r"mix is to have 1001 examples, but .*lanes has 1000: ask"
    ):
        data.lessons(mixed(examples=1001))
    with pytest.raises(ValidationError, match="a number of examples or a ratio, not both"):
        Mix(dataset=LANES, examples=3, ratio=0.5)


def test_random_labels_and_decontamination_hold_for_the_mix_as_well() -> None:
    recipe = mixed(REASONING.model_copy(update={"labels": "random"}), examples=30)
    assert [lesson.example for lesson in data.lessons(recipe)[24:]] == [
        with_random_labels(example) for example in data.mixed(recipe)
    ]
    of_lanes = Decontamination(cells=(Cell(dataset=LANES, split="train", task="prompt"),))
    clean = mixed(REASONING.model_copy(update={"decontamination": of_lanes}))
    assert data.mixed(clean) == []


# Dialogues, policies, traces


@pytest.mark.parametrize("sentences", [1, None])
def test_each_dialogue_is_asked_under_its_own_policy_with_a_trace_of_the_recipe_s_teacher(
    sentences: int | None,
) -> None:
    recipe = mixed(examples=30, traces=TraceSpec(teacher="rule", sentences=sentences))
    tokenizer = words.build()
    learnt = data.tokenise(recipe, tokenizer).input_ids[24:]
    lessons = data.lessons(recipe)[24:]
    assert sum(bool(lesson.example.dialogue) for lesson in lessons) > 10
    assert len({lesson.example.policy for lesson in lessons}) > 20
    assert recipe.traces
    examples = [lesson.example for lesson in lessons]
    assert [lesson.trace for lesson in lessons] == traces.write(recipe.traces, examples, 0)
    for sequence, lesson in zip(learnt, lessons, strict=True):
        text = tokenizer.decode(sequence)
        assert f"policy : {lesson.example.policy.text} " in text
        assert all(
            f"earlier {turn.role} : {turn.text} " in text for turn in lesson.example.dialogue
        )
        assert text.endswith(f"{prompts.completion(lesson.example, lesson.trace)} <eos>")


def test_controls_stay_within_their_set() -> None:
    for content in ("filler", "shuffled"):
        recipe = mixed(examples=20, traces=TraceSpec(teacher="rule", content=content))
        lessons = data.lessons(recipe)
        unmixed = data.lessons(recipe.model_copy(update={"mix": None}))
        assert [lesson.trace for lesson in lessons[:24]] == [lesson.trace for lesson in unmixed]
        assert len(lessons) == 44


def test_a_dual_guard_reasons_on_half_of_all() -> None:
    recipe = mixed(REASONING.model_copy(update={"dual": True}), examples=200)
    answered = [lesson.mode == "non-reasoning" for lesson in data.lessons(recipe)]
    assert sum(answered) == 112
    assert 80 < sum(answered[24:]) < 120


def test_dialogues_of_the_hub_are_learnt_from_with_the_released_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    hub_rows.write(tmp_path / aegis2.HUB_ID / "train.jsonl", hub_rows.aegis())
    hub_rows.write(
        tmp_path / topic_following.HUB_ID / "mixtral/train.jsonl", hub_rows.topic_following()
    )
    release = tmp_path / released_traces.HUB_ID
    hub_rows.write(release / f"{released_traces.SAFETY}.jsonl", hub_rows.released_traces())
    hub_rows.write(release / f"{released_traces.TOPICS}.jsonl", hub_rows.released_topic_traces())
    recipe = REASONING.model_copy(
        update={
            "backbone": Backbone(name="tiny", refusal_line=False),
            "train_set": aegis2.HUB_ID,
            "n_train": None,
            "sft": REASONING.sft.model_copy(update={"max_length": 20_000}),
            "traces": TraceSpec(teacher="Qwen/Qwen3-32B", sentences=1),
            "mix": Mix(dataset=topic_following.HUB_ID),
        }
    )
    assert [lesson.trace for lesson in data.lessons(recipe)] == [
        "qwen3_32b says: rude.",
        "qwen3_32b says: off.",
    ]
    lessons = data.lessons(direct(recipe))
    assert [lesson.example.prompt_harmful for lesson in lessons] == [True, False, False, True]
    tokenizer = tiny_guards.tokenizer()
    goat = tokenizer.decode(data.tokenise(recipe, tokenizer).input_ids[1])
    order = ("Book ferries only.", "A ferry to the island", "For which day?", "Do goats", "says")
    assert sorted(order, key=goat.index) == list(order)


def test_a_set_without_traces_by_the_teacher_is_refused_before_anything_starts(
    cache: Path,
) -> None:
    recipe = REASONING.model_copy(update={"mix": Mix(dataset=topic_following.HUB_ID)})
    with pytest.raises(traces.NoTracesError, match="'rule' knows the embedded world alone"):
        scheduler.run([recipe], Resources(), 1)
    assert not cache.exists()


# Order


def test_an_appended_mix_comes_after_the_training_set_and_both_are_shuffled_by_the_seed() -> None:
    recipe = mixed(examples=30, order="appended")
    together = ids(data.lessons(mixed(examples=30)))
    apart = ids(data.lessons(recipe))
    assert apart != together
    for part in (slice(24), slice(24, None)):
        assert apart[part] != together[part]
        assert sorted(apart[part]) == sorted(together[part])
    assert ids(data.lessons(recipe)) == apart
    assert ids(data.lessons(recipe.model_copy(update={"seed": 1}))) != apart


@pytest.mark.slow
def test_the_trainer_keeps_the_order_of_an_appended_mix_and_shuffles_an_interleaved_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    class NotTrainedError(Exception):
        pass

    orders = []

    def stop(trainer: Any, **_: Any) -> None:
        batches = list(trainer.get_train_dataloader())
        orders.append([row[row != 0].tolist() for batch in batches for row in batch["input_ids"]])
        raise NotTrainedError

    monkeypatch.setattr(trl.SFTTrainer, "train", stop)
    for order in ("appended", "interleaved"):
        recipe = mixed(examples=8, order=order)
        learnt = data.tokenise(recipe, words.build()).input_ids
        with pytest.raises(NotTrainedError):
            sft.train(recipe, tmp_path / order, Resources())
        learnt = [[token for token in sequence if token != 0] for sequence in learnt]
        assert (orders[-1] == learnt) == (order == "appended")
        assert sorted(orders[-1]) == sorted(learnt)


# Keys, plans


def test_only_a_mix_that_is_there_is_part_of_the_key() -> None:
    assert "mix" not in REASONING.model_dump(mode="json")
    mixes: list[dict[str, Any]] = [
        {},
        {"examples": 5},
        {"ratio": 5},
        {"seed": 1},
        {"order": "appended"},
        {"revision": "v2"},
    ]
    keys = {artifacts.key(recipe) for recipe in (REASONING, *(mixed(**mix) for mix in mixes))}
    assert len(keys) == 1 + len(mixes)
    whole = mixed(examples=5, order="appended")
    assert Recipe.model_validate_json(whole.model_dump_json()) == whole


def test_plan_and_check_know_the_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = TraceSpec(teacher="Qwen/Qwen3-32B")
    recipe = REASONING.model_copy(
        update={"train_set": aegis2.HUB_ID, "mix": Mix(dataset=topic_following.HUB_ID)}
        | {"traces": teacher}
    )
    cells = (Cell(dataset="synthetic/brook", task="prompt"),)

    def study(profile: Profile) -> Study:
        variant = Variant("r_tf", "R + TF", {0: recipe}, "reasoning", cells)
        return Study("rq4", profile, {"r_tf": variant})

    monkeypatch.setattr(chapters, "CHAPTERS", {"rq4": study})
    assert [one[:2] for one in access.sets(Profile())] == [
        (aegis2.HUB_ID, "train"),
        (topic_following.HUB_ID, "train"),
        ("synthetic/brook", "test"),
        (released_traces.HUB_ID, released_traces.SAFETY),
        (released_traces.HUB_ID, released_traces.TOPICS),
    ]
    for mix, expected in ({}, "1,024 × 2"), ({"examples": 6}, "30 × 2"), ({"ratio": 2}, "72 × 2"):
        recipe = mixed(**mix)
        assert plan.table(study(Profile()))["Trained on"].tolist() == [expected]
    assert "training on synthetic/meadow and synthetic/lanes (" in board.describe(recipe)
