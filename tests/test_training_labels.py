"""What is learnt from sets whose refusals are labelled in part, or not at all."""

from pathlib import Path
from typing import Any

import hub_rows
import pytest
import tiny_guards

from reasoning_guards.datasets import aegis2, hub, wildguardmix
from reasoning_guards.recipes import SFT, Backbone, Recipe
from reasoning_guards.training import data, splits

ROWS = [
    hub_rows.wildguard(prompt=f"May I borrow ladder {number}?", response_refusal_label=label)
    for number, label in enumerate(["refusal", None, "compliance", None, "compliance", "refusal"])
] + [
    hub_rows.wildguard(
        prompt="Nobody answered.",
        response=None,
        response_harm_label=None,
        response_refusal_label=None,
    )
]


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    hub_rows.write(tmp_path / wildguardmix.HUB_ID / "wildguardtrain/train.jsonl", *ROWS)
    hub_rows.write(
        tmp_path / aegis2.HUB_ID / "train.jsonl",
        hub_rows.aegis(),
        hub_rows.aegis(response=None, response_label=None),
    )
    return tmp_path


def recipe(train_set: str, *, refusal_line: bool, **changes: Any) -> Recipe:
    return Recipe(
        backbone=Backbone(name="tiny", refusal_line=refusal_line),
        train_set=train_set,
        sft=SFT(
            epochs=1,
            learning_rate=1e-3,
            batch_size=1,
            warmup_ratio=0,
            weight_decay=0,
            max_length=20_000,
            precision="float32",
        ),
        **changes,
    )


def prompts(guard: Recipe) -> list[str]:
    return [example.prompt for example in data.subset(guard)]


def test_answered_rows_without_a_refusal_label_are_left_out_if_the_line_is_on_and_counted() -> None:
    asked = recipe(wildguardmix.HUB_ID, refusal_line=True)
    labelled = [row["prompt"] for row in ROWS if row["response_refusal_label"]]
    assert prompts(asked) == [*labelled, "Nobody answered."]
    learnt = data.tokenise(asked, tiny_guards.tokenizer())
    assert (len(learnt.input_ids), learnt.unlabelled) == (5, 2)
    unasked = recipe(wildguardmix.HUB_ID, refusal_line=False)
    assert prompts(unasked) == [row["prompt"] for row in ROWS]
    assert data.tokenise(unasked, tiny_guards.tokenizer()).unlabelled == 0


def test_the_refusal_line_takes_examples_out_and_leaves_their_order() -> None:
    sizes = range(1, 6)
    asked = [
        prompts(recipe(wildguardmix.HUB_ID, refusal_line=True, n_train=n, subset_seed=1))
        for n in sizes
    ]
    assert all(
        len(head) == n and head == asked[-1][:n] for n, head in zip(sizes, asked, strict=True)
    )
    order = prompts(recipe(wildguardmix.HUB_ID, refusal_line=False, n_train=7, subset_seed=1))
    assert asked[-1] == [prompt for prompt in order if prompt in asked[-1]]
    assert asked[-1] != sorted(asked[-1])


def test_asking_for_more_than_the_labelled_examples_says_how_many_lack_the_label() -> None:
    with pytest.raises(data.TooFewExamplesError, match=r"has 5 examples \(2 more have no refusal"):
        data.subset(recipe(wildguardmix.HUB_ID, refusal_line=True, n_train=6))


def test_a_set_that_labels_no_refusals_is_refused_with_what_to_set() -> None:
    with pytest.raises(splits.NoRefusalLabelsError) as error:
        data.subset(recipe(aegis2.HUB_ID, refusal_line=True))
    assert str(error.value) == (
        "The training split of nvidia/Aegis-AI-Content-Safety-Dataset-2.0 labels no refusals, so "
        "the line `Response refusal` cannot be learnt from it: set refusal_line: false, or "
        "unlabelled_refusals: none to have it answered by `None`."
    )
    assert len(data.subset(recipe(aegis2.HUB_ID, refusal_line=False))) == 2
