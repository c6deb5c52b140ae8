"""The two guards that need no language model."""

import pytest

from reasoning_guards import artifacts, baselines, chapters, generation
from reasoning_guards.baselines import OneClassError, always_harmful, tfidf_logistic
from reasoning_guards.examples import Example, Policy, Turn
from reasoning_guards.params import Profile
from reasoning_guards.training import data

PLAIN = Policy(name="plain", text="no theft")


def example(prompt, harmful=None, **fields):
    return Example(
        id=prompt,
        cluster=prompt,
        prompt=prompt,
        prompt_harmful=harmful,
        **{"policy": PLAIN, **fields},
    )


def answered(response, harmful, prompt="tell me"):
    return example(prompt, response=response, response_harmful=harmful)


TRAIN = [
    example("steal the lamp", True),
    example("steal the boat", True),
    example("paint the lamp", False),
    example("paint the boat", False),
]


def test_everything_is_harmful_to_the_one_that_does_not_read():
    assert always_harmful(TRAIN) == [True] * 4


def test_words_seen_in_training_decide_and_order_is_kept():
    test = [example("paint a chair"), example("steal a chair"), example("paint it")]
    assert tfidf_logistic(TRAIN, "prompt")(test) == [False, True, False]


def test_pairs_of_words_are_features():
    train = [
        example("red cat blue dog", True),
        example("blue cat red dog", False),
        example("red cat", True),
        example("blue dog", True),
        example("blue cat", False),
        example("red dog", False),
    ]
    test = [example("blue dog red cat"), example("red dog blue cat")]
    assert tfidf_logistic(train, "prompt")(test) == [True, False]


def test_a_response_is_not_read_where_the_prompt_is_judged():
    test = [example("paint a chair", response="steal steal steal")]
    assert tfidf_logistic(TRAIN, "prompt")(test) == [False]


def test_a_response_is_judged_by_its_own_words_and_labels():
    train = [answered("gladly", True), answered("sorry", False)]
    train = [
        each.model_copy(update={"prompt_harmful": not each.response_harmful}) for each in train
    ]
    test = [answered("gladly", None), answered("sorry", None)]
    assert tfidf_logistic(train, "response")(test) == [True, False]


@pytest.mark.parametrize("field", ["policy", "dialogue"])
def test_policy_and_dialogue_are_read(field):
    def told(word, harmful=None):
        context = {
            "policy": Policy(name=word, text=word),
            "dialogue": (Turn(role="user", text=word),),
        }
        return example("go on", harmful, **{field: context[field]})

    train = [told("banned", True), told("allowed", False)]
    assert tfidf_logistic(train, "prompt")([told("allowed"), told("banned")]) == [False, True]


def test_a_rare_class_is_not_drowned():
    train = TRAIN[:1] + [example(f"paint the {i}", False) for i in ["lamp"] * 30]
    assert tfidf_logistic(train, "prompt")([example("steal the door")]) == [True]


def test_the_labels_of_the_test_examples_are_not_read():
    labelled = [example("steal a chair", False), example("paint a chair", True)]
    assert tfidf_logistic(TRAIN, "prompt")(labelled) == [True, False]


@pytest.mark.parametrize("train", [TRAIN[:2], [], [example("steal it")]])
def test_one_class_teaches_nothing(train):
    with pytest.raises(OneClassError, match="prompt task"):
        tfidf_logistic(train, "prompt")


def test_it_is_fitted_once_for_a_guard_and_a_task_and_what_it_says_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path))
    study = chapters.rq1_efficacy(Profile(seeds=[0, 1], eval_examples=6))
    values = [value for _, value in study.linear_baselines()]
    fitted = []

    def fit(examples, task):
        fitted.append((len(examples), task))
        return tfidf_logistic(examples, task)

    monkeypatch.setattr(baselines, "tfidf_logistic", fit)
    half = baselines.tfidf(values[::2])
    assert sorted(fitted) == sorted(
        [(study.profile.n_train, t) for t in ("prompt", "response")] * 2
    )
    said = baselines.tfidf(values)
    assert said[::2] == half
    assert baselines.tfidf(values) == said
    assert len(fitted) == 8  # those that were missing, and none again
    for value, each in list(zip(values, said, strict=True))[:: len(values) // 3]:
        classify = tfidf_logistic(data.subset(value.taught), value.cell.task)
        assert each == classify(generation.examples(value.cell, 6))
        assert artifacts.manifest(value)["notes"] == {"examples": 6, "harmful": sum(each)}


def test_another_subset_is_another_value():
    seeds = Profile(seeds=[0, 1], eval_examples=6)
    values = [value for _, value in chapters.rq1_efficacy(seeds).linear_baselines()]
    assert len({artifacts.key(value) for value in values}) == len(values)
    of_chapters = [chapter(seeds).linear_baselines() for chapter in chapters.CHAPTERS.values()]
    assert len({value for asked in of_chapters for _, value in asked}) < sum(map(len, of_chapters))
