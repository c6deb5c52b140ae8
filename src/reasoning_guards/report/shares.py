"""Shares of rows that have a source in common, with their limits."""

from collections.abc import Iterable
from statistics import NormalDist, mean

from reasoning_guards.intervals import Interval


def share(said: Iterable[tuple[str, bool]], level: float = 0.95) -> Interval | None:
    """A share with Wilson's limits (1927), as if each cluster were one row; None of nothing.

    That takes all of a cluster's rows for the same, so the limits are wide rather than narrow.

    Args:
        said: each row's cluster, and whether it counts.
    """
    rows = list(said)
    if not rows:
        return None
    p, n = mean(flag for _, flag in rows), len({cluster for cluster, _ in rows})
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = max(centre - reach, 0.0), min(centre + reach, 1.0)
    return Interval(float(p), low, high, (p * (1 - p) / n) ** 0.5, level)


def text(said: Iterable[tuple[str, bool]]) -> str:
    """The share and its limits, for a cell or for prose."""
    interval = share(said)
    if interval is None:
        return "–"
    return f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
