"""Sentences of a trace, for budgets of them (paper §5.3).

The splitter is sentencex: rules for each language, one pass over the text. Its version is part of
a distillation's identity, since another version may count otherwise.
"""

import importlib.metadata

SPLITTER = "sentencex"


def split(text: str) -> list[str]:
    """The sentences of an English text, stripped; a piece without a letter is none, like "1."."""
    from sentencex import segment

    pieces = (piece.strip() for piece in segment("en", text))
    return [piece for piece in pieces if any(map(str.isalpha, piece))]


def version() -> str:
    """The splitter's name and version, as it stands in identities."""
    return f"{SPLITTER} {importlib.metadata.version(SPLITTER)}"
