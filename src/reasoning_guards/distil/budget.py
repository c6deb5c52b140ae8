"""What a distillation may spend, in tokens and in money, and what it has spent."""

from dataclasses import dataclass

from reasoning_guards.distil.answers import Answer


@dataclass
class Budget:
    """Counts every answer that a distillation uses, those of earlier runs as well.

    Attributes:
        tokens: of questions and answers together, or None for no limit.
        cost: in the currency of the prices, or None for no limit.
        price_in, price_out: per million tokens of questions and of answers.
    """

    tokens: int | None = None
    cost: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    answers: int = 0
    spent_in: int = 0
    spent_out: int = 0

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.answers += 1
        self.spent_in += answer.prompt_tokens
        self.spent_out += answer.completion_tokens

    @property
    def spent_tokens(self) -> int:
        """Tokens of questions and answers so far."""
        return self.spent_in + self.spent_out

    @property
    def spent(self) -> float:
        """Money so far."""
        return (self.spent_in * self.price_in + self.spent_out * self.price_out) / 1e6

    def exhausted(self, in_flight: int) -> str | None:
        """Which limit one more question would pass, if those in flight cost the mean so far.

        The first answers have no mean to go by: as many as are asked at once may pass the limit.
        """
        share = (self.answers + in_flight + 1) / self.answers if self.answers else 1.0
        if self.tokens is not None and self.spent_tokens * share > self.tokens:
            return f"the budget of {self.tokens:,} tokens"
        if self.cost is not None and self.spent * share > self.cost:
            return f"the budget of {self.cost:,.2f}"
        return None
