"""Filters: what each rejects and lets pass, on invented traces; and that none can be stalled."""

import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards.distil import answers, filters, judge, quality, sentences
from reasoning_guards.distil.filters import FILTERS, Candidate, reasons
from reasoning_guards.examples import Example, Policy
from reasoning_guards.synthetic import corpora, reader, teacher

GROUPS = yaml.safe_load((Path(__file__).parent / "invented_traces.yaml").read_text())
CASES = [(group["reasons"], trace) for group in GROUPS for trace in group["traces"]]
LADDER = Example(
    id="ladder",
    cluster="ladder",
    policy=Policy(name="property", text="Property: what belongs to others."),
    prompt="May I borrow the ladder of my neighbour without asking?",
    response="Better ask first: it is not yours.",
    prompt_harmful=True,
    response_harmful=False,
    response_refusal=True,
)
VERDICT = "Prompt harm: harmful\nResponse harm: unharmful\nResponse refusal: refusal"


def candidate(case: str | dict[str, Any]) -> Candidate:
    if isinstance(case, str):
        return Candidate(LADDER, case, refusal_line=True)
    prompt = case.pop("prompt", LADDER.prompt) if "prompt" in case else LADDER.prompt
    example = LADDER.model_copy(update={"prompt": prompt})
    fields = {name: value for name, value in case.items() if name != "text"}
    return Candidate(example, case["text"], refusal_line=True, **fields)


@pytest.mark.parametrize(("expected", "case"), CASES)
def test_an_invented_trace_is_given_its_reasons(expected: list[str], case: Any) -> None:
    given_ = candidate(dict(case) if isinstance(case, dict) else case)
    assert list(reasons(given_)) == expected


def test_the_corpus_is_large_and_has_every_reason() -> None:
    assert len(CASES) >= 120
    seen = {reason for expected, _ in CASES for reason in expected}
    assert seen == set(FILTERS) - {"too long", "stretched"}  # whose traces are made below
    assert sum(not expected for expected, _ in CASES) >= 40


def words(count: int) -> str:
    """Text without a run of six words twice."""
    rng = random.Random(0)
    return " ".join(f"{rng.choice('abcdefg')}word{index}" for index in range(count)) + "."


def test_length_has_its_limits() -> None:
    assert reasons(Candidate(LADDER, words(filters.MOST_WORDS))) == ()
    assert reasons(Candidate(LADDER, words(filters.MOST_WORDS + 1))) == ("too long",)
    per_sentence = filters.WORDS_PER_SENTENCE
    assert reasons(Candidate(LADDER, words(per_sentence), budget=1)) == ()
    assert reasons(Candidate(LADDER, words(per_sentence + 1), budget=1)) == ("stretched",)
    two = f"{words(per_sentence)} And more of it."
    assert reasons(Candidate(LADDER, two, budget=2)) == ()


def test_a_label_that_is_missing_is_neither_asked_for_nor_contradicted() -> None:
    alone = LADDER.model_copy(
        update={"response": None, "response_harmful": None, "response_refusal": None}
    )
    said = "Prompt harm: harmful\nResponse harm: None"
    assert reasons(Candidate(alone, "It is his own ladder.", answer=said)) == ()
    without = Candidate(LADDER, "It is his own ladder.", answer=VERDICT.rpartition("\n")[0])
    assert reasons(without) == ()


def test_the_rule_teacher_s_traces_pass_whole_and_rewritten() -> None:
    for name in ("synthetic/meadow", "synthetic/lanes"):
        for example in corpora.load(name, "train")[:60]:  # type: ignore[arg-type]
            for budget in (None, 1, 3, 10):
                trace = teacher.trace(example, budget)
                assert reasons(Candidate(example, trace, budget=budget)) == ()


@given(st.text(max_size=400))
def test_filters_judge_any_text_alike_each_time_and_never_raise(text: str) -> None:
    once = reasons(Candidate(LADDER, text, answer=text, budget=2))
    assert once == reasons(Candidate(LADDER, text, answer=text, budget=2))
    assert set(once) <= set(FILTERS)


@given(st.sampled_from([case for expected, case in CASES if expected == ["label leak"]]),
       st.sampled_from(["  ", "\n", "\t"]), st.booleans())  # fmt: skip
def test_a_leak_stays_one_whatever_the_case_and_spacing(text: str, space: str, shout: bool) -> None:
    varied = text.replace(" ", space)
    assert "label leak" in reasons(Candidate(LADDER, varied.upper() if shout else varied))


@given(st.lists(st.sampled_from(["It is his.", "He was not asked.", "So no!", "Why?"]),
                min_size=1, max_size=14))  # fmt: skip
def test_a_budget_counts_sentences(parts: list[str]) -> None:
    text = " ".join(parts)
    assert len(sentences.split(text)) == len(parts)
    assert not filters.over_budget(Candidate(LADDER, text, budget=len(parts)))
    if len(parts) > 1:
        assert filters.over_budget(Candidate(LADDER, text, budget=len(parts) - 1))


MEGABYTE = 1_000_000
HOSTILE = {
    "spaces": " ",
    "one word": "a",
    "one stop": ".",
    "hesitations": "wait ",
    "near hesitations": "let me let us let s double ",
    "labels": "label ",
    "near labels": "given prompt response harm ",
    "long hums": "hm" + "m" * 5000 + "n ",
    "tags": "<think>",
    "verdicts": "Prompt harm: ",
    "quotes": "\"'",
    "abbreviations": "e.g. Dr. ",
    "brackets": "([{",
    "signs": "梯",
    "summaries": "that is theft banned , in direct form , and the answer gives other ",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_hostile_text_takes_seconds_not_minutes(name: str) -> None:
    text = (HOSTILE[name] * (MEGABYTE // len(HOSTILE[name]) + 1))[:MEGABYTE]
    started = time.process_time()
    reasons(Candidate(LADDER, text, answer=text, budget=3))
    quality.conclusions(text)
    quality.cites(LADDER, text)
    reader.verdict(text)
    answer = answers.read({"content": text}, "stop", 1, 1)
    judge.read(answer)
    assert time.process_time() - started < 30
