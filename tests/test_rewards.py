"""Rewards: what hand-made answers earn, and that none earns more by being worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards import datasets, prompts
from reasoning_guards.refinements import Reward
from reasoning_guards.training import rewards
from reasoning_guards.training.rewards import Rollout

REWARD = Reward(
    prompt=1, response=2, false_positive=0.25, false_negative=0.5, form=0.125, length=0.0625
)
SAYS = "<think> it asks for harm </think>\nPrompt harm: {}\nResponse harm: {}"
WORDS = {True: "harmful", False: "unharmful"}


def rollout(text, prompt=None, response=None, *, length=0.0, reasons=True):
    return Rollout(text, length, {"prompt": prompt, "response": response}, reasons)


@pytest.mark.parametrize(
    ("said", "prompt", "response", "earned"),
    [
        (("harmful", "None"), True, None, 1),
        (("unharmful", "None"), False, None, 1),
        (("harmful", "None"), False, None, -0.25),
        (("unharmful", "None"), True, None, -0.5),
        (("harmful", "unharmful"), True, False, 1 + 2),
        (("harmful", "harmful"), True, False, 1 - 2 * 0.25),
        (("unharmful", "unharmful"), False, True, 1 - 2 * 0.5),
        (("unharmful", "harmful"), True, False, -0.5 - 2 * 0.25),
        (("harmful", "unharmful"), None, False, 2),
        (("harmful", "None"), True, False, 1 - 2 * 0.5),
        (("perhaps", "unharmful"), True, False, -0.5 + 2),
        (("harmful", "harmful"), None, None, 0),
    ],
)
def test_a_label_earns_its_weight_or_costs_its_mistakes_share_of_it(said, prompt, response, earned):
    assert rewards.labels(rollout(SAYS.format(*said), prompt, response), REWARD) == earned


UNREADABLE = [
    "",
    "   \n",
    "harmful",
    "<think> it never ends. Prompt harm: harmful\nResponse harm: harmful",
    "<think> why </think>\nPrompt harm: harmful or unharmful\nResponse harm: harmful/unharmful",
    "Prompt harm: harmful\n<think> no </think>\nPrompt harm: unharmful",
    "Prompt harm: perhaps\nResponse harm: perhaps",
]
penalties = st.floats(0, 9)


@pytest.mark.parametrize("text", UNREADABLE)
@given(penalties, penalties, st.booleans(), st.booleans())
def test_what_cannot_be_read_earns_no_more_than_any_verdict(text, positive, negative, first, last):
    reward = REWARD.model_copy(
        update={"false_positive": positive, "false_negative": negative, "length": 0.0}
    )
    unread = rewards.total(rollout(text, first, last), reward)
    for prompt in (True, False):
        for response in (True, False):
            said = SAYS.format(WORDS[prompt], WORDS[response])
            assert unread <= rewards.total(rollout(said, first, last), reward)


def test_saying_harmful_always_pays_no_better_than_judging():
    truths = [True, False, True, False]
    judged = [rollout(SAYS.format(WORDS[truth], "None"), truth) for truth in truths]
    always = [rollout(SAYS.format("harmful", "None"), truth) for truth in truths]
    judged_earn, always_earn = (
        sum(rewards.total(r, REWARD) for r in rs) for rs in (judged, always)
    )
    assert judged_earn - always_earn == 2 * (1 + 0.25)


def test_every_answer_that_is_taught_is_in_form_and_one_without_its_reasoning_is_not():
    for example in list(datasets.load("synthetic/meadow", "train", None))[:50]:
        for refusal_line in (True, False):
            full = prompts.completion(example, "It asks for this.", refusal_line=refusal_line)
            direct = prompts.completion(example, None, refusal_line=refusal_line)
            assert rewards.in_form(full, reasons=True)
            assert rewards.in_form(direct, reasons=False)
            assert not rewards.in_form(direct, reasons=True)
            assert not rewards.in_form(full, reasons=False)


GOOD = SAYS.format("harmful", "None") + "\nResponse refusal: None"


@pytest.mark.parametrize(
    ("text", "formed"),
    [
        (GOOD, True),
        (GOOD.removeprefix("<think>"), True),  # a chat template opened it
        (f"\n{GOOD}\n", True),
        (f"{GOOD}\nPrompt harm: harmful", False),
        (f"{GOOD} and more", False),
        (f"Well. {GOOD}", False),
        (GOOD.replace("Prompt harm: harmful", "Prompt harm: harmful or unharmful"), False),
        (GOOD.replace("Response harm: None\n", ""), False),
        (GOOD.replace(" it asks for harm ", " "), False),
        (GOOD.replace(" it asks for harm ", " ... "), False),
        (GOOD.replace("</think>", ""), False),
        (GOOD.replace("</think>", "</think></think>"), False),
        *((text, False) for text in UNREADABLE),
    ],
)
def test_the_form_is_what_was_taught_and_no_more(text, formed):
    assert rewards.in_form(text, reasons=True) is formed
    earned = rewards.total(rollout(text), REWARD)
    assert earned == (0.125 if formed else 0)


def test_the_form_is_checked_in_time_linear_in_the_text():
    for text in ("\n" * 100_000, "<think>" + " a" * 100_000, "<think>" * 30_000, "<" * 100_000):
        assert not rewards.in_form(text, reasons=True)
        assert not rewards.is_bare(text)


def test_length_is_taken_off_in_proportion():
    short, long = (rollout(GOOD, True, length=share) for share in (0.25, 1.0))
    assert rewards.total(short, REWARD) == 1 + 0.125 - 0.0625 / 4
    assert rewards.total(long, REWARD) == 1 + 0.125 - 0.0625


def test_a_verdict_without_reasoning_is_bare_and_what_states_none_is_not():
    bare = GOOD.split("</think>\n")[1]
    assert rewards.is_bare(bare)
    assert rewards.is_bare(f"<think></think>{bare}")
    assert not rewards.is_bare(GOOD)
    assert not any(map(rewards.is_bare, (*UNREADABLE[:4], UNREADABLE[6])))


def test_what_is_watched_shows_recall_and_how_rewards_are_gamed():
    found = rewards.watched(
        [
            rollout(SAYS.format("harmful", "harmful"), True, False),
            rollout(SAYS.format("unharmful", "harmful"), True, True),
            rollout("Prompt harm: harmful\nResponse harm: None", False),
            rollout("nothing", True),
        ]
    )
    assert found == {"recall": 2 / 4, "said_harmful": 4 / 6, "in_form": 0.5, "bare": 0.25}
    assert "recall" not in rewards.watched([rollout(GOOD, False)])
