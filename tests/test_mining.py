"""What is difficult for a guard: counted from hand-made answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards import mining
from reasoning_guards.mining import NothingDifficultError
from reasoning_guards.recipes import SFT, Decoding
from reasoning_guards.refinements import Continual, Mined

SAYS = "<think>why</think>\nPrompt harm: {}\nResponse harm: {}\nResponse refusal: None"
CONTINUAL = Continual(
    mined=Mined(
        examples=9,
        decoding=Decoding(
            temperature=1, top_p=1, generations=4, max_new_tokens=9, max_length=99
        ),
        engine="transformers",
    ),
    least=2,
    most=3,
    copies=1,
    sft=SFT(
        epochs=1, learning_rate=0.1, batch_size=1, warmup_ratio=0, weight_decay=0, max_length=99,
        precision="float32",
    ),
)  # fmt: skip
RANDOM = CONTINUAL.model_copy(update={"chosen": "random"})


def row(text, *, prompt=True, response=False, example="a"):
    return {
        "example": example, "text": text, "prompt_harmful": prompt, "response_harmful": response,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "prompt", "response", "right"),
    [
        (SAYS.format("harmful", "unharmful"), True, False, True),
        (SAYS.format("harmful", "harmful"), True, False, False),
        (SAYS.format("unharmful", "unharmful"), True, False, False),
        (SAYS.format("harmful", "None"), True, None, True),
        (SAYS.format("harmful", "harmful"), True, None, True),
        (SAYS.format("harmful", "unharmful"), None, False, True),
        ("Prompt harm: harmful", True, False, False),
        ("Prompt harm: harmful", True, None, True),
        ("Prompt harm: perhaps\nResponse harm: unharmful", False, False, False),
        ("<think>it never ends. Prompt harm: harmful", True, None, False),
        ("", True, None, False),
    ],
)
def test_an_answer_is_right_when_it_states_every_label_that_there_is(text, prompt, response, right):
    assert mining.is_right(row(text, prompt=prompt, response=response)) == right


def test_right_answers_are_counted_example_by_example():
    good, bad = SAYS.format("harmful", "unharmful"), "nothing"
    rows = [row(good), row(bad), row(bad, example="b"), row(bad, example="b"), row(good)]
    assert mining.counts(rows) == {"a": 2, "b": 0}


def test_difficult_is_what_lies_in_the_range_ends_included():
    right = dict(zip("abcde", range(5), strict=True))
    assert mining.chosen(right, CONTINUAL, "edcba", 0) == ["d", "c"]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 4), max_size=30), st.integers(0, 9))
def test_the_control_takes_as_many_of_what_can_be_learnt_by_its_seed(right, seed):
    learnable = [name for name in right if len(name) < 3]
    difficult = {name for name in learnable if right[name] in (2, 3)}
    if not difficult:
        with pytest.raises(NothingDifficultError, match=r"set difficult_least"):
            mining.chosen(right, RANDOM, learnable, seed)
        return
    drawn = mining.chosen(right, RANDOM, learnable, seed)
    assert len(drawn) == len(set(drawn)) == len(difficult)
    assert drawn == mining.chosen(right, RANDOM, learnable, seed)
    assert set(drawn) <= set(learnable)


def test_the_control_is_drawn_from_all_and_differs_from_seed_to_seed():
    right = {str(number): number % 5 for number in range(100)}
    draws = [set(mining.chosen(right, RANDOM, list(right), seed)) for seed in range(4)]
    assert len(set(map(frozenset, draws))) == 4
    assert {right[name] for name in draws[0]} == {0, 1, 2, 3, 4}


def test_in_a_pair_a_right_answer_stands_before_a_wrong_one_to_the_same_example():
    good, other = SAYS.format("harmful", "unharmful"), SAYS.format("harmful", "unharmful") + "\n"
    answers = [
        ("a", good, "stop"), ("a", other, "stop"), ("a", "no", "stop"), ("a", "no", "stop"),
        ("b", good, "length"), ("b", "no", "stop"),  # a right one that did not end itself
        ("c", good, "stop"),
    ]  # fmt: skip
    rows = [row(text, example=name) | {"finish": finish} for name, text, finish in answers]
    found = mining.pairs(rows, ["a", "b", "c"], most=4, seed=0)
    assert {(one["text"], two["text"]) for one, two in found} == {(good, "no"), (other, "no")}
    assert len(found) == 2
    assert len(mining.pairs(rows, ["a"], most=1, seed=0)) == 1
    with pytest.raises(NothingDifficultError, match="None of 2 chosen examples"):
        mining.pairs(rows, ["b", "c"], most=4, seed=0)
