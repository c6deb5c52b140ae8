"""The rules that judge the paper's claims, and the words they judge them with.

A claim about the real sets and its likeness in the embedded world get different words, so that
nobody mistakes one for the other. A rule is one for all kinds of claims (see `hypotheses`): what
was measured lies in the claimed region, outside it, or the interval leaves it open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from reasoning_guards.claims import Claim, Test, World
from reasoning_guards.hypotheses import smallest_margin
from reasoning_guards.intervals import Interval
from reasoning_guards.measuring import Measured, can_be_measured, measure
from reasoning_guards.scoring import ParsePolicy

Verdict = Literal[
    "reproduced",
    "contradicted",
    "inconclusive",
    "underpowered",
    "pattern seen",
    "opposite seen",
    "not seen",
    "unclear",
    "not run",
]
"""The words of the hub, then the embedded world's; "not run" is of both. Only a direction has an
opposite: what lies outside of a band or a margin was not seen."""

Reason = Literal["interval", "unparsable answers", "kappa", "one run", "seeds"]
"""What leaves a claim open: its interval reaches over an end of the region; or it does not, and
how unparsable answers are counted, Cohen's kappa or the training seeds do not bear it out."""


@dataclass(frozen=True)
class Finding:
    """What was found about a claim: the verdict, and what it rests on.

    Attributes:
        verdict: the word the rule gives.
        measured: one for each of the claim's tests; none where it was not run.
        p_value: for Holm's correction; the largest over tests and parse policies, since all must
            hold. It knows the sample's variance, not that of the seeds.
        smallest_margin: the margin with which the claimed equivalence would be found.
        reasons: why the verdict is open; none where it is not.
    """

    verdict: Verdict
    measured: tuple[Measured, ...] = ()
    p_value: float | None = None
    smallest_margin: float | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def difference(self) -> Interval | None:
        """What was measured, where the claim is a single test."""
        return self.measured[0].difference if len(self.measured) == 1 else None

    @property
    def explained(self) -> str:
        """The verdict as tables show it: where it is open, with the reasons."""
        return f"{self.verdict} ({', '.join(self.reasons)})" if self.reasons else self.verdict


def assess(
    claim: Claim,
    world: World,
    judgements: Mapping[str, pd.DataFrame],
    replicates: int = 2000,
    seed: int = 0,
    detectable: float | None = None,
    policy: ParsePolicy = "wrong",
) -> Finding:
    """Test a claim on the judgements of each variant (see `scoring` for their columns).

    "not run" where a variant of the claim is not given or one of its cells was not judged, and for
    claims about other measures than F1: `assess_measure` judges those.

    Args:
        claim: what is tested.
        world: on whose cells, and in whose words.
        judgements: by variant.
        replicates: resamples behind each interval.
        seed: of the resampling.
        detectable: the smallest effect that this many samples and seeds can detect, if known.
        policy: what an unparsable output counts as, beside the best and the worst case.

    Raises:
        UnpairedError: two variants were not judged on the same examples, or no training seed is
            common to all of a test.
    """
    if claim.measure is not None or not all(
        can_be_measured(test, world, judgements) for test in claim.tests
    ):
        return Finding("not run")
    measured = [measure(test, world, judgements, replicates, seed, policy) for test in claim.tests]
    return _finding(claim, world, measured, detectable)


def assess_measure(
    claim: Claim, world: World, measured: Measured, detectable: float | None = None
) -> Finding:
    """Judge a measure that is no average of F1 (seconds, lengths, spreads) by its claim's rule.

    Args:
        claim: one that names a `measure`.
        world: in whose words.
        measured: its interval, of the level `claim.region()` asks for; and where training runs
            were measured, each one's value.
        detectable: the smallest effect that the measurement can detect, if known.

    Raises:
        ValueError: the interval is of another level.
    """
    if measured.difference.level != claim.region().level:
        raise ValueError(f"{claim.id} asks for an interval of level {claim.region().level}.")
    return _finding(claim, world, [measured], detectable)


def verdict(claim: Claim, world: World, measured: Sequence[Measured]) -> Verdict:
    """The word for a claim whose tests were all run.

    It holds if, in each test, the intervals lie wholly in the claimed region however unparsable
    outputs are treated, and the training seeds bear it out (see `Region.seeds_side`). It fails if
    in any test all of them lie wholly outside. Anything else leaves it open. A direction must hold
    (or fail) in Cohen's kappa too: of two guards that both guess, the one that says "harmful" more
    often has the higher F1.
    """
    sides = [_side(test, each) for test, each in zip(claim.tests, measured, strict=True)]
    hub = world == "hub"
    if min(sides) == 1:
        return "reproduced" if hub else "pattern seen"
    if min(sides) == -1:
        if hub:
            return "contradicted"
        return "opposite seen" if claim.kind == "direction" else "not seen"
    return "inconclusive" if hub else "unclear"


def reasons(claim: Claim, measured: Sequence[Measured]) -> tuple[Reason, ...]:
    """What leaves a claim open whose tests were all run; nothing where it is not open.

    A shape of which one part failed is not, whatever its other parts are.
    """
    pairs = list(zip(claim.tests, measured, strict=True))
    if min(_side(test, each) for test, each in pairs) == -1:
        return ()
    return tuple(dict.fromkeys(why for test, each in pairs for why in _reasons(test, each)))


def _side(test: Test, measured: Measured) -> int:
    own = test.region().side(measured.difference.low, measured.difference.high)
    return 0 if _reasons(test, measured) else own


def _reasons(test: Test, measured: Measured) -> list[Reason]:
    """What leaves a test open. Where its own interval does, nothing else needs to be asked."""
    region = test.region()
    own = region.side(measured.difference.low, measured.difference.high)
    if own == 0:
        return ["interval"]
    chance = measured.beyond_chance
    found: list[Reason] = []
    if any(
        region.side(each.low, each.high) != own
        for each in (measured.best_case, measured.worst_case)
    ):
        found.append("unparsable answers")
    if chance is not None and region.side(chance.low, chance.high) != own:
        found.append("kappa")
    seeds = measured.seed_differences
    trained = test.average is not None or seeds
    if trained and region.seeds_side(seeds) != own:
        found.append("seeds" if len(seeds) > 1 else "one run")
    return found


def _finding(
    claim: Claim, world: World, measured: Sequence[Measured], detectable: float | None
) -> Finding:
    word = verdict(claim, world, measured)
    claimed = claim.claimed_effect()
    if (
        word == "inconclusive"
        and detectable is not None
        and claimed is not None
        and detectable > claimed
    ):
        word = "underpowered"
    pairs = list(zip(claim.tests, measured, strict=True))
    p_value = max(test.region().p_value(each) for test, found in pairs for each in found.decisive)
    margins = [
        smallest_margin(each)
        for test, found in pairs
        if test.kind == "equivalence"
        for each in (found.difference, found.best_case, found.worst_case)
    ]
    smallest = max(margins, default=None)
    return Finding(word, tuple(measured), p_value, smallest, reasons(claim, measured))
