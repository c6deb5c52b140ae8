"""The first chapter's guards learn what they have learnt with twenty seeds, and controls do not."""

import pandas as pd
import pytest

from reasoning_guards import chapters, regression


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """The study with settings under which guards learn, and its judgements; two minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONING_GUARDS_CACHE", str(tmp_path_factory.mktemp("learnt")))
        study = chapters.rq1_efficacy(regression.LEARNT)
        study.run()
        return study, study.judged()


@pytest.mark.slow
@pytest.mark.learning
def test_what_is_learnt_lies_within_the_bounds_of_twenty_seeds(learnt):
    assert regression.outside(*learnt) == {}


@pytest.mark.slow
@pytest.mark.learning
def test_flipped_labels_of_what_was_judged_fall_outside_the_bounds(learnt):
    study, judged = learnt
    flipped = {name: frame.assign(truth=~frame["truth"]) for name, frame in judged.items()}
    found = regression.outside(study, flipped)
    assert {"nr: kappa", "r_full: kappa", "r_1: kappa"} <= set(found)


def test_bounds_come_from_twenty_seeds_and_hold_apart_what_learns_from_what_cannot():
    bounds = regression._bounds("rq1_efficacy")
    assert (bounds["seeds"] >= 20).all()
    for learner in ("nr", "r_full", "r_1"):
        for null in ("null_nr", "null_r"):
            assert bounds.loc[f"{learner}: kappa", "low"] > bounds.loc[f"{null}: kappa", "high"]


def test_a_missing_answer_shows_in_the_counts():
    study = chapters.rq1_efficacy(regression.LEARNT)
    frame = pd.DataFrame({"truth": [True, False, True]})
    shown = regression.check(study, {"nr": frame})
    assert shown[""].to_dict() == {"nr: answers": "3", "nr: harmful": "2"}
    assert not regression.check(study, {"nr": frame[1:]}).equals(shown)
