"""Measures of probabilities, against counting by hand; thresholds on validation data alone."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_curve

from reasoning_guards import ranking


def rows(truth, probability, *, cell="a", seed=0, cluster=None):
    names = [f"e{n}" for n in range(len(truth))]
    return pd.DataFrame(
        {
            "cell": cell,
            "example": names,
            "cluster": cluster or names,
            "truth": np.array(truth, dtype=bool),
            "probability": np.array(probability, dtype=float),
            "seed": seed,
        }
    )


def drawn(n=300, seed=0, gain=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    return rows(truth, 1 / (1 + np.exp(-(rng.normal(size=n) + gain * (2 * truth - 1)))))


FRAME = drawn()


def once(frame):
    return np.ones((1, len(frame)))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.5, 1.0])
def test_recall_at_a_rate_is_that_of_the_best_threshold_that_keeps_it(rate):
    best = 0.0
    for cut in [*FRAME["probability"], 2.0]:
        said = FRAME["probability"] >= cut
        if said[~FRAME["truth"]].mean() <= rate:
            best = max(best, said[FRAME["truth"]].mean())
    assert ranking.recall_at(rate)(FRAME, once(FRAME)) == pytest.approx([best])


@pytest.mark.parametrize("decimals", [1, 8])
def test_measures_are_scikit_learn_s_for_every_draw_and_with_ties(decimals):
    frame = FRAME.assign(probability=FRAME["probability"].round(decimals))
    times = np.random.default_rng(1).integers(0, 3, (5, len(frame))).astype(float)
    areas = [
        average_precision_score(frame["truth"], frame["probability"], sample_weight=each)
        for each in times
    ]
    assert ranking.average_precision(frame, times) == pytest.approx(areas)
    best = []
    for each in times:
        false, true, _ = roc_curve(
            frame["truth"], frame["probability"], sample_weight=each, drop_intermediate=False
        )
        best.append(true[false <= 0.05].max())
    assert ranking.recall_at(0.05)(frame, times) == pytest.approx(best)


def test_the_area_is_the_mean_over_cells_with_both_labels():
    other, harmful = drawn(seed=2).assign(cell="b"), rows([1, 1], [0.1, 0.9], cell="c")
    together = pd.concat([FRAME, other, harmful], ignore_index=True)
    areas = [average_precision_score(f["truth"], f["probability"]) for f in (FRAME, other)]
    found = ranking.average_precision(together, once(together))
    assert found == pytest.approx([np.mean(areas)])
    assert np.isnan(ranking.average_precision(harmful, once(harmful)))
    assert np.isnan(ranking.recall_at(0.01)(harmful, once(harmful)))


def test_calibration_is_the_distance_between_said_and_seen():
    frame = rows([1, 0, 0, 0, 1, 1], [0.2, 0.2, 0.2, 0.2, 1.0, 0.9])
    bins = ranking.reliability(frame)
    assert bins["harmful"].tolist() == [0.25, 1.0]
    assert bins["share"].tolist() == pytest.approx([4 / 6, 2 / 6])
    expected = 4 / 6 * 0.05 + 2 / 6 * 0.05
    assert ranking.calibration_error(frame) == pytest.approx(expected)
    assert ranking.brier(frame) == pytest.approx((0.64 + 3 * 0.04 + 0.01) / 6)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1])
def test_a_threshold_keeps_its_rate_and_the_next_lower_would_not(rate):
    cut = ranking.threshold_for_rate(FRAME, rate)
    unharmful = FRAME.loc[~FRAME["truth"], "probability"]
    assert (unharmful >= cut).mean() <= rate
    lower = FRAME.loc[FRAME["probability"] < cut, "probability"].max()
    assert (unharmful >= lower).mean() > rate


def test_the_threshold_for_f1_has_the_highest():
    cut = ranking.threshold_for_f1(FRAME)
    best = max(f1_score(FRAME["truth"], FRAME["probability"] >= at) for at in FRAME["probability"])
    assert f1_score(FRAME["truth"], FRAME["probability"] >= cut) == best
    assert not (FRAME["probability"] == cut).any()


def test_no_threshold_is_chosen_on_one_class():
    harmful = rows([1, 1], [0.2, 0.3])
    for choose in (ranking.threshold_for_f1, partial(ranking.threshold_for_rate, rate=0.01)):
        with pytest.raises(ranking.OneClassError, match="eval_examples"):
            choose(harmful)


def test_reasonings_are_averaged_and_what_is_unread_counts_as_the_policy_has_it():
    one = rows([1, 0, 1, 0], [0.2, 0.4, np.nan, np.nan])
    two = one.assign(probability=[0.6, np.nan, np.nan, np.nan])
    both = pd.concat([one, two], ignore_index=True)
    expected = {"wrong": [0.4, 0.4, 0, 1], "harmful": [0.4, 0.4, 1, 1], "dropped": [0.4, 0.4]}
    for policy, values in expected.items():
        assert ranking.answered(both, policy)["probability"].tolist() == pytest.approx(values)


def test_intervals_are_of_clusters_and_differences_paired():
    weak, strong = drawn(gain=0.3), drawn(gain=2.0)
    gain = ranking.bootstrap([strong, weak], [1, -1], ranking.average_precision, 200)
    assert gain.side == 1
    better, worse = (ranking.average_precision(frame, once(frame)) for frame in (strong, weak))
    assert gain.estimate == pytest.approx(float(better[0] - worse[0]))
    same = ranking.bootstrap([strong, strong], [1, -1], ranking.recall_at(0.01), 100)
    assert (same.low, same.high) == (0, 0)


def test_examples_of_one_source_are_drawn_together():
    copies = pd.concat([drawn(10)] * 30, ignore_index=True)
    apart = copies.assign(cluster=[f"c{n}" for n in range(300)])
    together, single = (
        ranking.bootstrap([frame], [1], ranking.average_precision, 200).se
        for frame in (copies, apart)
    )
    assert together > 3 * single


def test_seeds_are_averaged():
    two = pd.concat([FRAME, drawn(seed=5).assign(seed=1)], ignore_index=True)
    runs = [mine for _, mine in two.groupby("seed")]
    assert ranking.estimate(two, ranking.brier) == pytest.approx(
        np.mean(list(map(ranking.brier, runs)))
    )
    areas = [ranking.average_precision(mine, once(mine))[0] for mine in runs]
    found = ranking.bootstrap([two], [1], ranking.average_precision, 450)
    assert found.estimate == pytest.approx(np.mean(areas))
    of_seeds = ranking.seed_contrasts([two, two], [1, -0.5], ranking.average_precision)
    assert of_seeds == pytest.approx([area / 2 for area in areas])
