"""The page on detectable effects: every claim once, what is not known left out, words computed."""

import numpy as np
import pytest

from reasoning_guards.claims import cells, load
from reasoning_guards.power import coverage
from reasoning_guards.power.effects import detectable_effects
from reasoning_guards.power.shapes import shapes
from reasoning_guards.power.variance import Design
from reasoning_guards.report import detectable, figures, standard_errors

VERDICT = "Verdict on the design"


@pytest.fixture(scope="module")
def table():
    return detectable.table()


def test_every_claim_has_its_row(table):
    assert list(table.index) == list(load())


def test_what_measures_no_f1_is_not_computed(table):
    other = [claim.id for claim in load().values() if claim.measure is not None]
    columns = ["SE", "Detectable", "Power as printed", VERDICT]
    assert (table.loc[other, columns] == "not computed").all(axis=None)
    assert not (table.drop(index=other)[columns] == "not computed").any(axis=None)


def test_the_verdict_compares_what_is_claimed_with_what_is_detectable(table):
    fixed, varying = detectable_effects(), detectable_effects(Design(training_sd=0.005))
    for name, claim in load().items():
        claimed, word = claim.claimed_effect(), table.loc[name, VERDICT]
        if claim.measure is not None:
            continue
        if claimed is None:
            assert word in ("contradicted by the paper's number", "no number given")
        elif claimed < fixed[name]:
            assert word == "could not have been shown"
        elif claimed < varying[name]:
            assert word == "not if training varies"
        else:
            assert word == "could have been shown"


def test_other_assumptions_are_shown_for_the_claims_with_a_number(table):
    shown = detectable.assumptions()
    without = ("not computed", "no number given", "contradicted by the paper's number")
    assert list(shown.index) == list(table.index[~table[VERDICT].isin(without)])
    assert (shown["as assumed"] == table.loc[shown.index, "Detectable"]).all()
    least = shown.replace("none", np.inf).astype(float)
    assert (least["guards 0.95 alike"] <= least["as assumed"]).all()
    assert (least["as assumed"] <= least["one generation"]).all()
    assert (least["the same, four runs"] <= least["training SD 0.005"]).all()


def test_a_claim_without_a_number_is_told_from_one_the_number_contradicts(table):
    assert table.loc["rq5_overfitting", VERDICT] == "no number given"
    assert table.loc["rq7_released", VERDICT] == "contradicted by the paper's number"


def test_the_glued_counts_add_up():
    glued = detectable.numbers(simulated=20)
    parts = ("power_not_shown", "power_if_varying", "power_shown")
    assert sum(int(glued[name]) for name in parts) == int(glued["power_with_effect"])
    others = ("power_with_effect", "power_not_computed", "power_no_effect")
    assert sum(int(glued[name]) for name in others) == int(glued["power_claims"]) == len(load())


def test_an_interval_over_examples_covers_less_the_more_training_varies():
    glued = detectable.numbers(simulated=20)
    # 1.96 standard errors of 0.0047 beside 0.005 times the root of two.
    assert glued["power_covered_one"] == "72 %"
    assert glued["power_covered_several"] == "88 %"


def test_guards_that_are_more_alike_are_told_apart_more_surely():
    shown = detectable.correlations()
    for column in ("SE, prompt 0.3", "Detectable", "Provable margin"):
        assert shown[column].astype(float).is_monotonic_decreasing
    assert shown["Same verdict"].str.rstrip("%").astype(float).is_monotonic_increasing


def test_what_is_published_of_a_cells_size_is_told_from_what_is_assumed():
    shown = standard_errors.cells()
    known = shown["Counts"]
    assert known.value_counts().to_dict() == {"published": 7, "rows published": 6, "assumed": 5}
    sizes = shown["Examples"].astype(int)
    aegis, cosa = "Aegis-AI-Content-Safety-Dataset-2.0, prompt", "language_learning, prompt"
    assert (sizes[aegis], sizes[cosa]) == (1964, 40)
    assert known[aegis] == known[cosa] == "rows published"
    dynaguard = [f"{part}, prompt" for part in ("finance", "safety", "injection", "tax")]
    assert sizes[dynaguard].sum() == 2362
    assert set(known[dynaguard]) == {"assumed"}


def test_the_coverage_of_single_cells_is_shown_as_it_was_counted():
    shown = standard_errors.covered(60)
    (jbb,) = shapes(cells("jbb", "hub"))
    rule, bootstrap = coverage.in_cell(jbb, 60)
    row = shown.loc["JBB-Behaviors, response"]
    assert (row["Wilson's limits"], row["Bootstrap"]) == (f"{rule:.0%}", f"{bootstrap:.0%}")
    assert len(shown) == 4


def test_the_figure_has_a_point_of_each_kind_where_there_is_one(monkeypatch):
    drawn = {}
    monkeypatch.setattr(figures, "detectable", lambda effects: drawn.setdefault("rows", effects))
    detectable.figure()
    rows = drawn["rows"]
    assert (rows["claimed"] > 0).all()
    assert (rows["detectable"] <= rows["varying"]).all()
    monkeypatch.undo()
    axes = figures.detectable(rows).light.axes[0]
    claimed, seen, never = (len(line.get_xdata()) for line in axes.lines)
    assert claimed == len(rows) == seen + never
    assert never == np.isinf(rows["detectable"]).sum() > 0
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows.index[::-1])
