"""Every answer that was paid for, written as it arrives: one plain JSONL file, only ever appended.

A line is {"key", "purpose", "example", "attempt", "reasoning", "content", "finish",
"open_thinking", "prompt_tokens", "completion_tokens"}. It is on disk (fsync) before anyone learns
that it is there. Several processes may append: each writes whole lines while it holds the file's
lock, and what a killed one left of a line is closed by the next and then ignored. The first answer
to a question counts; later ones stay in the file and are never read.

In memory is one entry of about 150 bytes for each answer: its key and where it stands.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from reasoning_guards.distil.answers import Answer, Question

_FIELDS = tuple(field.name for field in fields(Answer))


class Store:
    """The answers in one file, found by what was asked.

    Args:
        path: the file; it and its folder are made if they are not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a+b", buffering=0)
        self._places: dict[bytes, int] = {}
        self._read_to = 0
        self._indexing = threading.Lock()
        self._index()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, question: Question) -> bool:
        return bytes.fromhex(question.key) in self._places

    def get(self, question: Question) -> Answer | None:
        """The first answer to the question, or None; another process's are found as well."""
        key = bytes.fromhex(question.key)
        if key not in self._places:
            self._index()
        if key not in self._places:
            return None
        with self.path.open("rb") as file:
            file.seek(self._places[key])
            row = json.loads(file.readline())
        return Answer(**{name: row[name] for name in _FIELDS})

    def add(self, answered: Iterable[tuple[Question, Answer]]) -> None:
        """Write answers; when this returns, they are on disk."""
        lines = b"".join(_line(question, answer) for question, answer in answered)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            size = self._file.seek(0, os.SEEK_END)
            if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":
                lines = b"\n" + lines  # ends what a killed process left of its line
            while lines:
                lines = lines[self._file.write(lines) :]
            os.fsync(self._file.fileno())
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._index()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _index(self) -> None:
        """Learn of the lines that were added since, by whomever."""
        with self._indexing, self.path.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written
                key = _key(line)
                if key is not None:
                    self._places.setdefault(key, self._read_to)
                self._read_to += len(line)


def _line(question: Question, answer: Answer) -> bytes:
    row = {
        "key": question.key,
        "purpose": question.purpose,
        "example": question.example,
        "attempt": question.attempt,
        **asdict(answer),
    }
    return json.dumps(row).encode() + b"\n"


def _key(line: bytes) -> bytes | None:
    """The key of a whole line; None for what a killed process left."""
    try:
        row = json.loads(line)
        whole = all(name in row for name in _FIELDS)
        return bytes.fromhex(row["key"]) if whole else None
    except (ValueError, KeyError, TypeError):
        return None
