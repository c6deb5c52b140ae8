"""How probable a guard finds each verdict, read off its own distribution over the next token.

An answer is a chain of decisions (`guards.fields`): "Prompt harm:", then "Response harm:". At each
stand a few words, told apart by their first tokens that differ, and the share of those that mean
harmful is

    p = sum P(harmful tokens) / sum P(all of the words' tokens).

The verdict on a response comes after that on its prompt, which the guard might have decided either
way: p is the mean over both, weighted by how probable each is.

A guard that answers at once is read after its prompt: one prefill and nothing sampled. One that
reasons is read after each of its sampled reasonings; their mean is its probability. The text of a
reasoning is tokenised anew, which can give other ids than were sampled.
"""

import json
import math
import re
from itertools import product
from pathlib import Path
from typing import Any

from reasoning_guards import generation, guards, prompts
from reasoning_guards.engines import InferenceEngine, Question
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.guards.format import Field
from reasoning_guards.recipes import Probability
from reasoning_guards.verdicts import ParseFailure

ROWS = "probabilities.jsonl"
_UNREADABLE = ("empty", "unfinished thinking")
_REASONING_ENDS = "</think>"


class NoProbabilityError(UserError):
    """A verdict's words cannot be told apart by a token, or the format has none."""


def measure(
    value: Probability, engine: InferenceEngine, answers: Path | None, folder: Path
) -> dict[str, Any]:
    """Read every verdict and leave `probabilities.jsonl`, a row per example and reasoning.

    Columns: example, cluster, generation, truth, probability (of harmful; null after a reasoning
    that has no end, or where prompt and answer together leave no room).

    Args:
        value: whose answers to what.
        engine: the guard, loaded.
        answers: folder of the answers whose reasonings are read; None for a guard without any.
        folder: where to write. A killed run starts anew.

    Returns:
        Notes for the manifest: rows, and how many of them have no probability.
    """
    asked = value.answers
    name, task = asked.backbone.format, asked.cell.task
    said: dict[str, list[str]] = {}
    for row in generation.read_rows(answers / generation.ROWS) if answers else ():
        said.setdefault(row["example"], []).append(row["text"])
    rows: list[dict[str, Any]] = []
    chains: list[tuple[list[Question], int]] = []  # questions, and the row they are about
    for request, example, _ in generation.requests(asked, engine.tokenizer):
        for number, text in enumerate(said.get(request.id, [""])):
            before = text if answers is None else reasoning(name, text, task)
            if before is not None:
                chain = questions(engine.tokenizer, request.prompt, before, name, task)
                longest = max(len(each.prompt) + len(each.lead) for each in chain)
                if longest < asked.decoding.max_length:
                    chains.append((chain, len(rows)))
            rows.append(
                {
                    "example": example.id,
                    "cluster": example.cluster,
                    "generation": number,
                    "truth": example.label(task),
                    "probability": None,
                }
            )
    read = iter(engine.read([question for chain, _ in chains for question in chain]))
    for chain, place in chains:
        found = [next(read) for _ in chain]
        rows[place]["probability"] = combined(found, guards.fields(name, task))
    with (folder / ROWS).open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return {"rows": len(rows), "unread": sum(row["probability"] is None for row in rows)}


def reasoning(name: str, text: str, task: Task) -> str | None:
    """What an answer says before its first decision; None if it never comes to it.

    Args:
        name: of the answer's format; empty for this project's own.
        text: the answer.
        task: what is judged.
    """
    outcome = guards.parse(name, text, task)
    if isinstance(outcome, ParseFailure) and outcome.reason in _UNREADABLE:
        return None
    lead = guards.fields(name, task)[0].lead.split()
    after = text.rfind(_REASONING_ENDS)
    pattern = re.compile(r"\s*".join(map(re.escape, lead)), re.IGNORECASE)
    found = pattern.search(text, max(after, 0))
    return text[: found.start()] if found else None


def questions(
    tokenizer: Any, prompt: list[int], before: str, name: str, task: Task
) -> list[Question]:
    """What is asked of the engine about one answer: each decision, after each way to come to it.

    Args:
        tokenizer: the guard's.
        prompt: token ids.
        before: what the answer says before its first decision.
        name: of its format; empty for this project's own.
        task: what is judged.

    Raises:
        NoProbabilityError: if two words of a decision begin with the same token.
    """
    fields = guards.fields(name, task)
    if not fields:
        raise NoProbabilityError(
            f"No verdict probability can be read of {guards.named(name).label}: leave it out."
        )
    found = []
    for decided in range(len(fields)):
        for choice in product((True, False), repeat=decided):
            taken = "".join(map(_spelt, fields, choice))
            lead = before + taken + fields[decided].lead
            words = (*fields[decided].yes, *fields[decided].no)
            ids = [_continuation(tokenizer, lead + word) for word in words]
            common = _common(ids)
            tokens = tuple(each[common] for each in ids if len(each) > common)
            if len(set(tokens)) < len(words):
                raise NoProbabilityError(
                    f"The words {', '.join(map(repr, words))} begin with the same token in this "
                    "guard's vocabulary: their probabilities cannot be read from one place."
                )
            found.append(Question(tuple(prompt), tuple(ids[0][:common]), tokens))
    return found


def combined(read: list[list[float]], fields: tuple[Field, ...]) -> float:
    """The probability that the last decision is harmful, from what was read of all of them.

    Args:
        read: log-probabilities in the order of `questions`.
        fields: the decisions.
    """
    values = iter(read)
    ways: dict[tuple[bool, ...], float] = {
        (): 1.0
    }  # how the decisions so far can have gone → how probable that is
    for field in fields:
        shares = {way: _share(next(values), len(field.yes)) for way in ways}
        ways = {
            (*way, yes): weight * (shares[way] if yes else 1 - shares[way])
            for way, weight in ways.items()
            for yes in (True, False)
        }
    return sum(weight for way, weight in ways.items() if way[-1])


def _share(logs: list[float], harmful: int) -> float:
    """The share of the first so many words in the probability of all."""
    greatest = max(logs)
    weights = [math.exp(log - greatest) for log in logs]
    return sum(weights[:harmful]) / sum(weights)


def _spelt(field: Field, yes: bool) -> str:  # mapped over
    return field.lead + (field.yes if yes else field.no)[0]


def _continuation(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text that goes on, as after a line's end: no space is put before it."""
    line_end = prompts.plain_tokens(tokenizer, "\n")
    ids = prompts.plain_tokens(tokenizer, f"\n{text}")
    if ids[: len(line_end)] == line_end:
        return ids[len(line_end) :]
    return prompts.plain_tokens(tokenizer, text)


def _common(rows: list[list[int]]) -> int:
    """How many ids all rows begin with."""
    same = (len(set(place)) == 1 for place in zip(*rows, strict=False))
    return next((n for n, alike in enumerate(same) if not alike), min(map(len, rows)))
