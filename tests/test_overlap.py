"""Overlap between training and test sets, and training without it."""

import random
from typing import Any

import hub_rows
import pytest

from reasoning_guards import artifacts, datasets
from reasoning_guards.chapters import arms, benchmarks
from reasoning_guards.datasets import aegis2, hub, overlap
from reasoning_guards.examples import Example, Policy, Turn
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Decontamination, Recipe
from reasoning_guards.training import data

NO_RULES = Policy(name="none", text="")
WORDS = [f"word{number}" for number in range(60)]


def example(name: str, prompt: str, *dialogue: str, **fields: Any) -> Example:
    turns = tuple(Turn(role="user", text=text) for text in dialogue)
    return Example(id=name, cluster=name, policy=NO_RULES, dialogue=turns, prompt=prompt, **fields)


def changed(count: int) -> str:
    """The words with so many of the last ones replaced: each costs a trigram, and two at first."""
    return " ".join([*WORDS[: len(WORDS) - count], *(f"other{i}" for i in range(count))])


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of trigrams, written another way."""
    a, b = ({tuple(t.split()[i : i + 3]) for i in range(len(t.split()) - 2)} for t in (one, other))
    return len(a & b) / len(a | b)


@pytest.mark.parametrize(
    "copy", ["  may I BORROW\nthe ladder", "May I “borrow” the ladder?!", "May I borrow the ladder"]
)
def test_case_space_and_punctuation_make_no_difference(copy: str) -> None:
    mine = [example("a", "May I borrow the ladder?"), example("b", "May I borrow the boat?")]
    assert overlap.find(mine, [example("c", copy)]) == {"a": "exact"}


def test_responses_make_no_difference_and_earlier_turns_do() -> None:
    mine = [
        example("answered", "For Monday.", response="Fine."),
        example("later", "For Monday.", "A ferry, please."),
    ]
    assert overlap.find(mine, [example("c", "For Monday.")]) == {"answered": "exact"}
    assert overlap.find(mine, [example("c", "For Monday.", "A ferry, please.")]) == {
        "later": "exact"
    }


def test_near_duplicates_are_those_above_the_threshold() -> None:
    text = " ".join(WORDS)
    variants = {f"{count}": changed(count) for count in range(0, 30)}
    expected = {
        name: "exact" if other == text else "near"
        for name, other in variants.items()
        if similarity(text, other) >= overlap.THRESHOLD
    }
    assert 2 < len(expected) < 15
    mine = [example(name, other) for name, other in variants.items()]
    assert overlap.find(mine, [example("c", text)]) == expected


def test_hashing_finds_what_a_full_comparison_finds() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=40)) for _ in range(60)]
    copies = [t.replace(rng.choice(t.split()), "altered", 1) for t in texts]
    mine = [example(str(number), text) for number, text in enumerate(copies)]
    expected = {
        str(number)
        for number, text in enumerate(copies)
        if any(similarity(text, other) >= overlap.THRESHOLD for other in texts)
    }
    assert len(expected) > 40
    assert set(overlap.find(mine, [example("c", text) for text in texts])) == expected


def test_short_and_empty_texts_are_compared_whole() -> None:
    mine = [example("a", "Hello."), example("b", "Hello there."), example("c", "?")]
    assert overlap.find(mine, [example("d", "hello there")]) == {"b": "exact"}


def test_the_table_counts_a_benchmark_s_examples_once_by_kind() -> None:
    text = " ".join(WORDS)
    benchmark = [example("a", text), example("b", changed(1)), example("c", "Something else.")]
    training = [example("d", text), example("e", text), example("f", "Something else!")]
    table = overlap.table({"one": training, "none": []}, {"bench": benchmark})
    assert table.loc[("one", "bench")].to_dict() == {"Examples": 3, "Exact": 2, "Near": 1}
    assert table.loc[("none", "bench")].to_dict() == {"Examples": 3, "Exact": 0, "Near": 0}


def test_each_benchmark_s_overlap_is_its_own() -> None:
    text = " ".join(WORDS)
    copied = [example("a", text), example("b", "The boat is mine.")]
    fresh = [example("c", "A ladder."), example("d", changed(1)), example("e", "No.")]
    table = overlap.table({"one": [example("f", text)]}, {"copied": copied, "fresh": fresh})
    assert table.loc[("one", "copied")].tolist() == [2, 1, 0]
    assert table.loc[("one", "fresh")].tolist() == [3, 0, 1]


def test_the_embedded_test_sets_repeat_no_training_prompt() -> None:
    learnt = datasets.load("synthetic/meadow", "train", None)
    tested = datasets.load("synthetic/brook", "test", "prompt")
    assert "exact" not in overlap.find(tested, learnt).values()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Aegis 2.0 with a test prompt among the training ones, and a near copy of it."""
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    prompts = [" ".join(WORDS), changed(1), "Something else.", "Something more."]
    hub_rows.write(
        tmp_path / aegis2.HUB_ID / "train.jsonl", *(hub_rows.aegis(prompt=p) for p in prompts)
    )
    hub_rows.write(tmp_path / aegis2.HUB_ID / "test.jsonl", hub_rows.aegis(prompt=prompts[0]))


def recipe(**fields: Any) -> Recipe:
    profile = Profile(world="hub", train_set=aegis2.HUB_ID, n_train=None, refusal_line=False)
    return arms.guards(profile, None)[0].model_copy(update=fields)


CELL = Cell(dataset=aegis2.HUB_ID, task="prompt", policy="wildguardmix")


@pytest.mark.usefixtures("mirror")
def test_what_overlaps_is_left_out_before_the_subset_is_drawn() -> None:
    for near, left in ((False, 3), (True, 2)):
        clean = recipe(decontamination=Decontamination(cells=(CELL,), near=near))
        assert len(data.subset(clean)) == left
        assert len(data.subset(clean.model_copy(update={"n_train": left}))) == left
        with pytest.raises(data.TooFewExamplesError):
            data.subset(clean.model_copy(update={"n_train": left + 1}))
    assert len(data.subset(recipe())) == 4


def test_the_profile_says_what_becomes_of_overlap() -> None:
    def decontamination(choice: str) -> Decontamination | None:
        return arms.guards(Profile(overlapping=choice), None)[0].decontamination

    cells = benchmarks.safety_cells(Profile()) + benchmarks.custom_cells(Profile())
    assert decontamination("keep") is None
    assert decontamination("drop_exact") == Decontamination(cells=cells)
    assert decontamination("drop_near") == Decontamination(cells=cells, near=True)


def test_a_recipe_without_later_options_has_the_key_it_always_had() -> None:
    plain = recipe()
    assert not set(plain.model_dump()) & {"decontamination"}
    assert artifacts.key(plain) != artifacts.key(
        recipe(decontamination=Decontamination(cells=(CELL,)))
    )


@pytest.mark.parametrize("fields", [{}, {"decontamination": Decontamination(cells=(CELL,))}])
def test_a_recipe_survives_its_json(fields: dict[str, Any]) -> None:
    before = recipe(**fields)
    assert Recipe.model_validate_json(before.model_dump_json()) == before
