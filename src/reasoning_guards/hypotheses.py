"""What an interval says of a hypothesis, when a hypothesis is a region that a value is to lie in.

A claimed direction is the region above zero, a band is itself, non-inferiority is all above minus
the margin, equivalence all between minus and plus the margin. An interval inside the region bears
the hypothesis out: with a region of two ends these are two one-sided tests (TOST, Schuirmann 1987).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import NormalDist

from reasoning_guards.intervals import Interval, paired_seed_interval

ALPHA = 0.05
"""The p-value below which a hypothesis counts as borne out."""


@dataclass(frozen=True)
class Region:
    """The values between `low` and `high`, themselves excluded, that a hypothesis speaks of.

    Attributes:
        low, high: its ends, in the unit of what is measured.
        level: of the interval that has to lie inside. 0.95 leaves 2.5 % on each side; TOST at 5 %
            takes 0.90.
    """

    low: float = -inf
    high: float = inf
    level: float = 0.95

    def side(self, low: float, high: float) -> int:
        """1 if all from `low` to `high` lies in the region, -1 if all outside, 0 otherwise."""
        if self.low < low and high < self.high:
            return 1
        return -1 if high < self.low or low > self.high else 0

    def seeds_side(self, differences: Sequence[float]) -> int:
        """The same for training seeds: their t interval or, with too few for one, all of them.

        0 for a single seed: one training run cannot tell what is owed to chance in training.
        """
        interval = paired_seed_interval(differences, self.level)
        if interval is not None:
            return self.side(interval.low, interval.high)
        return self.side(min(differences), max(differences)) if len(differences) > 1 else 0

    def p_value(self, interval: Interval) -> float:
        """How surely the value lies in the region, by the normal approximation: small is sure.

        The larger p of two one-sided tests, on such a scale that it is below `ALPHA` where a normal
        interval of the region's level lies inside.
        """
        room = self.room(interval.estimate)
        if interval.se == 0:
            return 0.0 if room > 0 else 1.0
        one_sided = NormalDist().cdf(-room / interval.se)
        return min(1.0, one_sided * ALPHA / ((1 - self.level) / 2))

    def room(self, value: float) -> float:
        """How far inside the region a value lies; negative outside."""
        return min(value - self.low, self.high - value)


def smallest_margin(interval: Interval) -> float:
    """The margin just above which TOST on this interval would find equivalence."""
    return max(abs(interval.low), abs(interval.high))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values (Holm 1979): below alpha where the step-down test rejects."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
