"""What became of traces, counted: by round, by reason, and what was recovered or lost."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reasoning_guards.distil.attempts import Outcome, State


@dataclass
class Tally:
    """Counts over the outcomes of one stage; written to and read from the report as they are.

    Attributes:
        states: examples by how they ended.
        came, passed: answers by round, the first being 0.
        rejected: answers by (round, reason); an answer may have several reasons.
        recovered, lost: examples that were rejected for a reason in their first round, by whether a
            later round gave them a trace.
    """

    states: Counter[State] = field(default_factory=Counter)
    came: Counter[int] = field(default_factory=Counter)
    passed: Counter[int] = field(default_factory=Counter)
    rejected: Counter[tuple[int, str]] = field(default_factory=Counter)
    recovered: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count an example."""
        self.states[outcome.state] += 1
        for number, reasons in enumerate(outcome.rounds):
            self.came[number] += 1
            self.passed[number] += not reasons
            self.rejected.update((number, reason) for reason in reasons)
        if outcome.rounds and outcome.state in ("kept", "lost"):
            ended = self.recovered if outcome.state == "kept" else self.lost
            ended.update(outcome.rounds[0])


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """The counts of all outcomes."""
    counted = Tally()
    for outcome in outcomes:
        counted.add(outcome)
    return counted
