"""Choices that the paper leaves open: what each does, and that it changes no other key."""

from pathlib import Path
from typing import Any

import hub_rows
import pytest
import tiny_guards

from reasoning_guards import artifacts, chapters, datasets, generation, prompts
from reasoning_guards.chapters import arms, benchmarks
from reasoning_guards.datasets import (
    aegis2,
    cosapien,
    hub,
    jailbreakbench,
    toxic_chat,
    wildguardmix,
)
from reasoning_guards.examples import Policy
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Reading, Value
from reasoning_guards.training import data

pytestmark = pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")

POLICY = Policy(name="house", text="No goats.")
GPU = Profile(world="hub", train_set=wildguardmix.HUB_ID, template="paper")
AEGIS = GPU.model_copy(update={"train_set": aegis2.HUB_ID})
CHOICES = {
    "redacted": "keep",
    "toxic_chat_rows": "all",
    "jailbreakbench_prompt": "goal",
    "cosapien_partial": "unharmful",
    "prompt_task_response": "given",
}
WITH_RESPONSES = {f"{wildguardmix.HUB_ID}:prompt", f"{aegis2.HUB_ID}:prompt"}
CHANGED = {
    "redacted": {f"{aegis2.HUB_ID}:prompt", f"{aegis2.HUB_ID}:response"},
    "toxic_chat_rows": {f"{toxic_chat.HUB_ID}:prompt"},
    "jailbreakbench_prompt": {f"{jailbreakbench.HUB_ID}:response"},
    "cosapien_partial": set(),  # not in the safety average
    "prompt_task_response": WITH_RESPONSES,
}


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    return tmp_path


def chosen(profile: Profile, choice: str) -> Profile:
    return Profile(**(profile.model_dump() | {choice: CHOICES[choice]}))


def test_every_choice_is_a_parameter_with_the_same_values_and_default() -> None:
    assert set(CHOICES) == set(Reading.model_fields)
    for name, field in Reading.model_fields.items():
        of_profile = Profile.model_fields[name]
        assert (field.annotation, field.default) == (of_profile.annotation, of_profile.default)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_changes_the_cells_that_it_is_about_and_no_other(choice: str) -> None:
    before = benchmarks.safety_cells(GPU)
    after = benchmarks.safety_cells(chosen(GPU, choice))
    changed = {new.name for old, new in zip(before, after, strict=True) if old != new}
    assert changed == CHANGED[choice]
    for cell in after:
        written = cell.model_dump(mode="json").get("reading", {})
        assert written == ({choice: CHOICES[choice]} if cell.name in changed else {})


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_changes_a_training_only_if_it_is_about_its_rows(choice: str) -> None:
    for profile in (GPU, AEGIS):
        (before,), (after,) = (
            arms.guards(p, None).values() for p in (profile, chosen(profile, choice))
        )
        moved = choice == "redacted" and profile is AEGIS
        assert (artifacts.key(before) != artifacts.key(after)) == moved


def test_in_the_embedded_world_only_the_response_beside_a_judged_prompt_is_open() -> None:
    keys: dict[str | None, list[str]] = {}
    for choice in (None, *CHOICES):
        profile = chosen(Profile(), choice) if choice else Profile()
        study = chapters.CHAPTERS["rq1_efficacy"](profile)
        values: list[Value] = [*study.recipes(), *study.generations()]
        keys[choice] = list(map(artifacts.key, values))
    moved = {choice for choice, found in keys.items() if found != keys[None]}
    assert moved == {"prompt_task_response"}


def test_defaults_are_no_part_of_a_value_s_json() -> None:
    cell = Cell(dataset="a/b", task="prompt")
    assert set(cell.model_dump(mode="json")) == {"dataset", "task", "split", "policy", "labels"}
    (recipe,) = arms.guards(AEGIS, None).values()
    assert not {"reading", "unlabelled_refusals"} & set(recipe.model_dump(mode="json"))
    kept = Cell(dataset="a/b", task="prompt", reading=Reading(redacted="keep"))
    assert Cell.model_validate_json(kept.model_dump_json()) == kept


# What each choice does


def load(name: str, split: str, task: Any, **choice: Any) -> list[Any]:
    """What generation asks about for a cell with that choice."""
    cell = Cell(
        dataset=name, task=task, split=split, policy="wildguardmix", reading=Reading(**choice)
    )
    return generation.examples(cell)


def test_redacted_rows_are_kept_for_cells_and_for_training(mirror: Path) -> None:
    found = hub_rows.aegis(), hub_rows.aegis(prompt="REDACTED")
    for split in ("train", "test"):
        hub_rows.write(mirror / aegis2.HUB_ID / f"{split}.jsonl", *found)
    assert len(load(aegis2.HUB_ID, "test", "prompt")) == 1
    assert len(load(aegis2.HUB_ID, "test", "prompt", redacted="keep")) == 2
    profile = Profile(**(AEGIS.model_dump() | {"n_train": None, "refusal_line": False}))
    for redacted, n in (("drop", 1), ("keep", 2)):
        changed = profile.model_copy(update={"redacted": redacted})
        (recipe,) = arms.guards(changed, None).values()
        assert len(data.subset(recipe)) == n


def test_toxic_chat_s_rows_without_a_person_s_mark_are_kept(mirror: Path) -> None:
    file = mirror / toxic_chat.HUB_ID / "toxicchat0124/test.jsonl"
    hub_rows.write(file, hub_rows.toxic_chat(), hub_rows.toxic_chat(human_annotation=False))
    assert len(load(toxic_chat.HUB_ID, "test", "prompt")) == 1
    assert len(load(toxic_chat.HUB_ID, "test", "prompt", toxic_chat_rows="all")) == 2


def test_jailbreakbench_s_goal_stands_in_for_its_prompt(mirror: Path) -> None:
    row = hub_rows.jailbreakbench()
    hub_rows.write(mirror / jailbreakbench.HUB_ID / "judge_comparison/test.jsonl", row)
    for column in ("prompt", "goal"):
        (one,) = load(jailbreakbench.HUB_ID, "test", "response", jailbreakbench_prompt=column)
        assert (one.prompt, one.response) == (row[column], row["target_response"])


def test_cosapien_s_requests_that_may_be_answered_in_part_change_sides(mirror: Path) -> None:
    film = f"{cosapien.HUB_ID}/film_production"
    row = hub_rows.cosapien(type="partial")
    hub_rows.write(mirror / cosapien.HUB_ID / "film_production.jsonl", row)
    for choice, harmful in (("harmful", True), ("unharmful", False)):
        (one,) = load(film, "film_production", "prompt", cosapien_partial=choice)
        assert one.prompt_harmful is harmful
    wanted = Reading(cosapien_partial="unharmful", redacted="keep")
    assert datasets.reading(film, "prompt", wanted) == Reading(cosapien_partial="unharmful")


@pytest.mark.parametrize("name", [wildguardmix.HUB_ID, aegis2.HUB_ID, "synthetic/meadow"])
def test_a_judged_prompt_is_shown_with_its_response_if_so_chosen(mirror: Path, name: str) -> None:
    hub_rows.write(mirror / wildguardmix.HUB_ID / "wildguardtest/test.jsonl", hub_rows.wildguard())
    hub_rows.write(mirror / aegis2.HUB_ID / "test.jsonl", hub_rows.aegis())
    bare = load(name, "test", "prompt")
    given = load(name, "test", "prompt", prompt_task_response="given")
    assert [one.response for one in bare] == [None] * len(given)
    assert [one.prompt_harmful for one in bare] == [one.prompt_harmful for one in given]
    answered = next(one for one in given if one.response is not None)
    assert answered.response in prompts.guard_prompt(answered, "reasoning", "paper")
    assert load(name, "test", "response") == load(
        name, "test", "response", prompt_task_response="given"
    )


def test_the_refusal_line_can_be_answered_by_none_where_no_refusals_are_labelled(
    mirror: Path,
) -> None:
    hub_rows.write(mirror / aegis2.HUB_ID / "train.jsonl", hub_rows.aegis())
    profile = Profile(
        **(
            AEGIS.model_dump()
            | {"n_train": None, "unlabelled_refusals": "none", "max_length": 20_000}
        )
    )
    (recipe,) = arms.guards(profile, None).values()
    assert recipe.unlabelled_refusals == "none"
    (lesson,) = data.lessons(recipe)
    tokenizer = tiny_guards.tokenizer()
    (taught,) = data.tokenise(recipe, tokenizer).input_ids
    assert tokenizer.decode(taught).endswith("Response refusal: None</s>")
    line = prompts.completion(lesson.example, None, unlabelled_refusals="none").splitlines()[-1]
    assert line == "Response refusal: None"
    with pytest.raises(prompts.MissingLabelError):
        prompts.completion(lesson.example, None)
    with pytest.raises(prompts.MissingLabelError):  # a verdict itself is never left open
        prompts.completion(
            lesson.example.model_copy(update={"response_harmful": None}),
            None,
            unlabelled_refusals="none",
        )
    answered = lesson.example.model_copy(update={"response_refusal": True})
    assert "Response refusal: refusal" in prompts.completion(
        answered, None, unlabelled_refusals="none"
    )
    (unasked,) = arms.guards(profile.model_copy(update={"refusal_line": False}), None).values()
    assert unasked.unlabelled_refusals == "drop"
