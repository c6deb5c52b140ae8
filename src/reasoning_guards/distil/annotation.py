"""The paper's look at 100 traces (§4.1) as a sheet: written as CSV, filled in, and read back.

Whoever fills it in writes `yes` below each reason to reject a trace, and leaves the rest empty or
writes `no`. The sheet does not show what filters and judge say, so that nobody copies it.
"""

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reasoning_guards.distil.filters import FILTERS
from reasoning_guards.distil.judge import RUBRIC
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example

SIZE = 100
REASONS = (*FILTERS, *(f"judge: {reason}" for reason in RUBRIC.values()))
_SHOWN = ("number", "policy", "dialogue", "prompt", "response", "labels", "trace", "answer")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WORDS = {
    "yes": True,
    "y": True,
    "1": True,
    "x": True,
    "no": False,
    "n": False,
    "0": False,
    "": False,
}


class SheetError(UserError):
    """A filled-in sheet cannot be read."""


class Shown(NamedTuple):
    """One answer of a teacher as the sheet shows it, with what rejects it, which it does not."""

    example: Example
    trace: str
    answer: str
    reasons: tuple[str, ...]


def draw(answers: Sequence[Shown], size: int = SIZE, seed: int = 0) -> list[Shown]:
    """So many answers at random, half of them rejected ones if there are enough."""
    rng = random.Random(f"sheet/{seed}")
    rejected, passed = ([s for s in answers if bool(s.reasons) == is_] for is_ in (True, False))
    first = rng.sample(rejected, min(size // 2, len(rejected)))
    drawn = first + rng.sample(passed, min(size - len(first), len(passed)))
    rng.shuffle(drawn)
    return drawn


def write(path: Path, drawn: Iterable[Shown]) -> None:
    """The sheet; texts that a spreadsheet would run as formulas are shown with a quote before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*_SHOWN, *REASONS])
        for number, one in enumerate(drawn):
            example = one.example
            told = (
                str(number),
                example.policy.text,
                "\n".join(f"{turn.role}: {turn.text}" for turn in example.dialogue),
                example.prompt,
                example.response or "",
                f"prompt harmful: {example.prompt_harmful}, "
                f"response harmful: {example.response_harmful}",
                one.trace,
                one.answer,
            )
            rows.writerow([*map(_harmless, told), *[""] * len(REASONS)])


def read(path: Path, count: int) -> list[frozenset[str]]:
    """For each answer of the sheet, in its order, the reasons that were marked.

    Args:
        path: the sheet, filled in, its rows in any order.
        count: of the answers that were drawn.

    Raises:
        SheetError: if a row or column is missing, or a cell is neither yes nor no.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SheetError(f"{path} cannot be read as CSV: {error}.") from None
    found: dict[int, frozenset[str]] = {}
    for line, row in enumerate(rows, start=2):
        number = row.get("number") or ""
        if not number.isdecimal() or int(number) >= count:
            raise SheetError(
                f"{path}, line {line}: its number is none of this sheet's {count}: write the sheet "
                "anew, with the same profile, and fill that in."
            )
        found[int(number)] = frozenset(r for r in REASONS if _marked(path, line, r, row))
    if len(found) < count:
        raise SheetError(f"{path} has {len(found)} of {count} rows: fill in the whole sheet.")
    return [found[number] for number in range(count)]


def _marked(path: Path, line: int, reason: str, row: Mapping[str, str | None]) -> bool:
    word = (row.get(reason) or "").strip().lower()
    if reason not in row or word not in _WORDS:
        raise SheetError(
            f"{path}, line {line}: the column {reason!r} should be there and say yes or no."
        )
    return _WORDS[word]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
