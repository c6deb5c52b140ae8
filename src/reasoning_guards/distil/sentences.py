"""Sentences of a trace, for budgets of them (paper §5.3).

The splitter is sentencex, which goes by rules for each language. Its version is part of
a distillation's identity, since another version may count otherwise.
"""

import importlib.metadata

SPLITTER = "sentencex"

BLOCK = 10_000
"""Characters that the splitter is given at once: a text of mere quotation marks takes it time that
is quadratic in their number. No trace that passes the filters is longer than one block."""


def split(text: str) -> list[str]:
    """The sentences of an English text, stripped; a piece without a letter is none, like "1."."""
    from sentencex import segment

    blocks = (text[at : at + BLOCK] for at in range(0, len(text), BLOCK))
    pieces = (piece.strip() for block in blocks for piece in segment("en", block))
    return [piece for piece in pieces if any(map(str.isalpha, piece))]


def version() -> str:
    """The splitter's name and version, as it stands in identities."""
    return f"{SPLITTER} {importlib.metadata.version(SPLITTER)}"
