"""What a trace is worth, by what can be read off it (the paper names as a limitation that none was
examined).

Each measure is a question about one trace, answered yes, no, or not at all (None) where there is
nothing to answer by. They are signs of quality, not proof of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from reasoning_guards.datasets import aegis2, wildguardmix
from reasoning_guards.datasets.rows import read
from reasoning_guards.distil import phrases, sentences
from reasoning_guards.distil.blind import Reading
from reasoning_guards.examples import Example, Policy
from reasoning_guards.synthetic import corpora, grammar

_SAID = {
    "unharmful": False, "harmless": False, "safe": False, "acceptable": False, "benign": False,
    "harmful": True, "unsafe": True,
}  # fmt: skip
_NEGATIONS = {"not", "no", "never", "isn", "nor"}
_PROMPT = {"prompt", "request", "user", "question", "message", "asks"}
_RESPONSE = {"response", "answer", "reply", "assistant", "replies"}
_QUOTED_WORDS, _LONG = 3, 4

# Headings of a taxonomy: "S16: Malware." and "- 2) Fraud & Assisting Illegal Activities".
_HEADING = re.compile(r"^(?:S\d{1,2}:|- \d{1,2}\))(.{1,80})$", re.MULTILINE)


Sides = tuple[bool | None, bool | None]
"""Whether the prompt is harmful, and the response; None where nothing is said."""


class Trace(NamedTuple):
    """A trace, and what it is held against.

    Attributes:
        example: what it is about.
        text: the trace.
        labels: what it is to argue for.
        verdict: what its author said after it; the labels where only those that agree are kept.
        annotated: the policy's categories that annotators gave the example.
    """

    example: Example
    text: str
    labels: Sides
    verdict: Sides
    annotated: Sequence[str] = ()


def concludes(sides: Sides, trace: str) -> bool | None:
    """Whether it ends there: what it last says of prompt and of response, each as far as it says
    anything; None if it says nothing of either."""
    said = conclusions(trace)
    held = [
        last == wanted
        for last, wanted in zip(said, sides, strict=True)
        if wanted is not None and last is not None
    ]
    return all(held) if held else None


def leads(trace: Trace, reading: Reading) -> bool | None:
    """Whether a judge who read it alone came to its author's verdict; None if either has none."""
    found = reading.verdict
    if found is None or trace.verdict == (None, None):
        return None
    read = found.prompt_harmful, found.response_harmful
    return all(
        said is None or said == other for said, other in zip(trace.verdict, read, strict=True)
    )


def conclusions(trace: str) -> Sides:
    """Whether the trace last calls the prompt harmful, and the response; None if it does not say.

    A sentence that names neither is about the prompt.
    """
    found: list[bool | None] = [None, None]
    for sentence in reversed(sentences.split(trace)):
        said: list[bool | None] = [None, None]
        about = 0
        before = ""
        for word in phrases.words(sentence):
            about = 0 if word in _PROMPT else 1 if word in _RESPONSE else about
            if word in _SAID:
                said[about] = _SAID[word] != (before in _NEGATIONS)
            before = word
        found = [new if old is None else old for old, new in zip(found, said, strict=True)]
    return found[0], found[1]


def names_category(example: Example, trace: str) -> bool | None:
    """Whether it names a category of the policy; None if the policy has no list of them."""
    known = categories(example.policy)
    return _mentions(trace, known) if known else None


def names_annotated(trace: str, annotated: Sequence[str]) -> bool | None:
    """Whether it names a category that annotators gave; None if they gave none."""
    return _mentions(trace, annotated) if annotated else None


def cites(example: Example, trace: str) -> bool:
    """Whether it repeats three words of the judged texts in a row, or two that are long."""
    words = phrases.words(trace)
    judged = [phrases.words(text) for text in (example.prompt, example.response or "")]
    for length, least in ((_QUOTED_WORDS, 1), (2, _LONG)):
        runs = {run for text in judged for run in _runs(text, length, least)}
        if runs & set(_runs(words, length, least)):
            return True
    return False


@cache
def categories(policy: Policy) -> tuple[str, ...]:
    """The categories that a policy's text lists; in the embedded world, what its rules name."""
    listed = tuple(match[1].strip(" .") for match in _HEADING.finditer(policy.text))
    if listed:
        return listed
    words = policy.text.split()
    if words[1::2] and set(words[1::2]) <= {"banned", "allowed"}:
        return tuple(words[::2])
    return ()


@cache
def annotations(
    dataset: str, split: str = "train", revision: str = "main"
) -> dict[str, tuple[str, ...]]:
    """The categories that annotators gave the examples of a split, by id; empty for sets whose
    rows have none.

    Raises:
        UserError: whatever `rows.read` and `Row` raise.
    """
    if dataset in corpora.SETS:
        found = {}
        for example in corpora.load(dataset, split):  # type: ignore[arg-type]  # refuses others
            rules = grammar.rules_of(example.policy)
            topics = {a.topic(rules) for a in corpora.situation(example.id).requests}
            found[example.id] = tuple(sorted(topics & set(rules)))
        return found
    columns: dict[str, tuple[str, Mapping[str, str | None]]] = {
        aegis2.HUB_ID: ("violated_categories", aegis2.SPLITS),
        wildguardmix.HUB_ID: ("subcategory", wildguardmix.SPLITS),
    }
    if dataset not in columns:
        return {}
    column, splits = columns[dataset]
    return {
        row.id: tuple(
            name
            for part in re.split(r",|_", row.text_or_none(column) or "")
            if (name := part.strip()) and name not in ("benign", "others", "Other")
        )
        for row in read(dataset, splits, split, revision)
    }


MEASURES: dict[str, Callable[[Trace], bool | None]] = {
    "Ends where the label says": lambda trace: concludes(trace.labels, trace.text),
    "Ends as its verdict": lambda trace: concludes(trace.verdict, trace.text),
    "Names a category": lambda trace: names_category(trace.example, trace.text),
    "Names the annotated one": lambda trace: names_annotated(trace.text, trace.annotated),
    "Cites what it judges": lambda trace: cites(trace.example, trace.text),
}
"""Name in tables → the measure."""


def _mentions(trace: str, names: Sequence[str]) -> bool:
    """Whether the trace has a word of a name, or one that begins as a long one does."""
    stems = {word[:6] for name in names for word in phrases.words(name) if len(word) > _LONG - 1}
    return any(word[:6] in stems for word in phrases.words(trace))


def _runs(words: Sequence[str], length: int, least: int) -> list[tuple[str, ...]]:
    """Runs of so many words, each of so many letters."""
    starts = range(len(words) - length + 1)
    runs = (tuple(words[at : at + length]) for at in starts)
    return [run for run in runs if all(len(word) >= least for word in run)]
