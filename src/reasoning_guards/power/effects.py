"""The smallest effect that each claim's design can detect.

A claim holds where an interval lies wholly in its region (see `hypotheses`). What is computed here
is how far inside that region the true value has to be for this to happen in four of five studies.
With a region of one end and the standard error `se` that is `(z(.975) + z(.80)) se`, the usual
formula (Miller 2024, "Adding Error Bars to Evals"). A region of two ends is two one-sided tests,
both of which must succeed (Schuirmann 1987).
"""

from math import inf, sqrt
from statistics import NormalDist

from reasoning_guards import claims
from reasoning_guards.claims import Claim, Test
from reasoning_guards.hypotheses import Region
from reasoning_guards.power.variance import Design, standard_error

POWER = 0.80
"""How often a study is to find what is there."""

_NORMAL = NormalDist()


def detectable_effects(design: Design | None = None) -> dict[str, float]:
    """By claim, the smallest distance into its region that is found with `POWER`.

    As `Study.findings` takes it, on the scale of `Claim.claimed_effect`. Infinite where the region
    is too narrow for any value in it to be found so often. Claims that measure no average of F1 are
    left out: what their measures vary by is not known here.
    """
    return {
        claim.id: detectable_effect(claim, design or Design())
        for claim in claims.load().values()
        if claim.measure is None
    }


def detectable_effect(claim: Claim, design: Design) -> float:
    """The same for one claim about F1.

    Of a shape, the distance that each of its k tests has to have for all of them to succeed with
    `POWER` however they depend on each other: each fails in at most a k-th of the other studies
    (Bonferroni), which is little more than independent tests would ask.
    """
    each = 1 - (1 - POWER) / len(claim.tests)
    return max(detectable_room(test.region(), error_of(test, design), each) for test in claim.tests)


def error_of(test: Test, design: Design) -> float:
    """Standard error of what a test about F1 measures.

    That of the difference of two guards; where a test sets one contrast over another, all guards
    being alike and any two as dependent as any others, that times the root of half the sum of
    their squared coefficients.
    """
    of_guards = sqrt(sum(count**2 for count in test.coefficients().values()) / 2)
    return of_guards * standard_error(test.weights("hub"), design)


def power_as_printed(claim: Claim, design: Design) -> float | None:
    """How often a study would bear a claim about F1 out if the paper's own numbers were the truth.

    Of a shape, at most so often: as its least powerful test. None where the paper gives no number.
    """
    return min(
        (power_at(test.region(), error_of(test, design), room) for test, room in claim.rooms()),
        default=None,
    )


def detectable_room(region: Region, se: float, power: float = POWER) -> float:
    """How far inside a region the true value has to lie to be found there with this power.

    Infinite where not even the middle of the region is found so often.
    """
    critical = _NORMAL.inv_cdf((1 + region.level) / 2)
    one_end = (critical + _NORMAL.inv_cdf(power)) * se
    middle = (region.high - region.low) / 2
    if middle == inf:
        return one_end
    if power_at(region, se, middle) < power:
        return inf
    # Power grows towards the middle; the second end can only ask for more than the first.
    low, high = min(one_end, middle), middle
    for _ in range(60):
        between = (low + high) / 2
        low, high = (low, between) if power_at(region, se, between) >= power else (between, high)
    return high


def power_at(region: Region, se: float, room: float) -> float:
    """How often the interval lies in the region if the true value lies this far inside it."""
    critical = _NORMAL.inv_cdf((1 + region.level) / 2)
    rooms = (room, region.high - region.low - room)
    return max(0.0, sum(_NORMAL.cdf(each / se - critical) for each in rooms) - 1)


def smallest_provable_margin(se: float, level: float = 0.90) -> float:
    """The margin within which two guards that are truly equal are found so with `POWER`."""
    return (_NORMAL.inv_cdf((1 + level) / 2) + _NORMAL.inv_cdf((1 + POWER) / 2)) * se
