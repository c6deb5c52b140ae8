"""Regions, margins and Holm's correction, against worked examples."""

from math import inf

import pytest
from scipy import stats

from reasoning_guards.hypotheses import Region, holm, smallest_margin
from reasoning_guards.intervals import Interval

ABOVE_ZERO, NEAR_ZERO = Region(low=0.0), Region(-0.01, 0.01, level=0.90)


@pytest.mark.parametrize(
    ("region", "low", "high", "side"),
    [
        (ABOVE_ZERO, 0.01, 0.02, 1),
        (ABOVE_ZERO, 0.0, 0.02, 0),
        (ABOVE_ZERO, -0.02, -0.01, -1),
        (ABOVE_ZERO, -0.02, 0.0, 0),
        (NEAR_ZERO, -0.009, 0.009, 1),
        (NEAR_ZERO, -0.009, 0.01, 0),
        (NEAR_ZERO, -0.01, 0.009, 0),
        (NEAR_ZERO, -0.05, 0.05, 0),
        (NEAR_ZERO, 0.011, 0.02, -1),
        (NEAR_ZERO, -0.02, -0.011, -1),
        (Region(low=-0.03), -0.029, 0.5, 1),
        (Region(low=-0.03), -0.04, -0.031, -1),
    ],
)
def test_an_interval_lies_inside_outside_or_across(region, low, high, side):
    assert region.side(low, high) == side


@pytest.mark.parametrize(
    ("differences", "side"),
    [
        ([], 0),
        ([0.005], 0),  # one run does not know what training adds
        ([0.005, -0.005], 1),
        ([0.005, 0.02], 0),
        ([0.02, 0.03], -1),
        ([0.02, -0.03], 0),
        ([0.001, 0.002, 0.001, 0.002], 1),
        ([0.009, -0.009, 0.009, -0.009], 0),
        ([0.02, 0.021, 0.02, 0.021], -1),
        ([0.0, 0.0, 0.0, 0.011, 0.0, 0.0], 1),  # t decides, not every seed
    ],
)
def test_seeds_are_judged_by_their_t_interval_or_all_of_them(differences, side):
    assert NEAR_ZERO.seeds_side(differences) == side


def test_the_seeds_interval_is_of_the_regions_level():
    differences = [0.004, 0.0085, 0.001, 0.0095]
    mean, se = stats.tmean(differences), stats.sem(differences)
    reach = {level: stats.t.ppf((1 + level) / 2, 3) * se for level in (0.90, 0.95)}
    assert mean + reach[0.90] < 0.0115 < mean + reach[0.95]
    assert Region(-0.0115, 0.0115, 0.90).seeds_side(differences) == 1
    assert Region(-0.0115, 0.0115, 0.95).seeds_side(differences) == 0


def normal(estimate, se, level):
    reach = stats.norm.ppf((1 + level) / 2) * se
    return Interval(estimate, estimate - reach, estimate + reach, se, level)


@pytest.mark.parametrize("region", [ABOVE_ZERO, NEAR_ZERO, Region(low=-0.03), Region(0.0, 0.02)])
@pytest.mark.parametrize("estimate", [-0.02, 0.0, 0.004, 0.0065, 0.015])
@pytest.mark.parametrize("se", [0.001, 0.002, 0.005, 0.02])
def test_a_p_value_is_below_alpha_where_the_interval_lies_inside(region, estimate, se):
    interval = normal(estimate, se, region.level)
    inside = region.side(interval.low, interval.high) == 1
    assert (region.p_value(interval) < 0.05) == inside


def test_p_values_of_a_direction_and_of_tost():
    assert ABOVE_ZERO.p_value(normal(0.02, 0.01, 0.95)) == pytest.approx(2 * stats.norm.sf(2))
    assert NEAR_ZERO.p_value(normal(0.004, 0.002, 0.90)) == pytest.approx(stats.norm.sf(3))
    assert ABOVE_ZERO.p_value(normal(-0.02, 0.01, 0.95)) == 1
    assert ABOVE_ZERO.p_value(Interval(0.1, 0.1, 0.1, 0.0, 0.95)) == 0
    assert ABOVE_ZERO.p_value(Interval(0.0, 0.0, 0.0, 0.0, 0.95)) == 1


@pytest.mark.parametrize("estimate", [-0.003, 0.0, 0.006])
def test_tost_passes_just_above_the_smallest_margin_and_not_below(estimate):
    interval = normal(estimate, 0.002, 0.90)
    margin = smallest_margin(interval)
    for factor, side in ((1.001, 1), (0.999, 0)):
        region = Region(-margin * factor, margin * factor, level=0.90)
        assert region.side(interval.low, interval.high) == side


def test_holms_p_values_are_those_of_a_worked_example():
    given = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(given) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(holm(given)) == list(given)
    assert holm({"a": 0.7, "b": 0.6}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_the_room_in_a_region_is_negative_outside():
    assert NEAR_ZERO.room(0.004) == pytest.approx(0.006)
    assert NEAR_ZERO.room(-0.012) == pytest.approx(-0.002)
    assert Region().room(0) == inf
