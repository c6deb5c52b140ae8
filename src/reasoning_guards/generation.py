"""A guard's answers to one cell's examples, written as they come and gone on from after a kill."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reasoning_guards import datasets, mining, prompts
from reasoning_guards.engines import InferenceEngine, Request
from reasoning_guards.examples import Example, with_random_labels
from reasoning_guards.recipes import Cell, Generation, Mining, Recipe
from reasoning_guards.training import data

ROWS = "generations.jsonl"
# vLLM answers a whole list at once; parts this large lose little speed and little work when killed.
REQUESTS_PER_PART = 2048


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
    path = folder / ROWS
    done = _whole_rows(path, generation.decoding.generations)
    asked = {
        request.id: (request, example, shortened)
        for request, example, shortened in requests(generation, engine.tokenizer)
        if request.id not in done
    }
    with path.open("a") as file:
        for part in _parts([request for request, _, _ in asked.values()]):
            for request, answers in engine.answer(part, generation.decoding):
                _, example, shortened = asked[request.id]
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
    return _notes(path) | {"dataset_commit": datasets.commit(*_source(generation))}


def requests(
    generation: Generation | Mining, tokenizer: Any
) -> list[tuple[Request, Example, bool]]:
    """What the guard is asked: each request, its example, and whether its text was shortened."""
    decoding = generation.decoding
    found = []
    for example in _asked(generation):
        encoded = prompts.encode(
            tokenizer,
            example,
            mode=generation.mode,
            template=generation.backbone.template,
            mode_token=isinstance(generation.guard, Recipe) and bool(generation.guard.dual),
            refusal_line=generation.backbone.refusal_line,
            max_tokens=decoding.max_length - decoding.max_new_tokens,
        )
        found.append((Request(example.id, encoded.ids), example, encoded.shortened))
    return found


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


def _parts(wanted: list[Request]) -> Iterator[list[Request]]:
    for start in range(0, len(wanted), REQUESTS_PER_PART):
        yield wanted[start : start + REQUESTS_PER_PART]


def _notes(path: Path) -> dict[str, Any]:
    rows = read_rows(path)
    return {
        "rows": len(rows),
        "tokens": sum(row["tokens"] for row in rows),
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "truncated": sum(row["finish"] == "length" for row in rows),
        "shortened": sum(row["shortened"] for row in rows),
    }
