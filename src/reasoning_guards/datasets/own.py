"""Sets of your own: a YAML file that says how columns and labels of JSONL, CSV or the hub are read.

    policy: |
      Harmful is whatever gives away who has borrowed a book.
    files: {train: train.jsonl, test: test.csv}  # beside this file; or, from the hub,
    # hub: {id: me/library, revision: main, config: null, splits: {train: train, test: validation}}
    columns: {prompt: question, response: answer, cluster: borrower}
    labels:
      prompt: {column: verdict, harmful: [bad], unharmful: [fine]}
      response: {column: answer_verdict, harmful: [bad], unharmful: [fine]}
      refusal: {column: refused, refusal: [true], compliance: [false]}
    traces: {full: reasoning, 1: short_reasoning}

Only `policy`, `columns: prompt` and a label are needed, and `files` or `hub`; traces are for the
rows of `train`. A row without a
`cluster` column is a cluster with those that share its prompt. An empty CSV cell is a missing one.

`adopt` checks every row and copies the files to the cache, under a name that hashes their content:
what is trained on them keeps its key wherever they lie, and gets another when they change.
"""

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from reasoning_guards import resources
from reasoning_guards.datasets import hub
from reasoning_guards.datasets.own_spec import Cell, Harm, OwnSetError, Refusal, Spec, read
from reasoning_guards.datasets.rows import Row, select
from reasoning_guards.examples import Example, Policy, Task

PREFIX = "own/"
SUFFIXES = (".jsonl", ".csv")

_SPEC = "set.yaml"


def is_file(name: str) -> bool:
    """Whether a set's name is the path of a YAML file."""
    return name.endswith((".yaml", ".yml"))


def adopt(path: Path) -> str:
    """Check a set of your own and keep a copy; what comes back is its name everywhere.

    Returns:
        `own/<the file's stem>-<12 digits of the content's SHA-256>`.

    Raises:
        OwnSetError: if the YAML file or a file that it names cannot be read or used.
        UserError: on the first cell that is not what it must be, with file, row and column.
    """
    described = read(path)
    if not re.fullmatch(r"[\w-]+", path.stem):
        raise OwnSetError(f"{path}: name the file by letters, digits, - and _ alone.")
    sources = {split: path.parent / name for split, name in described.files.items()}
    for split, source in sources.items():
        for row in _rows(source, split, path.name):
            _example(row, described, path.stem)
            for column in described.traces.values() if split == "train" else ():
                row.text_or_none(column)
    content = hashlib.sha256(path.read_bytes())
    for source in sources.values():
        content.update(source.read_bytes())
    name = f"{PREFIX}{path.stem}-{content.hexdigest()[:12]}"
    place = _place(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not place.is_dir():
            draft = Path(f"{place}.partial")
            draft.mkdir(exist_ok=True)
            shutil.copy(path, draft / _SPEC)
            for split, source in sources.items():
                shutil.copy(source, draft / f"{split}{source.suffix}")
            draft.rename(place)
    return name


def spec(name: str) -> Spec:
    """What the YAML file of an adopted set says.

    Raises:
        OwnSetError: if no set of that name was adopted with this cache.
    """
    file = _place(name) / _SPEC
    if not file.is_file():
        raise OwnSetError(
            f"There is no copy of the set {name!r} in the cache: name its YAML file instead."
        )
    return read(file)


def policy(name: str) -> Policy:
    """What an adopted set's examples are judged by."""
    return Policy(name=name, text=spec(name).policy.strip())


def on_hub(name: str, split: str) -> tuple[str, str | None, str, str] | None:
    """What `hub.rows` is asked for a split of an adopted set; None for one of files.

    Raises:
        OwnSetError: if there is no such set or split.
    """
    of = spec(name).hub
    return (of.id, of.config, _called(name, split, of.splits), of.revision) if of else None


def commit(name: str) -> str | None:
    """Which commit the rows of an adopted set were of that were read last; None for files."""
    of = spec(name).hub
    return hub.commit(of.id, of.revision) if of else None


def load(
    name: str,
    split: str,
    task: Task | None,
    prompt_task_response: Literal["empty", "given"] = "empty",
) -> list[Example]:
    """The examples of an adopted set for a task, or for training (None); see `rows.for_task`.

    Raises:
        OwnSetError: if there is no such set or split.
        UserError: whatever `hub.rows`, `Row` and `rows.select` raise.
    """
    described = spec(name)
    found = [_example(row, described, name) for row in _adopted_rows(name, described, split)]
    return select(found, task, name, split, prompt_task_response=prompt_task_response)


def trace_column(name: str, sentences: int | None) -> str:
    """The column that an adopted set names for traces of so many sentences (None: full ones).

    Raises:
        OwnSetError: if it is no set of your own, or names no such column.
    """
    wanted: Literal["full"] | int = "full" if sentences is None else sentences
    column = spec(name).traces.get(wanted) if name.startswith(PREFIX) else None
    if column is None:
        raise OwnSetError(
            f"{name} names no column for traces of length {wanted!r}: add one to `traces` in "
            "its YAML file, or choose another teacher or budget."
        )
    return column


def traces(sentences: int | None, examples: list[Example]) -> list[str | None]:
    """Each example's trace, from the column that its set names for that length; None if empty.

    Raises:
        OwnSetError: if an example is of no set of your own, or its set names no such column.
    """
    found: dict[str, str | None] = {}
    for name, split in {tuple(example.id.rsplit("/", 2)[:2]) for example in examples}:
        column = trace_column(name, sentences)
        for row in _adopted_rows(name, spec(name), split):
            found[row.id] = row.text_or_none(column) or None
    written = [found[example.id] for example in examples]
    if not any(written):
        raise OwnSetError("The set has no trace of that length in any row: fill its column in.")
    return written


@dataclass(frozen=True)
class _OwnRow(Row):
    """A row that says where it is by its file; rows count from 1, below a CSV's header."""

    file: str

    def _place(self, column: str) -> str:
        return f"{self.file}, row {self.number + 1}, column {column!r}"


def _place(name: str) -> Path:
    return resources.cache_folder() / name


def _adopted_rows(name: str, described: Spec, split: str) -> Iterator[_OwnRow]:
    if place := on_hub(name, split):
        file = f"{place[0]}, split {place[2]!r}"
        return (_OwnRow(name, split, n, cell, file) for n, cell in enumerate(hub.rows(*place)))
    file = _called(name, split, described.files)
    return _rows(_place(name) / f"{split}{Path(file).suffix}", split, name, file)


def _called(name: str, split: str, splits: dict[str, str]) -> str:
    if split not in splits:
        raise OwnSetError(f"{name} has no split {split!r}: it has {', '.join(splits)}.")
    return splits[split]


def _rows(source: Path, split: str, name: str, shown: str | None = None) -> Iterator[_OwnRow]:
    """Every row of a JSONL or CSV file; `shown` is what errors call it."""
    shown = shown or source.name
    if source.suffix not in SUFFIXES:
        raise OwnSetError(f"{shown} is neither of {' and '.join(SUFFIXES)}: convert it.")
    try:
        with source.open(encoding="utf-8", newline="") as lines:
            reader = _json_lines if source.suffix == ".jsonl" else _csv_lines
            cells = list(reader(lines, shown))
    except FileNotFoundError:
        raise OwnSetError(f"There is no file {source}, which {name} names: mend `files`.") from None
    except UnicodeDecodeError:
        raise OwnSetError(f"{shown} is not UTF-8 text: convert it.") from None
    columns = dict.fromkeys(column for row in cells for column in row)
    for number, row in enumerate(cells):
        yield _OwnRow(name, split, number, {**columns, **row}, shown)


def _json_lines(lines: Iterator[str], shown: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            cells = json.loads(line)
        except ValueError:  # its message would quote the line
            cells = None
        if not isinstance(cells, dict):
            raise OwnSetError(f"{shown}, row {number}: the line is no JSON object; mend it.")
        yield cells


def _csv_lines(lines: Iterator[str], shown: str) -> Iterator[dict[str, Any]]:
    for number, cells in enumerate(csv.DictReader(lines), start=1):
        if None in cells:
            raise OwnSetError(
                f"{shown}, row {number}: there are more cells than columns; quote it."
            )
        yield {column: text or None for column, text in cells.items()}


def _example(row: _OwnRow, described: Spec, name: str) -> Example:
    columns, labels = described.columns, described.labels
    prompt = row.text(columns.prompt)
    response = row.text_or_none(columns.response) if columns.response else None
    source = row.text(columns.cluster) if columns.cluster else prompt
    return Example(
        id=row.id,
        cluster=row.cluster(source),
        policy=Policy(name=name, text=described.policy.strip()),
        prompt=prompt,
        response=response,
        prompt_harmful=_label(row, labels.prompt),
        response_harmful=None if response is None else _label(row, labels.response),
        response_refusal=None if response is None else _label(row, labels.refusal),
    )


def _label(row: _OwnRow, label: Harm | Refusal | None) -> bool | None:
    if label is None:
        return None
    meanings: dict[Cell, bool] = label.meanings
    if row.file.endswith(".csv"):  # all is text there, and booleans are often in small letters
        meanings = {str(value): yes for value, yes in meanings.items()}
        meanings |= {str(value).lower(): yes for value, yes in meanings.items()}
    return row.label(label.column, meanings)
