"""The paper's claims, stated before they are tested: the ledger's schema, and how it is read.

`claims.yaml` holds the claims and the named averages they speak of; `decisions` judges them.
"""

from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self, assert_never

import yaml
from pydantic import Field, model_validator

from reasoning_guards.errors import UserError
from reasoning_guards.hypotheses import Region
from reasoning_guards.paper.printed import Entry, Printed, Stated

World = Literal["hub", "embedded"]
"""Where a claim is tested: on the real sets, or in the synthetic world that ships with us."""

Kind = Literal["direction", "magnitude", "non_inferiority", "equivalence", "shape"]
"""Which rule judges a claim: see `Test.region`. A shape is several tests that must all hold."""


class UnknownAverageError(UserError):
    """No average of that name is defined."""


class Contrast(Entry):
    """Two variants whose difference, treatment minus control, is spoken of."""

    treatment: str
    control: str


class Test(Entry):
    """What is measured, and the region it is claimed to lie in.

    Attributes:
        kind: which rule judges it.
        contrast: the two variants it compares, if it compares two.
        over: if named, the gain of `contrast` is claimed to exceed the gain of this one.
        average: the named average in which they are compared; None where something else than F1
            is measured.
        beyond: if named, the gain on `average` is claimed to exceed the gain on this one.
        margin: how far below zero (non-inferiority) or from zero (equivalence) a difference may
            lie; on the scale of what is measured.
        band: what a magnitude is claimed to lie in.
        paper: where the paper prints its numbers for it, if it does.
    """

    __test__ = False  # pytest is not to collect it

    kind: Kind
    contrast: Contrast | None = None
    over: Contrast | None = None
    average: str | None = None
    beyond: str | None = None
    margin: Annotated[float, Field(gt=0)] | None = None
    band: tuple[float, float] | None = None
    paper: Printed | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_takes(self) -> Self:
        if (self.margin is not None) != (self.kind in ("non_inferiority", "equivalence")):
            raise ValueError("non-inferiority and equivalence take a margin, and nothing else does")
        if (self.band is not None) != (self.kind == "magnitude"):
            raise ValueError("a magnitude takes a band, and nothing else does")
        if self.over is not None and self.contrast is None:
            raise ValueError("only a contrast is set over another")
        return self

    def region(self) -> Region:
        """Where the value is claimed to lie, and the level of the interval that has to lie there.

        Direction: above zero. Magnitude: within the band. Non-inferiority: above minus the margin.
        Equivalence: between minus and plus the margin, with a 90 % interval (TOST at 5 %).
        A shape has no region of its own, but one for each of its tests.
        """
        margin = self.margin or 0.0
        match self.kind:
            case "direction" | "shape":
                return Region(low=0.0)
            case "magnitude":
                return Region(*self.band) if self.band else Region()
            case "non_inferiority":
                return Region(low=-margin)
            case "equivalence":
                return Region(low=-margin, high=margin, level=0.90)
            case _:
                assert_never(self.kind)

    def coefficients(self) -> dict[str, float]:
        """What each variant counts for in what is measured; they sum to 0."""
        summed: Counter[str] = Counter()
        for contrast, sign in ((self.contrast, 1), (self.over, -1)):
            if contrast is not None:
                summed[contrast.treatment] += sign
                summed[contrast.control] -= sign
        return {variant: float(count) for variant, count in summed.items() if count}

    def weights(self, world: World) -> dict[str, float]:
        """The weight of each cell: those of `average` sum to 1, those of `beyond` to -1.

        Empty where no average of F1 is measured.
        """
        if self.average is None:
            return {}
        plus = cells(self.average, world)
        weights = dict.fromkeys(plus, 1 / len(plus))
        if self.beyond is not None:
            minus = cells(self.beyond, world)
            weights |= dict.fromkeys(minus, -1 / len(minus))
        return weights


class Claim(Test):
    """One claim, as it is tested here; what a `Test` has, and:

    Attributes:
        id: its name in the ledger.
        chapter: name of the notebook that tests it.
        section: where the paper makes it; "ours" for a claim that this study adds.
        statement: the claim in our words.
        primary: the one claim its question stands or falls with; all others are exploratory.
        measure: what is measured where it is no average of F1; the chapter supplies it.
        stated: what the paper says about its size in words.
        parts: the tests of a shape.
    """

    id: str
    chapter: str
    section: str
    statement: str
    primary: bool
    measure: str | None = None
    stated: Stated | None = None
    parts: tuple[Test, ...] = ()

    @model_validator(mode="after")
    def _can_be_tested(self) -> Self:
        if bool(self.parts) != (self.kind == "shape"):
            raise ValueError("a shape has parts, and nothing else does")
        if (self.measure is None) != (self.average is not None):
            raise ValueError("a claim names either an average or another measure")
        if self.measure is None and not all(test.contrast and test.average for test in self.tests):
            raise ValueError("a claim about F1 names two variants and an average")
        return self

    @property
    def place(self) -> str:
        """Where the claim is made, as tables show it."""
        return "this study" if self.section == "ours" else f"§{self.section}"

    @property
    def tests(self) -> tuple[Test, ...]:
        """What must hold for the claim to hold: the parts of a shape, or the claim itself."""
        return self.parts or (self,)

    def rooms(self) -> list[tuple[Test, float]]:
        """How far inside its region the paper's own number lies, for each test that has one."""
        rooms = []
        for test in self.tests:
            if test.paper is not None:
                rooms.append((test, test.region().room(test.paper.difference())))
            elif self.stated is not None:
                rooms.append((test, test.region().room((self.stated.low + self.stated.high) / 2)))
        return rooms

    def claimed_effect(self) -> float | None:
        """The smallest of these.

        An effect that can only be told apart from zero when it is larger than this leaves the
        claim open. None where the paper gives no number, or one outside of its own claim.
        """
        room = min((room for _, room in self.rooms()), default=0.0)
        return room if room > 0 else None


class Ledger(Entry):
    """All of `claims.yaml`: the cells of each world, the averages over them, and the claims."""

    cells: dict[str, dict[World, str]]
    averages: dict[str, tuple[str, ...]]
    claims: tuple[Claim, ...]


def load() -> dict[str, Claim]:
    """Every claim by its id, in the order of the ledger."""
    return {claim.id: claim for claim in _ledger().claims}


def cells(average: str, world: World) -> list[str]:
    """The cells of a named average, in the order of the paper's tables; a cell may stand alone.

    Raises:
        UnknownAverageError: there is no such average.
    """
    ledger = _ledger()
    averages = {name: (name,) for name in ledger.cells} | ledger.averages
    if average not in averages:
        raise UnknownAverageError(
            f"No average is called {average!r}: choose one of {', '.join(ledger.averages)}."
        )
    return [ledger.cells[cell][world] for cell in averages[average]]


@cache
def _ledger() -> Ledger:
    text = files("reasoning_guards").joinpath("claims.yaml").read_text(encoding="utf-8")
    return Ledger.model_validate(yaml.safe_load(text))
