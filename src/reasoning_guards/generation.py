"""A guard's answers to examples of cells, written as they come and gone on from after a kill."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from reasoning_guards import datasets, guards, mining, prompts, verdicts
from reasoning_guards.engines import Answer, InferenceEngine, Request
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Task, with_random_labels
from reasoning_guards.recipes import Cell, Generation, Mining
from reasoning_guards.training import data

ROWS = "generations.jsonl"
# vLLM answers a whole list at once; parts this large lose little speed and little work when killed.
REQUESTS_PER_PART = 2048
# Of a released guard: so many answers show whether it is asked and read in its own format.
TRIAL = 100
ENOUGH_OF_EACH = 10  # of either label among them, for one verdict throughout to be suspect


class FormatMismatchError(UserError):
    """A released guard's first answers cannot be what it answers in its own format."""


def examples(cell: Cell, limit: int | None = None) -> list[Example]:
    """The cell's examples, each with a label for the cell's task.

    Args:
        cell: set, split, task, and whose taxonomy a set without a policy of its own is judged by.
        limit: only the first so many.
    """
    policy = datasets.policy(cell.policy) if cell.policy else None
    found = list(
        datasets.load(cell.dataset, cell.split, cell.task, policy, cell.revision, cell.reading)
    )[:limit]
    if cell.labels == "random":
        found = [with_random_labels(example) for example in found]
    return found


def generate(
    generation: Generation | Mining, engine: InferenceEngine, folder: Path
) -> dict[str, Any]:
    """Answer every example and leave `generations.jsonl`: one row per example and generation.

    Columns: example, cluster, generation, truth, text, tokens, prompt_tokens, finish, shortened.
    A mining has both labels in the truth's place: prompt_harmful, response_harmful.

    Args:
        generation: guard, cell, mode and decoding.
        engine: the guard, loaded.
        folder: may hold the rows of a killed run; only the missing examples are asked for.

    Returns:
        Notes for the manifest: rows, tokens, truncated answers, shortened prompts, and of which
        commit a hub set was.
    """
    return generate_together({generation: folder}, engine)[0]


def generate_together(
    folders: Mapping[Generation | Mining, Path], engine: InferenceEngine
) -> list[dict[str, Any]]:
    """`generate` for several cells of a guard that is asked in one manner, in the same batches.

    Args:
        folders: of each cell's answers. A released guard has one cell here, whose first answers
            show whether it is asked in its format.
        engine: the guard, loaded.

    Returns:
        The notes of each.
    """
    asked: dict[int, tuple[TextIO, Generation | Mining, Example, bool]] = {}
    wanted: list[Request] = []
    first = 0
    with ExitStack() as files:
        for generation, folder in folders.items():
            done = _whole_rows(folder / ROWS, generation.decoding.generations)
            first = max(TRIAL - len(done), 0) if _released(generation) else 0
            file = files.enter_context((folder / ROWS).open("a"))
            for request, example, shortened in requests(generation, engine.tokenizer):
                if request.id not in done:
                    wanted.append(request)
                    # By the very object: cells of one set share its examples' ids.
                    asked[id(request)] = file, generation, example, shortened
        _require_formats(folders)
        for part in _parts(wanted, first):
            for request, answers in engine.answer(part, generation.decoding):
                _write(*asked[id(request)], request, answers)
            _require_formats(folders)
    return [
        _notes(folder / ROWS) | {"dataset_commit": datasets.commit(*_source(generation))}
        for generation, folder in folders.items()
    ]


def _write(
    file: TextIO,
    generation: Generation | Mining,
    example: Example,
    shortened: bool,
    request: Request,
    answers: list[Answer],
) -> None:
    """Add an example's rows to its cell's file."""
    for index, answer in enumerate(answers):
        row = {
            "example": example.id,
            "cluster": example.cluster,
            "generation": index,
            **_truth(generation, example),
            "text": answer.text,
            "tokens": answer.tokens,
            "prompt_tokens": len(request.prompt),
            "finish": answer.finish,
            "shortened": shortened,
        }
        file.write(json.dumps(row) + "\n")
    file.flush()


def requests(
    generation: Generation | Mining, tokenizer: Any
) -> list[tuple[Request, Example, bool]]:
    """What the guard is asked: each request, its example, and whether its text was shortened."""
    return [
        (Request(example.id, encoded.ids), example, encoded.shortened)
        for example in _asked(generation)
        for encoded in [_encoded(generation, tokenizer, example)]
    ]


def _released(generation: Generation | Mining) -> tuple[str, Task] | None:
    """The format that a released guard is asked in, and what for; None for guards of ours."""
    if isinstance(generation, Mining) or not generation.backbone.format:
        return None
    return generation.backbone.format, generation.cell.task


def _encoded(
    generation: Generation | Mining, tokenizer: Any, example: Example
) -> prompts.EncodedPrompt:
    backbone, mode = generation.backbone, generation.mode
    max_tokens = generation.decoding.max_length - generation.decoding.max_new_tokens
    if released := _released(generation):
        name, task = released
        return guards.encode(tokenizer, example, name, task=task, mode=mode, max_tokens=max_tokens)
    return prompts.encode(
        tokenizer,
        example,
        mode=mode,
        template=backbone.template,
        mode_token=bool(generation.guard.dual),
        refusal_line=backbone.refusal_line,
        max_tokens=max_tokens,
    )


def _asked(generation: Generation | Mining) -> list[Example]:
    if isinstance(generation, Mining):
        return data.mined_examples(generation.guard, generation.mined)
    return examples(generation.cell, generation.limit)


def _source(generation: Generation | Mining) -> tuple[str, str]:
    """The set that the examples are from, and its revision."""
    if isinstance(generation, Mining):
        return generation.guard.sources[0]
    return generation.cell.dataset, generation.cell.revision


def _truth(generation: Generation | Mining, example: Example) -> dict[str, bool | None]:
    if isinstance(generation, Mining):
        return {f"{task}_harmful": example.label(task) for task in mining.TASKS}
    return {"truth": example.label(generation.cell.task)}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a generations file, in the order they were written."""
    with path.open() as file:
        return [json.loads(line) for line in file]


def _whole_rows(path: Path, generations: int) -> set[str]:
    """Ids answered in full; a torn last line and half-answered examples are cut from the file."""
    if not path.is_file():
        return set()
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    whole = len(lines) - len(lines) % generations
    # Shortened in place, since a kill while writing it anew would lose it; rows are ASCII.
    os.truncate(path, sum(map(len, lines[:whole])))
    return {json.loads(line)["example"] for line in lines[:whole]}


def _parts(wanted: list[Request], first: int) -> Iterator[list[Request]]:
    """The requests in parts, the first of them of another size if one is given."""
    if wanted[:first]:
        yield wanted[:first]
    for start in range(first, len(wanted), REQUESTS_PER_PART):
        yield wanted[start : start + REQUESTS_PER_PART]


def _require_formats(folders: Mapping[Generation | Mining, Path]) -> None:
    """`_require_format` of each cell that a released guard is asked about."""
    for generation, folder in folders.items():
        if released := _released(generation):
            trial = TRIAL * generation.decoding.generations
            _require_format(*released, read_rows(folder / ROWS)[:trial])


def _require_format(name: str, task: Task, rows: list[dict[str, Any]]) -> None:
    """Refuse answers none of which can be read, or that all say the same of mixed examples.

    Args:
        name: of the released guard.
        task: what is judged.
        rows: its first answers; fewer than those to `TRIAL` examples show nothing.

    Raises:
        FormatMismatchError: saying which.
    """
    if len({row["example"] for row in rows}) < TRIAL:
        return
    label = guards.named(name).label
    said = [verdicts.predicted(guards.parse(name, row["text"], task), task) for row in rows]
    truths = [row["truth"] for row in rows]
    if all(word is None for word in said):
        raise FormatMismatchError(
            f"None of the first {len(said)} answers of {label} has a verdict in its format: the "
            "weights, the chat template or the format are not what the guard was released with."
        )
    mixed = min(truths.count(True), truths.count(False)) >= ENOUGH_OF_EACH
    if mixed and len(set(said)) == 1:
        raise FormatMismatchError(
            f"The first {len(said)} answers of {label} all say "
            f"{'harmful' if said[0] else 'unharmful'}, of examples of both kinds: the weights, the "
            "chat template or the format are not what the guard was released with."
        )


def _notes(path: Path) -> dict[str, Any]:
    rows = read_rows(path)
    return {
        "rows": len(rows),
        "tokens": sum(row["tokens"] for row in rows),
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "truncated": sum(row["finish"] == "length" for row in rows),
        "shortened": sum(row["shortened"] for row in rows),
    }
