"""A cascade is one guard at its one end and the other at its other; thresholds never see a test."""

import numpy as np
import pandas as pd
import pytest

from reasoning_guards import chapters, scoring
from reasoning_guards.chapters import equal_rates as chapter
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Probability
from reasoning_guards.report import measures, probabilities
from reasoning_guards.study import NotRunError

PROFILE = Profile(bootstrap_replicates=100, seeds=[0, 1])
STUDY = chapters.verdict_probabilities(PROFILE)
GAIN = {"nr": 0.7, "r_full": 2.0}
TOKENS = {"nr": 10, "r_full": 90}


def read(name, cells, seed, gain, n=40):
    """Probabilities of a made-up guard, the better the greater its gain."""
    rng = np.random.default_rng(seed)
    frames = []
    for cell in cells:
        truth = np.arange(n) % 2 == 0
        for run in PROFILE.seeds:
            score = rng.normal(size=n) + gain * (2 * truth - 1) + 0.3 * run
            frames.append(
                pd.DataFrame(
                    {
                        "cell": cell.name,
                        "example": [f"{cell.name}/{k}" for k in range(n)],
                        "cluster": [f"{cell.name}/{k}" for k in range(n)],
                        "truth": truth,
                        "seed": run,
                        "probability": 1 / (1 + np.exp(-score)),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def found():
    return {
        name: read(name, variant.cells, place, GAIN[name.removesuffix("_validation")])
        for place, (name, variant) in enumerate(STUDY.variants.items())
    }


@pytest.fixture(scope="module")
def judged(found):
    """What the guards answered: harmful where they find it more probable than not."""
    return {
        name: frame.assign(
            generation=0,
            predicted=(frame["probability"] >= 0.5).astype("boolean"),
            tokens=TOKENS[name.removesuffix("_validation")],
            truncated=False,
        )
        for name, frame in found.items()
    }


def test_validation_data_are_those_of_the_first_training_set_that_has_some():
    assert {(c.dataset, c.split, c.task) for c in STUDY.variants["nr_validation"].cells} == {
        ("synthetic/meadow", "validation", "prompt"),
        ("synthetic/meadow", "validation", "response"),
    }
    wildguard, aegis = "allenai/wildguardmix", "nvidia/Aegis-AI-Content-Safety-Dataset-2.0"
    hub = PROFILE.model_copy(
        update={"world": "hub", "train_set": wildguard, "other_train_set": aegis}
    )
    cells = chapter.validation_cells(hub)
    assert {(cell.dataset, cell.policy) for cell in cells} == {(aegis, "wildguardmix")}
    with pytest.raises(chapter.NoValidationError, match="other_train_set"):
        chapter.validation_cells(hub.model_copy(update={"other_train_set": wildguard}))


def test_the_guards_and_their_answers_are_those_of_the_first_chapter():
    first = chapters.rq1_efficacy(PROFILE)
    mine = set(STUDY.generations(["nr", "r_full"]))
    assert mine <= set(first.generations())
    assert sum(isinstance(value, Probability) for value in STUDY.values()) == 2 * 2 * (9 + 2)


def test_a_cascade_begins_as_the_one_guard_and_ends_as_the_other(found, judged):
    points = probabilities.cascade(STUDY, found, judged).set_index("Share")
    operating = probabilities.operating(STUDY, found, judged, ["nr", "r_full"])
    for share, name in ((0.0, "nr"), (1.0, "r_full")):
        best = operating.loc[(STUDY.variants[name].label, "best F1"), "F1"]
        assert f"{points.loc[share, 'F1']:.3f}" == best
    assert points.loc[0.0, "Tokens"] == TOKENS["nr"]
    assert points.loc[1.0, "Tokens"] == sum(TOKENS.values())
    assert points["Handed on"].is_monotonic_increasing
    assert (points.loc[0.0, "Handed on"], points.loc[1.0, "Handed on"]) == (0, 1)
    for share in (0.1, 0.3, 0.5):
        assert points.loc[share, "Handed on"] == pytest.approx(share, abs=0.12)
        cost = TOKENS["nr"] + points.loc[share, "Handed on"] * TOKENS["r_full"]
        assert points.loc[share, "Tokens"] == pytest.approx(cost)
    assert points.loc[0.5, "F1"] > points.loc[0.0, "F1"]
    assert (points["Low"] <= points["F1"]).all()


def test_each_example_keeps_its_own_verdict_where_the_second_guard_was_not_read(found, judged):
    """Under "dropped" these have no row of the second guard, and lose their verdict with it."""
    study = chapters.verdict_probabilities(PROFILE.model_copy(update={"parse_policy": "dropped"}))
    first, second = found["nr"], found["r_full"]
    unread = second.index % 10 == 0
    read_alone = found | {"r_full": second[~unread]}
    points = probabilities.cascade(study, read_alone, judged).set_index("Share")
    both_read = found | {"nr": first[~unread], "r_full": second[~unread]}
    expected = probabilities.cascade(study, both_read, judged).set_index("Share")
    assert points.loc[1.0, "F1"] == pytest.approx(expected.loc[1.0, "F1"])
    whole = probabilities.cascade(study, found, judged).set_index("Share")
    assert points.loc[0.0, "F1"] == whole.loc[0.0, "F1"]


def test_those_in_doubt_are_handed_on_first(found, judged):
    """A second guard that is always wrong spoils just what lies next to the threshold."""
    wrong = found["r_full"]["truth"].map({True: 0.0, False: 1.0})
    sabotaged = found | {"r_full": found["r_full"].assign(probability=wrong)}
    points = probabilities.cascade(STUDY, sabotaged, judged).set_index("Share")
    # The examples nearest to the threshold are those the first guard gets wrong about half of.
    lost = points.loc[0.0, "F1"] - points.loc[0.1, "F1"]
    assert lost < 0.6 * points.loc[0.1, "Handed on"] + 0.02


def test_thresholds_are_chosen_without_the_test_examples(found, judged):
    table = probabilities.operating(STUDY, found, judged, ["nr"])
    turned = found["nr"].assign(truth=~found["nr"]["truth"])
    other = probabilities.operating(STUDY, found | {"nr": turned}, judged, ["nr"])
    assert table["Threshold"].equals(other["Threshold"])
    assert not table["Recall"].equals(other["Recall"])
    answered = table.xs("as answered", level=1).iloc[0]
    counts = scoring.outcomes(judged["nr"])[["tp", "fn"]].sum()
    assert answered["Recall"] == f"{counts['tp'] / counts.sum():.3f}"


@pytest.mark.parametrize(
    ("lacking", "threshold"),
    [([], "0.600"), ([1], "0.400; none in 1 of 2 seeds"), ([0, 1], "none")],
)
def test_a_threshold_that_no_seed_has_is_none_and_the_mean_is_that_of_the_others(
    found, judged, lacking, threshold
):
    """A seed has none where an unharmful validation example is as probable as any harmful one."""
    rows = found["nr_validation"]
    given = rows.assign(probability=rows["truth"] * (0.4 + 0.4 * rows["seed"]))
    given.loc[given["seed"].isin(lacking), "probability"] = 0.7
    table = probabilities.operating(STUDY, found | {"nr_validation": given}, judged, ["nr"])
    row = table.xs("at most 1% FP", level=1).iloc[0]
    assert row["Threshold"] == threshold
    assert (row["Recall"] == row["False positives"] == "0.000") == (len(lacking) == 2)


def test_tables_and_figures_show_each_guard(found, judged):
    labels = [STUDY.variants[name].label for name in ("nr", "r_full")]
    assert list(probabilities.table(STUDY, found, ["nr", "r_full"]).index) == labels
    points = probabilities.cascade(STUDY, found, judged)
    for drawn in (
        probabilities.figure(STUDY, points, judged),
        probabilities.calibration(STUDY, found, ["nr", "r_full"]),
    ):
        assert all(label in drawn.alt for label in labels)


def test_nothing_is_measured_before_it_is_there(judged):
    assert measures.of(STUDY, judged) == {}
    with pytest.raises(NotRunError, match="probabilities of synthetic/meadow:prompt"):
        probabilities.read(STUDY)


def test_claims_measure_gains_of_reasoning_with_each_seed_s_own(found, judged, monkeypatch):
    monkeypatch.setattr(probabilities, "read", lambda study: found)
    measured = probabilities.measures(STUDY)
    for claim in ("probability_recall", "probability_ranking"):
        each = measured[claim]
        assert len(each.seed_differences) == len(PROFILE.seeds)
        assert np.mean(each.seed_differences) == pytest.approx(each.difference.estimate)
    only = {name: rows[rows["seed"] == 0] for name, rows in found.items()}
    monkeypatch.setattr(probabilities, "read", lambda study: only)
    one = STUDY.findings(judged, probabilities.measures(STUDY))
    assert one["probability_ranking"].explained == "unclear (one run)"
