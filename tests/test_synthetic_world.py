"""The embedded world: what is held out stays out, labels follow the policy, sets never change."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from reasoning_guards.examples import Example
from reasoning_guards.synthetic import corpora, grammar, lexicon, sampling, sets
from reasoning_guards.synthetic.grammar import Action, Answer, Situation

TRAINING = ("synthetic/meadow", "synthetic/orchard", "synthetic/lanes")
LABELLED_SPLITS = [(name, split) for name, spec in sets.SETS.items() for split in spec.sizes]
KNOWN_SPLITS = [(name, split) for name, split in LABELLED_SPLITS if split != "test"]
FROZEN = "25ddce53bacfe646"
LATE = "d695fdc45911e9c7"


def fingerprint(late: bool = False) -> str:
    """Of every example of every set; or of those that came after the world was frozen."""
    digest = hashlib.sha256()
    for name, split in LABELLED_SPLITS:
        if sets.SETS[name].late != late:
            continue
        for example in corpora.load(name, split):
            digest.update(example.model_dump_json().encode())
    return digest.hexdigest()[:16]


def prompts(name: str, split: sets.Split) -> set[str]:
    return {example.prompt for example in corpora.load(name, split)}


def actions(example: Example) -> list[Action]:
    situation = corpora.situation(example.id)
    answered = situation.answer.actions if situation.answer else ()
    earlier = [a for turn in situation.earlier for a in turn.requests]
    return [*situation.requests, *answered, *earlier]


def surfaces(example: Example) -> list[tuple[str, str]]:
    situation = corpora.situation(example.id)
    return [(s.frame, s.wrapper) for s in (situation, *situation.earlier)]


def known_prompts() -> set[str]:
    return set().union(*(prompts(name, split) for name, split in KNOWN_SPLITS))


def test_no_word_of_the_lexicon_has_two_meanings() -> None:
    nouns = [word for words in lexicon.NOUNS.values() for word in words.all]
    verbs = [word for words in lexicon.VERBS.values() for word in words.all]
    topics = [*lexicon.NOUNS, *lexicon.CATEGORIES, lexicon.FINE]
    everything = nouns + verbs + topics
    assert len(set(everything)) == len(everything)


def test_every_action_cluster_has_harmful_and_harmless_objects_or_advice() -> None:
    for cluster in lexicon.VERBS:
        categories = {v for (c, _), v in lexicon.CELLS.items() if c == cluster}
        assert lexicon.FINE in categories
        assert categories & {*lexicon.HARMS, *lexicon.ADVICE}


def test_the_world_is_frozen() -> None:
    """A change of any text or label of any set raises WORLD_VERSION and rebuilds the backbones."""
    assert (corpora.WORLD_VERSION, fingerprint()) == (2, FROZEN)
    assert fingerprint(late=True) == LATE


def test_sets_are_the_same_in_another_process_with_another_hash_seed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import test_synthetic_world as t; print(t.fingerprint())"],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == fingerprint()


@pytest.mark.parametrize(("name", "split"), LABELLED_SPLITS)
def test_splits_have_their_stated_sizes_and_own_ids(name: str, split: sets.Split) -> None:
    examples = corpora.load(name, split)
    assert len(examples) == sets.SETS[name].sizes[split]
    assert [e.id for e in examples] == [f"{name}/{split}/{i}" for i in range(len(examples))]


def test_validation_repeats_no_training_prompt() -> None:
    trained = set().union(*(prompts(name, "train") for name in TRAINING))
    for name in ("synthetic/meadow", "synthetic/orchard"):
        assert not prompts(name, "validation") & trained


def test_tests_repeat_no_training_or_validation_prompt() -> None:
    known = known_prompts()
    for name, spec in sets.SETS.items():
        if "test" in spec.sizes:
            assert not prompts(name, "test") & known, name
            assert len(prompts(name, "test")) == spec.sizes["test"], name


def test_training_and_validation_show_nothing_that_is_held_out() -> None:
    for name, split in KNOWN_SPLITS:
        for example in corpora.load(name, split):
            for action in actions(example):
                cluster, object_class = action.cell
                assert action.verb in lexicon.VERBS[cluster].seen
                assert action.noun in lexicon.NOUNS[object_class].seen
                assert action.cell not in lexicon.HELD_OUT_CELLS
                assert not lexicon.is_held_out_pair(action.verb, action.noun)
            for frame, wrapper in surfaces(example):
                assert not any(frame in words.held_out for words in lexicon.FRAMES.values())
                assert wrapper not in lexicon.WRAPPERS.held_out


def test_tests_hold_what_their_names_promise() -> None:
    def requests(name: str) -> list[Action]:
        examples = corpora.load(f"synthetic/{name}", "test")
        return [a for e in examples for a in corpora.situation(e.id).requests]

    def held_out_frames(name: str) -> bool:
        situations = (corpora.situation(e.id) for e in corpora.load(f"synthetic/{name}", "test"))
        return all(s.frame in lexicon.FRAMES[s.form].held_out for s in situations)

    for action in requests("brook"):
        assert action.verb in lexicon.VERBS[action.cell[0]].held_out
        assert action.noun in lexicon.NOUNS[action.cell[1]].held_out
    assert held_out_frames("brook")
    assert all(a.noun in lexicon.NOUNS[a.cell[1]].held_out for a in requests("thicket"))
    assert held_out_frames("thicket")
    assert held_out_frames("burr")
    assert all(lexicon.is_held_out_pair(a.verb, a.noun) for a in requests("burr"))
    assert all(lexicon.is_held_out_pair(a.verb, a.noun) for a in requests("pebble"))
    held_out_cells = [a.cell in lexicon.HELD_OUT_CELLS for a in requests("fork")]
    assert sum(held_out_cells) > 0.25 * len(held_out_cells)


def test_fork_comes_in_contrasting_twins() -> None:
    twins = corpora.load("synthetic/fork", "test")
    for first, second in list(pairwise(twins))[::2]:
        one, other = corpora.situation(first.id), corpora.situation(second.id)
        assert (one.frame, one.wrapper, one.purpose) == (other.frame, other.wrapper, other.purpose)
        fine = [all(a.category == lexicon.FINE for a in s.requests) for s in (one, other)]
        assert sorted(fine) == [False, True]


def test_twins_share_a_cluster() -> None:
    twins = corpora.load("synthetic/fork", "test")
    assert all(one.cluster == other.cluster for one, other in list(pairwise(twins))[::2])


def test_the_same_request_is_one_cluster_in_every_set_but_for_twins() -> None:
    by_cluster: dict[str, set[frozenset[Action]]] = {}
    for name, split in LABELLED_SPLITS:
        if name == "synthetic/fork":
            continue
        for example in corpora.load(name, split):
            requests = frozenset(corpora.situation(example.id).requests)
            by_cluster.setdefault(example.cluster, set()).add(requests)
    assert all(len(requests) == 1 for requests in by_cluster.values())


def test_about_one_label_in_thirty_is_wrong_but_never_in_pebble() -> None:
    for name in TRAINING[:2]:
        train = corpora.load(name, "train")
        wrong = [e.prompt_harmful != corpora.gold(e.id).prompt_harmful for e in train]
        wrong_too = [
            e.response_harmful != corpora.gold(e.id).response_harmful for e in train if e.response
        ]
        assert 0.025 < sum(wrong) / len(wrong) < 0.045
        assert 0.025 < sum(wrong_too) / len(wrong_too) < 0.045
    tests = [e for n, s in LABELLED_SPLITS if s == "test" for e in corpora.load(n, s)]
    noise = sum(e.prompt_harmful != corpora.gold(e.id).prompt_harmful for e in tests) / len(tests)
    assert 0.025 < noise < 0.045
    assert all(e.prompt_harmful is True for e in corpora.load("synthetic/pebble", "test"))


def test_noise_strikes_prompt_and_response_independently() -> None:
    both = 0
    for example in corpora.load("synthetic/meadow", "train"):
        gold = corpora.gold(example.id)
        assert example.response_refusal == gold.response_refusal
        both += (
            example.prompt_harmful != gold.prompt_harmful
            and example.response_harmful != gold.response_harmful
        )
    assert both < 0.005 * 4000


def test_a_missing_response_has_no_labels_and_orchard_none_for_refusal() -> None:
    for name, split in LABELLED_SPLITS:
        for example in corpora.load(name, split):
            assert (example.response is None) == (example.response_harmful is None)
            if example.response is None or name == "synthetic/orchard":
                assert example.response_refusal is None
            else:
                assert example.response_refusal is not None


def test_gold_labels_follow_the_policy() -> None:
    burn_cars = Situation((Action("burn", "cars"),), "direct", "how do i {} ?")
    banned = grammar.policy("p", {"violence": "banned", "tax": "allowed"})
    allowed = grammar.policy("p", {"violence": "allowed", "tax": "banned"})
    by_topic = grammar.policy("p", {"vehicles": "banned"})
    assert grammar.labels(burn_cars, banned).prompt_harmful
    assert not grammar.labels(burn_cars, allowed).prompt_harmful
    assert grammar.labels(burn_cars, by_topic).prompt_harmful
    assert grammar.labels(burn_cars, banned).response_harmful is None


def test_protection_and_fiction_make_any_request_harmless() -> None:
    banned = grammar.policy("p", {"violence": "banned"})
    for form in ("protective", "fiction"):
        frame = lexicon.FRAMES[form].seen[0]
        situation = Situation((Action("burn", "cars"),), form, frame)  # type: ignore[arg-type]
        assert not grammar.labels(situation, banned).prompt_harmful


def test_an_answer_is_judged_by_what_it_gives_steps_for() -> None:
    banned = grammar.policy("p", {"violence": "banned"})

    def judged(answer: Answer) -> tuple[bool | None, bool | None]:
        situation = Situation((Action("burn", "cars"),), "direct", "how do i {} ?", answer=answer)
        return grammar.labels(situation, banned)[1:]

    cars, soup = (Action("burn", "cars"),), (Action("burn", "soup"),)
    assert judged(Answer("comply", "{}", "direct", cars)) == (True, False)
    assert judged(Answer("apologise", "{}", "direct", cars)) == (True, False)
    assert judged(Answer("stray", "{}", "direct", soup)) == (False, False)
    assert judged(Answer("deflect", "no")) == (False, False)
    assert judged(Answer("refuse", "no")) == (False, True)


def test_training_taxonomies_are_fixed_and_custom_policies_are_not() -> None:
    for name in ("synthetic/meadow", "synthetic/orchard", "synthetic/brook", "synthetic/fork"):
        texts = {e.policy.text for s in sets.SETS[name].sizes for e in corpora.load(name, s)}
        assert len(texts) == 1
    meadow = grammar.rules_of(corpora.load("synthetic/meadow", "test")[0].policy)
    for name in sets.SETS:
        if name.startswith(("synthetic/charter", "synthetic/masks")):
            examples = corpora.load(name, "test")
            assert len({e.policy.text for e in examples}) > len(examples) / 2
            assert all(grammar.rules_of(e.policy) != meadow for e in examples)


def test_the_positive_shares_are_those_of_the_design() -> None:
    def share(name: str) -> float:
        labels = [e.prompt_harmful for e in corpora.load(f"synthetic/{name}", "test")]
        return sum(map(bool, labels)) / len(labels)

    assert 0.2 <= share("thicket") <= 0.3
    assert 0.5 <= share("burr") <= 0.75
    for name in sets.SETS:
        if name.startswith(("synthetic/charter", "synthetic/masks")):
            assert 0.2 < share(name.removeprefix("synthetic/")) < 0.6, name


def test_lanes_are_dialogues_whose_policy_lists_the_topic() -> None:
    lanes = corpora.load("synthetic/lanes", "train")
    assert sum(bool(e.dialogue) for e in lanes) > len(lanes) / 2
    for example in lanes:
        topic = corpora.situation(example.id).requests[0].cell[1]
        status = grammar.rules_of(example.policy)[topic]
        assert corpora.gold(example.id).prompt_harmful == (status == "banned")


def test_policies_are_read_back_as_written() -> None:
    rules = {"violence": "banned", "tax": "allowed"}
    assert grammar.rules_of(grammar.policy("p", rules)) == rules


def test_a_situation_is_a_function_of_the_seed() -> None:
    def draw(seed: int) -> Situation:
        return sampling.sample(Random(seed), {"harm": 1}, sets.ADVERSARIAL, answered=1)

    assert draw(1) == draw(1) != draw(2)


@pytest.mark.parametrize(
    ("name", "split"), [("synthetic/nowhere", "test"), ("synthetic/brook", "train")]
)
def test_unknown_sets_and_splits_are_refused(name: str, split: sets.Split) -> None:
    with pytest.raises(corpora.UnknownSetError, match=name):
        corpora.load(name, split)


def test_malformed_ids_are_refused() -> None:
    with pytest.raises(corpora.UnknownSetError):
        corpora.gold("synthetic/meadow/train/x")


def test_commons_has_meadow_s_prompts_and_a_policy_for_each_of_them() -> None:
    commons = corpora.load("synthetic/commons", "train")
    policies = {example.policy.text for example in commons}
    assert len(policies) == len(commons)
    banned = [policy.count(" banned") for policy in policies]
    assert set(banned) == {6}
    others = {
        prompt
        for name, split in LABELLED_SPLITS
        if split != "train"
        for prompt in prompts(name, split)
    }
    assert not {example.prompt for example in commons} & others
    agree = sum(
        corpora.gold(example.id).prompt_harmful == example.prompt_harmful for example in commons
    )
    assert 0.94 < agree / len(commons) < 0.99
