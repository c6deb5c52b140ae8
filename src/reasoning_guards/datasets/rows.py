"""From a hub dataset's rows to labelled examples: reading cells, choosing rows, counting them."""

import difflib
import hashlib
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from reasoning_guards.datasets import hub
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Task

_log = logging.getLogger(__name__)


class UnknownSplitError(UserError):
    """The dataset has no such split."""


class MissingColumnError(UserError):
    """The dataset lacks a column its card promises."""


class NotTextError(UserError):
    """A cell that must hold text holds something else."""


class UnknownLabelError(UserError):
    """A label has a value that its dataset's card does not name."""


class NoExamplesError(UserError):
    """A split has no row with the labels a task needs."""


class CountWarning(UserWarning):
    """A split does not have the number of examples that was published."""


class Count(NamedTuple):
    """How many examples a split gives for a task, and how many of them are harmful."""

    rows: int
    harmful: int


@dataclass(frozen=True)
class Row:
    """One row of a split; a cell that is not what the card promises raises, and says where it is.

    Attributes:
        dataset: hub id.
        number: place in the split, from 0.
        cells: column → value.
    """

    dataset: str
    split: str
    number: int
    cells: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Unique among all datasets; stable while the dataset's revision is."""
        return f"{self.dataset}/{self.split}/{self.number}"

    def cluster(self, source: str) -> str:
        """The same for all rows of this dataset, in any split, that share the source text."""
        return f"{self.dataset}/{hashlib.sha256(source.encode()).hexdigest()[:16]}"

    def cell(self, column: str) -> Any:
        """The value in a column.

        Raises:
            MissingColumnError: if there is no such column.
        """
        if column not in self.cells:
            # A file without a header line has texts for column names: those are not shown.
            names = ", ".join(filter(str.isidentifier, self.cells))
            raise MissingColumnError(
                f"{self._place(column)}: there is no such column (columns: {names}); "
                "check that this is the dataset its card describes."
            )
        return self.cells[column]

    def text(self, column: str) -> str:
        """The text in a column; it may be empty.

        Raises:
            MissingColumnError, NotTextError: if there is no column, or no text in it.
        """
        text = self.text_or_none(column)
        if text is None:
            raise NotTextError(f"{self._place(column)}: text is missing; mend or drop this row.")
        return text

    def text_or_none(self, column: str) -> str | None:
        """The text in a column, or None where the cell is null.

        Raises:
            MissingColumnError, NotTextError: if there is no column, or something else in it.
        """
        value = self.cell(column)
        if isinstance(value, str) and not _is_whole(value):
            raise NotTextError(
                f"{self._place(column)}: the text holds half a character, a surrogate without its "
                "other half; mend this row."
            )
        if value is None or isinstance(value, str):
            return value
        raise NotTextError(
            f"{self._place(column)}: a value of type {type(value).__name__} stands where text "
            "must be; mend this row."
        )

    def label(self, column: str, meanings: Mapping[Any, bool]) -> bool | None:
        """What the label in a column means; None where the cell is null or says "None".

        Args:
            column: its name.
            meanings: every value the card names → whether it is the positive class.

        Raises:
            MissingColumnError, UnknownLabelError: if there is no column, or another value in it.
        """
        return self.label_of(self.cell(column), column, meanings)

    def label_of(self, value: object, column: str, meanings: Mapping[Any, bool]) -> bool | None:
        """The same for a value found within a column."""
        if value is None or value == "None":
            return None
        for known, meaning in meanings.items():
            if value == known:
                return meaning
        raise UnknownLabelError(
            f"{self._place(column)}: {_shown(value)} is no known label (known: "
            f"{', '.join(map(repr, meanings))}); mend this row, or check the dataset's card."
        )

    def records(self, column: str, *names: str) -> list[tuple[str, ...]]:
        """The texts under these names in each record of a column that holds a list of records.

        Raises:
            MissingColumnError, NotTextError: if there is no column, or something else in it.
        """
        value = self.cell(column)
        found: list[tuple[str, ...]] = []
        for entry in value if isinstance(value, list) else [None]:
            cells = [entry.get(name) if isinstance(entry, dict) else None for name in names]
            texts = tuple(cell for cell in cells if isinstance(cell, str) and _is_whole(cell))
            if len(texts) < len(names):
                raise NotTextError(
                    f"{self._place(column)}: must be a list of records with texts under "
                    f"{' and '.join(map(repr, names))}; mend this row."
                )
            found.append(texts)
        return found

    def _place(self, column: str) -> str:
        return f"{self.dataset}, split {self.split!r}, row {self.number}, column {column!r}"


def read(
    hub_id: str, splits: Mapping[str, str | None], split: str, revision: str = "main"
) -> Iterator[Row]:
    """Every row of a split, in the hub's order.

    Args:
        hub_id: `<owner>/<name>`.
        splits: the dataset's splits → the config each is in.
        split: one of them.
        revision: branch, tag or commit on the hub.

    Raises:
        UnknownSplitError: for another split. And whatever `hub.rows` raises.
    """
    if split not in splits:
        nearest = difflib.get_close_matches(split, splits, n=1, cutoff=0)[0]
        raise UnknownSplitError(f"{hub_id} has no split {split!r}: did you mean {nearest!r}?")
    for number, cells in enumerate(hub.rows(hub_id, splits[split], split, revision)):
        yield Row(hub_id, split, number, cells)


def for_task(
    examples: Iterable[Example],
    task: Task | None,
    prompt_task_response: Literal["empty", "given"] = "empty",
) -> list[Example]:
    """The examples that a task can be scored on, or that a guard can be trained on (task None).

    For the prompt task, labelled prompts, each with an empty response, as the field scores them,
    or with the one that it was given.
    For the response task, labelled responses. For training, both labels as they stand: examples
    without a prompt label, or with a response that is not labelled, are left out.
    """
    if task == "prompt":
        blank = {"response": None, "response_harmful": None, "response_refusal": None}
        if prompt_task_response == "given":
            blank = {}
        return [
            example.model_copy(update=blank)
            for example in examples
            if example.prompt_harmful is not None
        ]
    if task == "response":
        return [example for example in examples if example.response_harmful is not None]
    return [
        example
        for example in examples
        if example.prompt_harmful is not None
        and (example.response is None or example.response_harmful is not None)
    ]


def select(
    examples: Sequence[Example],
    task: Task | None,
    dataset: str,
    split: str,
    published: Mapping[tuple[str, Task], Count] | None = None,
    prompt_task_response: Literal["empty", "given"] = "empty",
) -> list[Example]:
    """`for_task`, with what was left out logged and the counts held against the published ones.

    Raises:
        NoExamplesError: if nothing is left.

    Warns:
        CountWarning: if the counts for this split and task were published and are others.
    """
    kept = for_task(examples, task, prompt_task_response)
    purpose = f"the {task} task" if task else "training"
    if not kept:
        raise NoExamplesError(
            f"{dataset}, split {split!r} has no row with the labels that {purpose} needs; "
            "choose another split or task."
        )
    log_left_out(len(examples) - len(kept), f"labels that {purpose} needs", dataset, split)
    expected = published.get((split, task)) if published and task else None
    if task and expected:
        found = Count(len(kept), sum(bool(example.label(task)) for example in kept))
        if found != expected:
            warnings.warn(
                f"{dataset}, split {split!r}, {purpose}: {found.rows:,} examples, "
                f"{found.harmful:,} of them harmful, where {expected.rows:,} and "
                f"{expected.harmful:,} are published; scores do not compare with published ones.",
                CountWarning,
                stacklevel=3,
            )
    return kept


def log_left_out(count: int, missing: str, dataset: str, split: str) -> None:
    """Log how many rows of a split were left out, and for want of what."""
    if count:
        _log.info("%s, split %r: left out %d rows without %s", dataset, split, count, missing)


def _is_whole(text: str) -> bool:
    """Whether a text is characters throughout: JSON can hold halves, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """A label as it is; of anything longer only the kind, since it may be the dataset's text."""
    if isinstance(value, int | float) or re.fullmatch(r"[\w.-]{1,20}", str(value)):
        return repr(value)
    return f"a {type(value).__name__} that is no short label"
