"""Why a trace is not learnt from: small pure functions, each with its name and its source.

The paper names three failures that 100 traces showed (§4.1: repetitive phrasing, mention of the
labels, verbosity and overthinking) and three means (regular expressions, n-grams, a judge); it
prints neither patterns nor limits. Those here are ours, set on invented traces. All of them take
time that is linear in the trace: patterns meet plain words, and repeat nothing without a bound.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from reasoning_guards import verdicts
from reasoning_guards.distil import phrases, sentences
from reasoning_guards.examples import Example

VERSION = 1
"""Raised by hand whenever a filter would judge some trace otherwise."""

MOST_WORDS, FEWEST_WORDS = 900, 3
WORDS_PER_SENTENCE = 80
"""Beyond this, a budget of sentences is kept by the letter only (paper §5.3, Appendix E)."""
HESITATIONS, HESITATIONS_PER_WORD = 3, 1 / 60
RUN, RUN_TIMES, REPEATED_SHARE = 6, 4, 0.3
FOREIGN_SHARE, FOREIGN_LETTERS = 0.02, 3


@dataclass(frozen=True)
class Candidate:
    """A trace that may be learnt from.

    Attributes:
        example: what it is about, with the labels that it has to argue for.
        trace: the text that would be learnt.
        answer: what the teacher said after it; None where a trace comes without, as released
            ones and rewrites do.
        cut_off: whether the text ended at the limit of tokens, or its thinking never ended.
        budget: the most sentences it may have; None for a full trace.
        refusal_line: whether the teacher was asked for the response's refusal too.
    """

    example: Example
    trace: str
    answer: str | None = None
    cut_off: bool = False
    budget: int | None = None
    refusal_line: bool = False


def reasons(candidate: Candidate) -> tuple[str, ...]:
    """The names of all filters that reject it, in their order; none means that it passes."""
    if not candidate.trace.strip():
        return ("cut off",) if candidate.cut_off else ("empty",)
    return tuple(name for name, rejects in FILTERS.items() if rejects(candidate))


def empty(candidate: Candidate) -> bool:
    """There is no reasoning, only an answer or nothing. Ours: nothing could be learnt from it."""
    return not candidate.trace.strip()


def cut_off(candidate: Candidate) -> bool:
    """The limit of tokens ended it. Ours: a guard would learn to end in mid-sentence."""
    return candidate.cut_off


def no_verdict(candidate: Candidate) -> bool:
    """The answer after it lacks a line that was asked for. Paper H.1, H.2: the output's format."""
    return candidate.answer is not None and None in _said(candidate)


def contradicts(candidate: Candidate) -> bool:
    """The answer after it says something else than a label. Paper H: the teacher knows the labels;
    the authors' release flags such traces."""
    return candidate.answer is not None and any(
        said is not None and said != label
        for said, label in zip(_said(candidate), _labels(candidate), strict=True)
    )


def label_leak(candidate: Candidate) -> bool:
    """It speaks of the labels that it was given. Paper §4.1, and the ban at the end of H.1."""
    return phrases.speaks_of_labels(candidate.trace)


def overthinking(candidate: Candidate) -> bool:
    """It hesitates and turns back, again and again. Paper §4.1, by regular expressions."""
    found = phrases.hesitations(candidate.trace)
    return found >= max(HESITATIONS, HESITATIONS_PER_WORD * phrases.count(candidate.trace))


def repetition(candidate: Candidate) -> bool:
    """A run of six words comes four times, or three tenths of all runs are repeats. Paper §4.1, by
    n-grams."""
    words = phrases.words(candidate.trace)
    runs = Counter(zip(*(words[at:] for at in range(RUN)), strict=False))
    if not runs:
        return False
    repeats = sum(runs.values()) - len(runs)
    return max(runs.values()) >= RUN_TIMES or (
        repeats >= RUN and repeats > REPEATED_SHARE * sum(runs.values())
    )


def too_long(candidate: Candidate) -> bool:
    """It has more words, or characters, than a guard should write. Paper §4.1: excessive verbosity;
    full traces average 300 tokens (§5.3)."""
    return len(candidate.trace) > sentences.BLOCK or phrases.count(candidate.trace) > MOST_WORDS


def too_short(candidate: Candidate) -> bool:
    """It has so few words that it can hold no reason. Ours."""
    return phrases.count(candidate.trace) < FEWEST_WORDS


def foreign_script(candidate: Candidate) -> bool:
    """It turns to a script that neither Latin is nor the judged texts have. Ours: R1-like teachers
    switch languages."""
    letters = _scripts(candidate.trace)
    judged = candidate.example
    for text in (judged.prompt, judged.response or "", *(turn.text for turn in judged.dialogue)):
        if not letters.keys() - {"LATIN"}:
            return False
        for script in _scripts(text):
            letters.pop(script, None)
    foreign = sum(count for script, count in letters.items() if script != "LATIN")
    return foreign > max(FOREIGN_LETTERS, FOREIGN_SHARE * len(candidate.trace))


def over_budget(candidate: Candidate) -> bool:
    """It has more sentences than its budget. Paper §5.3, Appendix E."""
    budget = candidate.budget
    return budget is not None and len(sentences.split(candidate.trace)) > budget


def stretched(candidate: Candidate) -> bool:
    """It keeps its budget by sentences that never end. Paper §5.3, Appendix E."""
    if candidate.budget is None:
        return False
    return phrases.count(candidate.trace) > WORDS_PER_SENTENCE * candidate.budget


FILTERS: dict[str, Callable[[Candidate], bool]] = {
    "empty": empty,
    "cut off": cut_off,
    "no verdict": no_verdict,
    "contradicts the label": contradicts,
    "label leak": label_leak,
    "overthinking": overthinking,
    "repetition": repetition,
    "too long": too_long,
    "too short": too_short,
    "foreign script": foreign_script,
    "over budget": over_budget,
    "stretched": stretched,
}
"""Reason → the filter that gives it."""


def _said(candidate: Candidate) -> tuple[bool | None, ...]:
    """What the answer says, for each label that there is and that was asked for."""
    outcome = verdicts.parse(candidate.answer or "")
    if isinstance(outcome, verdicts.ParseFailure):
        return (None,) * len(_labels(candidate))
    given = candidate.example
    return tuple(
        said
        for said, label in (
            (outcome.prompt_harmful, given.prompt_harmful),
            (outcome.response_harmful, given.response_harmful),
            (outcome.response_refusal, _refusal(candidate)),
        )
        if label is not None
    )


def _labels(candidate: Candidate) -> tuple[bool, ...]:
    given = candidate.example
    labels = (given.prompt_harmful, given.response_harmful, _refusal(candidate))
    return tuple(label for label in labels if label is not None)


def _refusal(candidate: Candidate) -> bool | None:
    return candidate.example.response_refusal if candidate.refusal_line else None


def _scripts(text: str) -> Counter[str]:
    """How many letters there are of each script."""
    found: Counter[str] = Counter()
    for char, times in Counter(text).items():
        if char.isalpha():
            found[_script(char)] += times
    return found


@cache
def _script(char: str) -> str:
    """The first word of the letter's Unicode name: LATIN, CJK, CYRILLIC …"""
    return unicodedata.name(char, "UNNAMED").split()[0]
