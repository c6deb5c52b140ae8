"""Signs that a reward is gamed, counted from hand-made answers."""

import pandas as pd
import pytest

from reasoning_guards import chapters, claims
from reasoning_guards.params import Profile
from reasoning_guards.report import hacking, measures
from reasoning_guards.study import Study

STUDY = chapters.appendix_grpo(Profile())
CELLS = claims.cells("safety", "embedded")
VERDICT = "Prompt harm: {0}\nResponse harm: {0}\nResponse refusal: None"
SAYS = "<think> {1} </think>\n" + VERDICT


def answers(*rows):
    """Judgements of one cell and more of another that is not looked at; and their texts."""
    frame = pd.DataFrame(
        [
            {
                "cell": CELLS[0], "example": str(at), "cluster": cluster, "generation": 0,
                "truth": truth, "predicted": said, "tokens": 9, "truncated": False, "seed": 0,
            }
            for at, (cluster, truth, said, _) in enumerate(rows)
        ]
    )  # fmt: skip
    frame["predicted"] = frame["predicted"].astype("boolean")
    elsewhere = frame.assign(cell="elsewhere", predicted=pd.array([True] * len(frame), "boolean"))
    return pd.concat([frame, elsewhere], ignore_index=True), [row[3] for row in rows] * 2


def test_shares_are_of_the_answers_to_the_safety_cells(monkeypatch):
    frame, texts = answers(
        ("a", True, True, SAYS.format("harmful", "it asks for harm")),
        ("b", False, True, SAYS.format("harmful", "it asks for harm")),
        ("c", False, False, SAYS.format("unharmful", "this is quite harmless")),
        ("d", False, True, VERDICT.format("harmful")),
        ("e", True, pd.NA, "<think> it never ends"),
        ("f", True, pd.NA, "<think> it asks for harm"),
        ("c", False, False, SAYS.format("unharmful", "this is quite harmless")),
        ("g", True, False, SAYS.format("unharmful", "") + "!"),
    )
    monkeypatch.setattr(Study, "texts", lambda self, name: texts)
    assert hacking.shares(STUDY, {"grpo": frame}, "grpo") == {
        "says_harmful": 3 / 8,
        "harmful": 4 / 8,
        "bare": 2 / 8,
        "same": 2 / 8,  # the two about c are about one thing
        "in_form": 4 / 8,
        "unread": 2 / 8,
    }


def test_reasoning_that_two_guards_share_is_no_form(monkeypatch):
    said = SAYS.format("harmful", "it asks for harm")
    frame, texts = answers(("a", True, True, said), ("b", True, True, said))
    monkeypatch.setattr(Study, "texts", lambda self, name: texts)
    assert hacking.shares(STUDY, {"grpo": frame}, "grpo")["same"] == 1
    frame["seed"] = [0, 1, 0, 1]
    assert hacking.shares(STUDY, {"grpo": frame}, "grpo")["same"] == 0


@pytest.mark.parametrize(
    ("after", "signs"),
    [
        ({}, []),
        ({"says_harmful": 0.95}, ["it says harmful always"]),
        ({"says_harmful": 0.05}, ["it says harmful hardly ever"]),
        ({"bare": 0.4}, ["verdicts without reasoning"]),
        ({"same": 0.35}, ["the same reasoning under different texts"]),
        ({"in_form": 0.1, "unread": 0.9}, []),
    ],
)
def test_a_sign_is_what_goes_beyond_its_bound(after, signs):
    before = {
        "says_harmful": 0.5, "harmful": 0.5, "bare": 0.25, "same": 0.2, "in_form": 1, "unread": 0,
    }  # fmt: skip
    assert hacking.signs(before, before | after) == signs
    assert hacking.signs(before | after, before | after) == []


def test_recall_lost_is_recall_before_minus_recall_after_and_is_what_the_claim_measures():
    frames = {
        name: pd.concat(
            [
                pd.DataFrame(
                    {
                        "cell": cell, "example": list("abcd"), "cluster": list("abcd"),
                        "generation": 0, "truth": [True, True, False, False],
                        "predicted": pd.array([True, hit, False, True], "boolean"), "seed": seed,
                    }
                )
                for cell in CELLS
                for seed, hit in enumerate(hits)
            ]
        )
        for name, hits in (("r_5k", (True, True, True)), ("grpo", (False, True)))
    }  # fmt: skip
    lost = hacking.recall_lost(STUDY, frames)
    assert lost.difference.estimate == pytest.approx(0.25)
    assert lost.seed_differences == pytest.approx((0.5, 0))
    found = STUDY.findings(frames, measures.of(STUDY, frames), detectable={})
    assert found["rq6_grpo_recall"].measured == (lost,)
