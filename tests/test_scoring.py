"""F1 from judgements: hand-worked cells, scikit-learn's numbers, and what parse failures do."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from reasoning_guards.scoring import (
    MissingCellsError,
    average,
    best_case,
    cohen_kappa,
    counts,
    f1_bounds,
    outcomes,
    scores,
)

CELL = "synthetic/meadow:prompt"
POLICIES = ("wrong", "harmful", "dropped")
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([True, False, None])), min_size=1)


def judged(truth, *generations, cell=CELL, seed=None):
    """One cell: the truth of each example, then one list of predictions per generation."""
    frame = pd.DataFrame(
        {
            "cell": cell,
            "example": [f"e{i}" for i in range(len(truth))] * len(generations),
            "cluster": [f"{cell.split(':')[0]}/{i}" for i in range(len(truth))] * len(generations),
            "generation": [g for g, _ in enumerate(generations) for _ in truth],
            "truth": np.array(list(truth) * len(generations), dtype=bool),
            "predicted": pd.array([p for each in generations for p in each], dtype="boolean"),
        }
    )
    return frame if seed is None else frame.assign(seed=seed)


@pytest.mark.parametrize(("tp", "fp", "fn", "tn"), [(4, 1, 2, 7), (1, 5, 3, 2), (3, 3, 2, 2)])
def test_kappa_is_scikit_learns(tp, fp, fn, tn):
    truth, said = [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * (tp + fp) + [0] * (fn + tn)
    [found] = cohen_kappa(*(np.array([float(n)]) for n in (tp, fp, fn, tn)))
    assert found == pytest.approx(cohen_kappa_score(truth, said))


def test_kappa_is_zero_where_all_is_harmful():
    assert cohen_kappa(*(np.array([n]) for n in (8.0, 0.0, 2.0, 0.0))) == [0.0]


def test_a_small_cell_worked_by_hand():
    row = counts(judged([1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0])).loc[(CELL, 0)]
    assert list(row[["tp", "fp", "fn", "tn", "unparsable"]]) == [2, 1, 1, 3, 0]
    assert row["f1"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("wrong", [1, 1, 1, 1]), ("harmful", [2, 1, 0, 1]), ("dropped", [1, 0, 0, 1])],
)
def test_each_parse_policy_counts_an_unparsable_output_its_own_way(policy, expected):
    table = counts(judged([1, 1, 0, 0], [1, None, 0, None]), policy).loc[(CELL, 0)]
    assert list(table[["tp", "fp", "fn", "tn"]]) == expected
    assert table["unparsable"] == 2


def test_a_generation_that_is_dropped_whole_stays_and_scores_zero():
    table = counts(judged([1, 0], [1, 0], [None, None]), "dropped")
    assert table["f1"].tolist() == [1.0, 0.0]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from(POLICIES))
def test_every_row_has_one_outcome_unless_it_is_dropped(rows, policy):
    truth, predicted = zip(*rows, strict=True)
    flags = outcomes(judged(truth, predicted), policy)
    per_row = flags[["tp", "fp", "fn", "tn"]].sum(axis=1)
    kept = 1 - flags["unparsable"] if policy == "dropped" else 1
    assert (per_row == kept).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_scores_agree_with_scikit_learn(rows):
    truth, predicted = (list(column) for column in zip(*rows, strict=True))
    ours = scores(judged(truth, predicted)).loc[CELL]
    for name, theirs in [
        ("f1", f1_score),
        ("precision", precision_score),
        ("recall", recall_score),
    ]:
        assert ours[name] == pytest.approx(theirs(truth, predicted, zero_division=0))


def test_f1_is_the_mean_of_the_generations_and_its_noise_their_deviation():
    truth = [1, 1, 0, 0]
    row = scores(judged(truth, [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0])).loc[CELL]
    assert row["f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)  # pooled counts would give 2/3
    assert row["f1_sd"] == pytest.approx(pd.Series([1, 2 / 3, 0]).std(ddof=1))


def test_one_generation_has_no_decoding_noise_to_show():
    assert math.isnan(scores(judged([1, 0], [1, 0])).loc[CELL, "f1_sd"])


def test_examples_are_counted_once_and_parse_failures_every_time():
    row = scores(judged([1, 0, 0, 0], [None, 0, 0, 0], [1, None, 0, 0])).loc[CELL]
    assert (row["n"], row["harmful"]) == (4, 1)
    assert (row["unparsable"], row["unparsable_rate"]) == (2, 0.25)


def test_a_cell_without_harmful_examples_is_counted_as_such():
    assert scores(judged([0, 0], [1, 0])).loc[CELL, "harmful"] == 0


def test_seeds_count_alike_whatever_their_number_of_generations():
    perfect = judged([1, 0], [1, 0], [1, 0], [1, 0], seed=0)
    blind = judged([1, 0], [0, 0], seed=1)
    row = scores(pd.concat([perfect, blind])).loc[CELL]
    assert row["f1"] == pytest.approx(0.5)
    assert row["n"] == 2


def test_decoding_noise_is_not_inflated_by_differences_between_seeds():
    steady = pd.concat(
        [judged([1, 0], [1, 0], [1, 0], seed=0), judged([1, 0], [0, 0], [0, 0], seed=1)]
    )
    assert scores(steady).loc[CELL, "f1_sd"] == 0


def test_an_average_counts_each_cell_once_whatever_its_size():
    small = judged([1, 0], [1, 0], cell="a:prompt")
    large = judged([1] * 98 + [0] * 2, [0] * 100, cell="b:prompt")
    table = scores(pd.concat([small, large]))
    assert average(table, ["a:prompt", "b:prompt"]) == pytest.approx(0.5)
    assert average(table, ["a:prompt"]) == 1.0


def test_an_average_names_every_cell_it_lacks():
    table = scores(judged([1, 0], [1, 0]))
    with pytest.raises(MissingCellsError, match=r"x:prompt, y:response"):
        average(table, ["x:prompt", CELL, "y:response"])


def test_the_best_case_changes_only_what_could_not_be_parsed_in_the_cells_named():
    here, there = (judged([1, 0, 1], [None, None, 0], cell=cell) for cell in ("a:p", "b:p"))
    granted = best_case(pd.concat([here, there]), ["a:p"])
    assert granted["predicted"][:3].tolist() == [True, False, False]
    assert granted["predicted"][3:].isna().tolist() == [True, True, False]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from(POLICIES))
def test_every_parse_policy_scores_between_the_worst_and_the_best_case(rows, policy):
    truth, predicted = zip(*rows, strict=True)
    judgements = judged(truth, predicted)
    bounds = f1_bounds(judgements).loc[CELL]
    f1 = scores(judgements, policy).loc[CELL, "f1"]
    assert bounds["worst"] - 1e-12 <= f1 <= bounds["best"] + 1e-12


def test_the_bounds_worked_by_hand():
    bounds = f1_bounds(judged([1, 1, 0], [1, None, None])).loc[CELL]
    assert (bounds["worst"], bounds["best"]) == (0.5, 1.0)
