"""Bootstraps against a slow resampler and known standard errors; pairing; t intervals; Wilson."""

import time

import numpy as np
import pandas as pd
import pytest

from reasoning_guards.intervals import (
    Interval,
    UnpairedError,
    bootstrap_average,
    bootstrap_contrast,
    bootstrap_difference,
    paired_seed_interval,
    percentile,
    seed_contrasts,
)
from reasoning_guards.scoring import MissingCellsError, average, scores

MEADOW, MEADOW_RESPONSE, BROOK = "s/meadow:prompt", "s/meadow:response", "s/brook:prompt"


def judge(cell, n, rng, accuracy=0.8, harmful=0.4, generations=1, per_cluster=1):
    """Random truth that is the same for every variant, and predictions that are often right."""
    truth = np.arange(n) % 10 < 10 * harmful
    right = rng.random((generations, n)) < accuracy
    source = np.arange(n) // per_cluster
    return pd.DataFrame(
        {
            "cell": cell,
            "example": np.tile([f"e{i}" for i in range(n)], generations),
            "cluster": np.tile([f"{cell.split(':')[0]}/{c}" for c in source], generations),
            "generation": np.repeat(np.arange(generations), n),
            "truth": np.tile(truth, generations),
            "predicted": pd.array((truth == right).ravel(), dtype="boolean"),
        }
    )


def judge_cells(cells, rng, **how):
    return pd.concat([judge(cell, rng=rng, **how) for cell in cells], ignore_index=True)


def naive_average(rows, cells, clusters):
    """Average F1 on a list of clusters, row by row, each as often as it is listed.

    `rows` maps a cell and a cluster to its rows: generation, truth, predicted.
    """
    of_cells = []
    for cell in cells:
        drawn = [row for cluster in clusters for row in rows.get((cell, cluster), [])]
        of_generations = []
        for generation in {row[0] for row in drawn}:
            pairs = [row[1:] for row in drawn if row[0] == generation]
            hits = sum(truth and predicted for truth, predicted in pairs)
            misses = sum(truth != predicted for truth, predicted in pairs)
            of_generations.append(2 * hits / (2 * hits + misses))
        of_cells.append(np.mean(of_generations))
    return np.mean(of_cells)


def test_the_estimate_is_the_average_of_the_scores():
    cells = [MEADOW, BROOK]
    judgements = judge_cells(cells, np.random.default_rng(0), n=40, generations=3)
    judgements.loc[::7, "predicted"] = pd.NA
    for policy in ("wrong", "harmful", "dropped"):
        interval = bootstrap_average(judgements, cells, replicates=10, policy=policy)
        assert interval.estimate == pytest.approx(average(scores(judgements, policy), cells))


def test_the_bootstrap_agrees_with_a_slow_resampler():
    rng = np.random.default_rng(1)
    cells = [MEADOW, MEADOW_RESPONSE, BROOK]
    judgements = judge_cells(cells, rng, n=40, generations=2, per_cluster=2)
    rows = {
        key: list(of_key[["generation", "truth", "predicted"]].itertuples(index=False, name=None))
        for key, of_key in judgements.groupby(["cell", "cluster"])
    }
    sets = [[cluster for of, cluster in rows if of == cell] for cell in (MEADOW, BROOK)]
    slow = [
        naive_average(rows, cells, np.concatenate([rng.choice(of, len(of)) for of in sets]))
        for _ in range(1000)
    ]
    fast = bootstrap_average(judgements, cells, replicates=4000)
    assert fast.se == pytest.approx(np.std(slow, ddof=1), rel=0.1)
    tail = 0.0159  # for twenty clusters, in place of 0.025
    assert [fast.low, fast.high] == pytest.approx(np.quantile(slow, [tail, 1 - tail]), abs=0.02)


def test_the_standard_error_is_the_known_one_where_there_is_one():
    n = 400
    judgements = judge(MEADOW, n, np.random.default_rng(2), accuracy=0.7, harmful=1.0)
    recall = scores(judgements).loc[MEADOW, "recall"]
    delta_method = 2 / (1 + recall) ** 2 * np.sqrt(recall * (1 - recall) / n)
    interval = bootstrap_average(judgements, [MEADOW], replicates=8000)
    assert interval.se == pytest.approx(delta_method, rel=0.04)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * delta_method, rel=0.06)


def test_cells_of_one_set_meet_the_same_draws():
    prompt = judge(MEADOW, 100, np.random.default_rng(3))
    twin = prompt.assign(cell=MEADOW_RESPONSE)
    both = bootstrap_average(pd.concat([prompt, twin]), [MEADOW, MEADOW_RESPONSE])
    alone = bootstrap_average(prompt, [MEADOW])
    assert both.se == pytest.approx(alone.se)  # independent draws would shrink it by a third


def test_sets_that_share_clusters_meet_the_same_draws():
    meadow = judge(MEADOW, 100, np.random.default_rng(3))
    brook = meadow.assign(cell=BROOK)
    alone = bootstrap_average(meadow, [MEADOW])
    both = bootstrap_average(pd.concat([meadow, brook]), [MEADOW, BROOK])
    assert both.se == pytest.approx(alone.se)


def test_sets_that_share_no_cluster_are_drawn_apart_and_keep_their_size():
    meadow = judge(MEADOW, 100, np.random.default_rng(4))
    brook = meadow.assign(cell=BROOK, cluster=meadow["cluster"].str.replace("meadow", "brook"))
    alone = bootstrap_average(meadow, [MEADOW], replicates=8000)
    both = bootstrap_average(pd.concat([meadow, brook]), [MEADOW, BROOK], replicates=8000)
    assert both.se == pytest.approx(alone.se / np.sqrt(2), rel=0.05)


def test_a_set_of_one_cluster_is_drawn_as_it_is_beside_larger_sets():
    one = judge(MEADOW, 10, np.random.default_rng(5), per_cluster=10)
    many = judge(BROOK, 200, np.random.default_rng(6), accuracy=1.0)
    interval = bootstrap_average(pd.concat([one, many]), [MEADOW, BROOK])
    assert interval.low == interval.high == pytest.approx(interval.estimate)


def test_copies_of_a_row_in_its_own_cluster_add_no_certainty():
    once = judge(MEADOW, 60, np.random.default_rng(7))
    twice = pd.concat([once, once.assign(example=once["example"] + "'")])
    assert bootstrap_average(twice, [MEADOW]) == bootstrap_average(once, [MEADOW])
    apart = twice.assign(cluster=twice["cluster"] + twice["example"])
    assert bootstrap_average(apart, [MEADOW]).se < 0.8 * bootstrap_average(once, [MEADOW]).se


def test_the_order_of_rows_does_not_matter_and_the_random_seed_does():
    judgements = judge(MEADOW, 60, np.random.default_rng(8))
    shuffled = judgements.sample(frac=1, random_state=0)
    assert bootstrap_average(shuffled, [MEADOW]) == bootstrap_average(judgements, [MEADOW])
    assert bootstrap_average(judgements, [MEADOW], seed=1) != bootstrap_average(
        judgements, [MEADOW]
    )


def test_identical_variants_differ_by_exactly_nothing():
    judgements = judge_cells([MEADOW, BROOK], np.random.default_rng(9), n=60, generations=2)
    interval = bootstrap_difference(judgements, judgements.copy(), [MEADOW, BROOK])
    assert (interval.estimate, interval.low, interval.high, interval.se) == (0, 0, 0, 0)


def test_a_paired_difference_is_surer_than_one_of_strangers():
    control = judge(MEADOW, 200, np.random.default_rng(10), accuracy=0.7)
    treatment = control.copy()
    missed = treatment.index[treatment["truth"] & ~treatment["predicted"]]
    treatment.loc[missed[:6], "predicted"] = True
    interval = bootstrap_difference(treatment, control, [MEADOW])
    gain = average(scores(treatment), [MEADOW]) - average(scores(control), [MEADOW])
    assert interval.estimate == pytest.approx(gain)
    assert interval.side == 1
    assert interval.se < 0.5 * bootstrap_average(control, [MEADOW]).se
    assert bootstrap_difference(control, treatment, [MEADOW]).side == -1


def test_a_contrast_of_averages_is_the_difference_of_the_differences():
    cells = [MEADOW, MEADOW_RESPONSE, BROOK]
    treatment = judge_cells(cells, np.random.default_rng(11), n=50, accuracy=0.9)
    control = judge_cells(cells, np.random.default_rng(12), n=50, accuracy=0.7)
    weights = {MEADOW: 1.0, MEADOW_RESPONSE: -0.5, BROOK: -0.5}
    gain = scores(treatment)["f1"] - scores(control)["f1"]
    expected = gain[MEADOW] - (gain[MEADOW_RESPONSE] + gain[BROOK]) / 2
    interval = bootstrap_difference(treatment, control, weights, replicates=50)
    assert interval.estimate == pytest.approx(expected)


def test_a_second_difference_is_made_of_the_same_draws():
    first, second, third = (
        judge_cells([MEADOW, BROOK], np.random.default_rng(seed), n=60, accuracy=accuracy)
        for seed, accuracy in [(1, 0.6), (2, 0.8), (3, 0.9)]
    )
    how = {"cells": [MEADOW, BROOK], "replicates": 50}
    found = bootstrap_contrast([second, first, third], [2, -1, -1], **how)
    rise = bootstrap_difference(second, first, **how)
    again = bootstrap_difference(third, second, **how)
    assert found.estimate == pytest.approx(rise.estimate - again.estimate)
    alone = bootstrap_contrast([second, second, second], [2, -1, -1], **how)
    assert (alone.estimate, alone.se) == pytest.approx((0, 0))
    with pytest.raises(UnpairedError):
        bootstrap_contrast([second, first, third.iloc[1:]], [2, -1, -1], **how)


@pytest.mark.parametrize(("clusters", "tail"), [(2, 0.0), (20, 0.0159), (40, 0.0203), (1e6, 0.025)])
def test_the_ends_are_set_further_out_where_clusters_are_few(clusters, tail):
    replicates = np.linspace(0, 1, 100_001)
    interval = percentile(np.concatenate([[0.5], replicates]), 0.95, clusters)
    assert (interval.low, interval.high) == pytest.approx((tail, 1 - tail), abs=1e-4)


def test_of_sets_drawn_one_by_one_the_smallest_says_how_far():
    large = judge(MEADOW, 400, np.random.default_rng(23))
    small = judge(BROOK, 10, np.random.default_rng(24), accuracy=1.0)
    alone = bootstrap_average(large, [MEADOW])
    beside = bootstrap_average(pd.concat([large, small]), {MEADOW: 1.0, BROOK: 0.0})
    assert beside.high - beside.low > 1.15 * (alone.high - alone.low)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.iloc[1:],
        lambda rows: rows.assign(truth=~rows["truth"]),
        lambda rows: rows.assign(cluster=rows["cluster"] + "x"),
    ],
)
def test_variants_judged_on_different_examples_are_not_compared(change):
    judgements = judge(MEADOW, 20, np.random.default_rng(13))
    with pytest.raises(UnpairedError):
        bootstrap_difference(judgements, change(judgements), [MEADOW])


def test_a_cell_that_was_not_judged_is_named():
    judgements = judge(MEADOW, 20, np.random.default_rng(14))
    both = pd.concat([judgements, judge(BROOK, 20, np.random.default_rng(15))])
    with pytest.raises(MissingCellsError, match=BROOK):
        bootstrap_average(judgements, [MEADOW, BROOK])
    with pytest.raises(MissingCellsError, match=BROOK):
        bootstrap_difference(both, judgements, [MEADOW, BROOK])


def test_dropped_outputs_leave_their_clusters_in_the_draw():
    judgements = judge(MEADOW, 60, np.random.default_rng(16))
    judgements.loc[:29, "predicted"] = pd.NA
    kept = judgements.iloc[30:]
    dropped = bootstrap_average(judgements, [MEADOW], policy="dropped")
    assert dropped.estimate == pytest.approx(bootstrap_average(kept, [MEADOW]).estimate)
    assert dropped != bootstrap_average(kept, [MEADOW])


def runs(accuracies, seed=17, **how):
    rng = np.random.default_rng(seed)
    return pd.concat(
        [
            judge(MEADOW, 80, rng, accuracy=accuracy, **how).assign(seed=run)
            for run, accuracy in enumerate(accuracies)
        ],
        ignore_index=True,
    )


def test_several_training_seeds_share_one_draw_of_clusters():
    run = judge(MEADOW, 80, np.random.default_rng(18)).assign(seed=0)
    copies = pd.concat([run, run.assign(seed=1), run.assign(seed=2)])
    three, one = bootstrap_average(copies, [MEADOW]), bootstrap_average(run, [MEADOW])
    assert [three.low, three.high, three.se] == pytest.approx([one.low, one.high, one.se])


def test_the_estimate_over_seeds_is_their_mean_as_the_scores_have_it():
    judgements = runs([0.9, 0.6], generations=2)
    judgements = judgements[(judgements["seed"] == 0) | (judgements["generation"] == 0)]
    interval = bootstrap_average(judgements, [MEADOW], replicates=10)
    assert interval.estimate == pytest.approx(average(scores(judgements), [MEADOW]))


def test_seeds_are_paired_in_order():
    treatment, control = runs([0.9, 0.8, 0.7]), runs([0.6, 0.8, 0.9], seed=19)
    expected = [
        average(scores(treatment[treatment["seed"] == run]), [MEADOW])
        - average(scores(control[control["seed"] == run]), [MEADOW])
        for run in range(3)
    ]
    found = seed_contrasts([treatment, control.iloc[::-1]], [1, -1], [MEADOW])
    assert found == pytest.approx(expected)
    assert expected[0] > 0 > expected[2]


def test_judgements_without_a_seed_are_one_run():
    treatment, control = (
        judge(MEADOW, 40, np.random.default_rng(s), accuracy=a) for s, a in [(20, 0.9), (21, 0.6)]
    )
    (difference,) = seed_contrasts([treatment, control], [1, -1], [MEADOW])
    assert difference == pytest.approx(
        bootstrap_difference(treatment, control, [MEADOW], replicates=10).estimate
    )


def test_other_seeds_cannot_be_paired():
    with pytest.raises(UnpairedError):
        seed_contrasts([runs([0.9, 0.8]), runs([0.9])], [1, -1], [MEADOW])


def test_the_t_interval_worked_by_hand():
    interval = paired_seed_interval([0.01, 0.03, 0.02, 0.06])
    assert interval.estimate == pytest.approx(0.03)
    assert interval.se == pytest.approx(0.0216025 / 2, rel=1e-4)
    assert interval.high - 0.03 == pytest.approx(3.182446 * interval.se, rel=1e-4)
    assert interval.low == pytest.approx(2 * 0.03 - interval.high)
    assert interval.side == 0


def test_fewer_than_four_seeds_give_no_t_interval():
    assert paired_seed_interval([0.1, 0.1, 0.1]) is None
    assert paired_seed_interval([0.1, 0.1, 0.1, 0.1]).side == 1


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (0, 0.1, 0)])
def test_an_interval_that_touches_zero_is_on_neither_side(low, high, side):
    assert Interval(0.0, low, high, 0.1, 0.95).side == side


def test_a_full_table_is_bootstrapped_in_about_a_second():
    cells = [f"s/{name}:prompt" for name in "abcdefghi"]
    judgements = judge_cells(cells, np.random.default_rng(22), n=300, generations=4)
    start = time.process_time()
    bootstrap_average(judgements, cells, replicates=2000)
    assert time.process_time() - start < 2  # 0.2 s on an idle core
