"""What judgements show of one test of a claim: differences, with all that a verdict rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from reasoning_guards.claims import Test, World, cells
from reasoning_guards.intervals import Interval, bootstrap_contrast, seed_contrasts
from reasoning_guards.scoring import ParsePolicy, best_case, cohen_kappa
from reasoning_guards.single_cells import cell_contrast

_BESIDE = {"safety": "safety_without_all_positive"}
"""An average, and the one to be given beside it."""


@dataclass(frozen=True)
class Measured:
    """What was measured for one test of a claim.

    Attributes:
        difference: treatment minus control (less that of another contrast, where the test names
            one), unparsable outputs counted as `measure` was told; or the measure itself. Its
            interval is of the level that the test's region asks for.
        best_case, worst_case: the same where the unparsable outputs of one side of the contrast
            count as right: the side that favours the claim, or the other.
        seed_differences: the same for each training seed; none where what is measured is not of
            training runs, as the lengths of training traces are not.
        beside: the difference without the set whose examples are all harmful, on which F1 is
            degenerate; given for the safety average.
        beyond_chance: a claimed direction's difference in Cohen's kappa, which is F1 less what
            saying "harmful" as often, but at random, would score.
    """

    difference: Interval
    best_case: Interval
    worst_case: Interval
    seed_differences: tuple[float, ...] = ()
    beside: Interval | None = None
    beyond_chance: Interval | None = None

    @classmethod
    def otherwise(cls, interval: Interval, seeds: Sequence[float] = ()) -> "Measured":
        """What is no average of F1, and its values for each training seed where it has them."""
        return cls(interval, interval, interval, tuple(seeds))

    @property
    def decisive(self) -> list[Interval]:
        """The intervals that must all lie in the claimed region."""
        given = (self.difference, self.best_case, self.worst_case, self.beyond_chance)
        return [each for each in given if each is not None]


def can_be_measured(test: Test, world: World, judgements: Mapping[str, pd.DataFrame]) -> bool:
    """Whether each variant that a test names was judged in each of its cells."""
    named = [judgements.get(name) for name in test.coefficients()]
    wanted = set(test.weights(world))
    return bool(named) and all(
        frame is not None and wanted <= set(frame["cell"]) for frame in named
    )


def measure(
    test: Test,
    world: World,
    judgements: Mapping[str, pd.DataFrame],
    replicates: int,
    seed: int,
    policy: ParsePolicy,
) -> Measured:
    """A test's difference of F1, by bootstrap; in a single cell, by `single_cells`.

    Variants are compared over the training seeds that all of them have.

    Raises:
        UnpairedError: two variants were not judged on the same examples, or no training seed is
            common to all.
    """
    weights, coefficients = test.weights(world), test.coefficients()
    signs = list(coefficients.values())
    level = test.region().level
    judged = _same_seeds([judgements[name] for name in coefficients])
    bootstrap = partial(bootstrap_contrast, replicates=replicates, seed=seed, level=level)
    f1 = partial(cell_contrast, level=level) if len(weights) == 1 else bootstrap

    def granted(side: int) -> list[pd.DataFrame]:
        """As if all unparsable outputs had been right that then raise (1) or lower (-1) it."""
        return [
            best_case(frame, [cell for cell, weight in weights.items() if side * sign * weight > 0])
            for frame, sign in zip(judged, signs, strict=True)
        ]

    beside = _BESIDE.get(test.average or "") if test.beyond is None else None
    return Measured(
        difference=f1(judged, signs, weights, policy=policy),
        best_case=f1(granted(1), signs, weights),
        worst_case=f1(granted(-1), signs, weights),
        beyond_chance=bootstrap(judged, signs, weights, policy=policy, score=cohen_kappa)
        if test.kind == "direction"
        else None,
        seed_differences=tuple(seed_contrasts(judged, signs, weights, policy)),
        beside=None
        if beside is None
        else bootstrap(judged, signs, cells(beside, world), policy=policy),
    )


def _same_seeds(judged: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """The runs of the seeds that all variants have: an arm beside the main ones may have fewer."""
    if not all("seed" in frame for frame in judged):
        return judged
    shared = set.intersection(*(set(frame["seed"]) for frame in judged))
    return [frame[frame["seed"].isin(shared)] for frame in judged] if shared else judged
