"""Where the paper prints the numbers of a claim, and what it gives in words alone."""

from statistics import mean
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from reasoning_guards import paper


class Entry(BaseModel):
    """Base of what stands in the ledger: frozen, and closed to fields nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Entry):
    """A column of one of the paper's tables."""

    table: int
    column: str


class Printed(Entry):
    """Where the paper prints a claim's numbers: two rows, and the columns they are compared in.

    Several columns stand for their mean; the gain there is measured against the gain in the
    columns of `beyond`, if any, and against the gain that is printed at `over`, if anywhere.
    """

    treatment: str
    control: str
    average: Annotated[tuple[Column, ...], Field(min_length=1)]
    beyond: tuple[Column, ...] = ()
    over: "Printed | None" = None

    def scores(self) -> tuple[float, float]:
        """The paper's treatment and control, each less its own mean in `beyond`."""
        return self._score(self.treatment), self._score(self.control)

    def difference(self) -> float:
        """The paper's treatment minus its control; less that in `beyond`, and less that `over`."""
        treatment, control = self.scores()
        return treatment - control - (self.over.difference() if self.over else 0)

    def _score(self, row: str) -> float:
        average, beyond = (
            [paper.value(column.table, row, column.column) for column in columns]
            for columns in (self.average, self.beyond)
        )
        return mean(average) - (mean(beyond) if beyond else 0)


class Stated(Entry):
    """A figure that the paper gives in words alone, from `low` to `high`."""

    low: float
    high: float
    unit: Literal["F1", "share", "sentences", "tokens", "seconds"]
