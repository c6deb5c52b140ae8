"""One cell's F1 and its differences: Wilson's limits, Newcombe's rule, and what they cover."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from reasoning_guards import claims
from reasoning_guards.intervals import UnpairedError, bootstrap_difference
from reasoning_guards.power import coverage
from reasoning_guards.power.shapes import Correlations, shapes
from reasoning_guards.resampling import Counted
from reasoning_guards.scoring import MissingCellsError, scores
from reasoning_guards.single_cells import cell_contrast, contrast, wilson_f1

CELL = "s/pebble:prompt"
Z = NormalDist().inv_cdf(0.975)


def judged(right, harmful=None, per_cluster=1):
    """Answers to one example after the other, right where it says so; all harmful by default."""
    n = len(right)
    truth = np.ones(n, dtype=bool) if harmful is None else np.array(harmful)
    return pd.DataFrame(
        {
            "cell": CELL,
            "example": [f"e{i}" for i in range(n)],
            "cluster": [f"c{i // per_cluster}" for i in range(n)],
            "generation": 0,
            "truth": truth,
            "predicted": pd.array(truth == np.array(right), dtype="boolean"),
        }
    )


def caught(hits, n=100):
    """An all-harmful set of which so many are caught, the last ones missed."""
    return judged(np.arange(n) < hits)


def test_wilson_on_a_set_that_is_all_caught():
    interval = wilson_f1(1.0, rows=100)
    low_recall = 1 / (1 + Z**2 / 100)  # Wilson's lower end at 100 of 100
    assert (interval.estimate, interval.high, interval.se) == pytest.approx((1, 1, 0))
    assert interval.low == pytest.approx(2 * low_recall / (1 + low_recall))


def test_wilson_ends_are_where_the_score_test_just_rejects():
    interval = wilson_f1(2 * 0.7 / 1.7, rows=50, level=0.9)
    for end in (interval.low, interval.high):
        recall = end / (2 - end)
        assert abs(0.7 - recall) / np.sqrt(recall * (1 - recall) / 50) == pytest.approx(1.644854)


def test_one_guard_alone_has_the_limits_of_its_recall():
    found = cell_contrast([caught(90)], [1], [CELL])
    expected = wilson_f1(1.8 / 1.9, rows=100)
    # The bootstrap's variance is of 99 in 100 rows, Wilson's of 100.
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=5e-4)


def test_newcombes_paired_interval_worked_by_hand():
    """36 of 40 caught by the first, 33 by the second and by both: Newcombe's table, a = 33."""
    first, second = caught(36, 40), caught(33, 40)
    found = cell_contrast([first, second], [1, -1], [CELL])
    f1 = [2 * hits / (40 + hits) for hits in (36, 33)]
    assert found.estimate == pytest.approx(f1[0] - f1[1])
    (a, b), phi = (wilson_f1(f, 39) for f in f1), np.sqrt(4 * 33 / (36 * 7))
    down, up = a.estimate - a.low, b.high - b.estimate
    below = np.sqrt(down**2 + up**2 - 2 * phi * down * up)
    assert found.low == pytest.approx(found.estimate - below, abs=1e-3)
    down, up = a.high - a.estimate, b.estimate - b.low
    above = np.sqrt(down**2 + up**2 - 2 * phi * down * up)
    assert found.high == pytest.approx(found.estimate + above, abs=1e-3)


def test_two_guards_without_a_mistake_may_still_differ():
    found = cell_contrast([caught(100), caught(100)], [1, -1], [CELL])
    alone = wilson_f1(1.0, rows=100)
    assert found.estimate == 0
    assert (found.low, found.high) == pytest.approx((alone.low - 1, 1 - alone.low))
    assert found.se == pytest.approx((found.high - found.low) / (2 * Z))
    bootstrapped = bootstrap_difference(caught(100), caught(100), [CELL], replicates=50)
    assert bootstrapped.low == bootstrapped.high == 0


def test_the_other_way_round_it_is_the_mirror_image():
    pair = [caught(97), caught(92)]
    there, back = (cell_contrast(pair, signs, [CELL]) for signs in ([1, -1], [-1, 1]))
    assert (back.estimate, back.low, back.high) == pytest.approx(
        (-there.estimate, -there.high, -there.low)
    )


def test_guards_that_miss_the_same_are_told_apart_more_surely():
    missed = np.arange(100)
    first = judged(~np.isin(missed, range(12)))
    same, other = judged(~np.isin(missed, range(8))), judged(~np.isin(missed, range(50, 58)))
    near, far = (cell_contrast([first, each], [1, -1], [CELL]) for each in (same, other))
    assert near.estimate == far.estimate
    assert near.high - near.low < 0.7 * (far.high - far.low)


def test_rows_that_share_a_source_count_once():
    right = np.arange(200) % 100 < 80
    apart, pairs = judged(right), judged(np.repeat(np.arange(100) < 80, 2), per_cluster=2)
    (wide, narrow) = (cell_contrast([rows], [1], [CELL]) for rows in (pairs, apart))
    assert wide.estimate == narrow.estimate
    assert wide.high - wide.low == pytest.approx((narrow.high - narrow.low) * 2**0.5, rel=0.02)


def test_several_answers_to_an_example_are_never_more_than_one():
    rng = np.random.default_rng(2)
    answers = pd.concat([judged(rng.random(60) < 0.7).assign(generation=g) for g in range(6)])
    found = cell_contrast([answers], [1], [CELL])
    expected = wilson_f1(found.estimate, rows=60)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_right_answers_on_unharmful_rows_add_no_certainty():
    right = np.arange(60) >= 6
    harmful_only = cell_contrast([judged(right)], [1], [CELL])
    with_others = judged(np.append(right, [True] * 200), [True] * 60 + [False] * 200)
    found = cell_contrast([with_others], [1], [CELL])
    assert (found.low, found.high) == pytest.approx((harmful_only.low, harmful_only.high), abs=2e-3)


def test_the_estimate_is_the_difference_of_the_scores():
    rng = np.random.default_rng(0)
    harmful = rng.random(80) < 0.5
    frames = [
        pd.concat([judged(rng.random(80) < share, harmful).assign(generation=g) for g in range(3)])
        for share in (0.9, 0.7)
    ]
    f1 = [scores(frame).loc[CELL, "f1"] for frame in frames]
    found = cell_contrast(frames, [1, -1], [CELL])
    assert found.estimate == pytest.approx(f1[0] - f1[1])


def test_far_from_the_ceiling_the_bootstrap_says_the_same():
    rng = np.random.default_rng(1)
    harmful = rng.random(800) < 0.5
    frames = [judged(rng.random(800) < share, harmful) for share in (0.8, 0.7)]
    found, boot = cell_contrast(frames, [1, -1], [CELL]), bootstrap_difference(*frames, [CELL])
    assert (found.low, found.high) == pytest.approx((boot.low, boot.high), abs=0.01)
    assert found.se == pytest.approx(boot.se, rel=0.1)


def test_a_guard_that_catches_nothing_has_limits_too():
    found = cell_contrast([caught(0, 30)], [1], [CELL])
    assert (found.estimate, found.low) == pytest.approx((0, 0))
    assert 0.1 < found.high < 0.3
    empty = Counted(np.zeros((4, 5, 1)), np.ones(1))
    assert contrast([empty], [1]).estimate == 0


def test_other_examples_and_other_cells_are_refused():
    with pytest.raises(UnpairedError):
        cell_contrast([caught(9, 10), caught(9, 11)], [1, -1], [CELL])
    with pytest.raises(MissingCellsError):
        cell_contrast([caught(9, 10)], [1], ["s/brook:prompt"])


@pytest.mark.parametrize("guards", [0.8, 0.4])
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("simple_safety", {}),
        ("simple_safety", {"f1": (0.995, 0.995)}),
        ("cosa_language", {}),
        ("xstest", {}),
        ("jbb", {}),
        ("jbb", {"f1": (0.98, 0.99)}),
    ],
)
def test_the_rule_covers_near_the_ceiling_where_the_bootstrap_does_not(name, how, guards):
    (shape,) = shapes(claims.cells(name, "hub"))
    rule, bootstrap = coverage.in_cell(replace(shape, **how), 500, Correlations(guards=guards))
    assert rule >= 0.94
    if name in ("simple_safety", "cosa_language") and not how:
        assert bootstrap < 0.90
