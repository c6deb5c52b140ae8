"""The rule teacher with a language model's failures, each made at a given rate and known.

It answers the same questions as an endpoint does, so that what filters, judge and regeneration find
can be held against what there is to find. A failure has several forms, and some are such that the
filters miss them; the judge errs, too.
"""

import re
from collections.abc import Callable
from random import Random

from reasoning_guards import prompts
from reasoning_guards.distil import judge, sentences
from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.examples import Example
from reasoning_guards.synthetic import corpora, reader, teacher

NAME = "rule"
JUDGE_ERRS, JUDGE_RAMBLES = 0.05, 0.04
OF_TRACES = (
    "cut off", "no verdict", "contradicts the label", "label leak", "overthinking", "repetition",
    "foreign script", "judge: not grounded",
)  # fmt: skip
OF_REWRITES = ("label leak", "repetition", "over budget", "judge: not grounded")

# The last of each list has a form that no pattern knows.
_LEAKS = (
    "the ground truth says so .",
    "the given label is {label} .",
    "the label says {label} .",
    "i was told that the request is {label} .",
    "as i have heard before , it is {label} .",
)
_DOUBTS = (
    "wait , no .",
    "hmm .",
    "let me think again .",
    "on second thought , yes .",
    "or is it ?",
)
_FOREIGN = ("这个 请求 是 有害 的 , 因为 政策 禁止 .", "запрос нарушает правила , потому что .")
_PROSE = ("the request and the answer are clear .", "")


class RuleTeacher:
    """Answers at once; needs the embedded world's examples, except to read a trace alone.

    Args:
        rate: of each failure.
    """

    trouble: str | None = None

    def __init__(self, rate: float) -> None:
        self._rate = rate

    async def ask(self, question: Question) -> Answer:
        """The answer that its rules and its failures give; equal questions have equal ones."""
        if question.purpose == "blind":
            return _answer(question, "", _read(_within(question.text, "Reasoning:\n\n")))
        example = _example(question.example)
        rng = Random(f"answer/{question.seed}")
        if question.purpose == "judge":
            trace = _within(question.text, "Reasoning:\n\n")
            return _answer(question, "", _judged(example, trace, rng))
        budget = None if question.purpose == "trace" else _budget(question.text)
        trace, said, finish = teacher.trace(example, budget), _verdict(example), "stop"
        for failure in sorted(failures(question, self._rate)):
            if failure == "cut off":
                continue
            trace, said = _SPOIL[failure](example, trace, said, rng)
        if "cut off" in failures(question, self._rate):
            words = trace.split()
            trace, said, finish = " ".join(words[: rng.randint(3, len(words))]), "", "length"
        if question.purpose == "rewrite":
            return _answer(question, "", trace, finish)
        return _answer(question, trace, said, finish)

    async def close(self) -> None:
        """There is nothing to let go of."""


def failures(question: Question, rate: float) -> frozenset[str]:
    """Which failures the answer to a question has, by the names of the reasons to reject it."""
    rng = Random(f"failures/{question.seed}")
    kinds = OF_TRACES if question.purpose == "trace" else OF_REWRITES
    return frozenset(kind for kind in kinds if rng.random() < rate)


def _example(name: str) -> Example:
    dataset, split, index = name.rsplit("/", 2)
    return corpora.load(dataset, split)[int(index)]  # type: ignore[arg-type]  # refuses others


def _answer(question: Question, reasoning: str, content: str, finish: str = "stop") -> Answer:
    tokens = len(question.text.split()), len(reasoning.split()) + len(content.split())
    return Answer(reasoning, content, finish, False, *tokens)


def _budget(text: str) -> int:
    found = re.search(r"exactly (\d+) sentences", text)
    return int(found[1]) if found else 1


def _verdict(example: Example) -> str:
    return prompts.completion(example, None, refusal_line=False)


def _leak(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    label = teacher.LABELS[bool(example.prompt_harmful)]
    return _inserted(trace, [rng.choice(_LEAKS).format(label=label)], rng), said


def _overthink(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    return _inserted(trace, rng.choices(_DOUBTS, k=rng.randint(3, 6)), rng), said


def _repeat(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    again = max(sentences.split(trace), key=len)
    return " ".join([trace, *[again] * rng.randint(2, 5)]), said


def _turn(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    turned = {True: False, False: True, None: None}
    other = {"prompt_harmful": turned[example.prompt_harmful]}
    if rng.random() < 0.5:
        other = {"response_harmful": turned[example.response_harmful]} | (
            other if example.response_harmful is None else {}
        )
    return trace, _verdict(example.model_copy(update=other))


def _ramble(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    return trace, rng.choice(_PROSE)


def _switch(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    return _inserted(trace, [rng.choice(_FOREIGN)], rng), said


def _stray(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    """The reasoning of another example with the same labels, so that the verdict fits."""
    dataset, split, index = example.id.rsplit("/", 2)
    others = corpora.load(dataset, split)  # type: ignore[arg-type]
    budget = len(sentences.split(trace))
    for step in range(1, len(others)):
        other = others[(int(index) + step) % len(others)]
        if _labels(other) == _labels(example) and other.prompt != example.prompt:
            return teacher.trace(other, budget), said
    return trace, said


def _overrun(example: Example, trace: str, said: str, rng: Random) -> tuple[str, str]:
    return _inserted(trace, rng.sample(teacher.FILLER[2:], rng.randint(1, 3)), rng), said


_SPOIL: dict[str, Callable[[Example, str, str, Random], tuple[str, str]]] = {
    "label leak": _leak,
    "overthinking": _overthink,
    "repetition": _repeat,
    "contradicts the label": _turn,
    "no verdict": _ramble,
    "foreign script": _switch,
    "judge: not grounded": _stray,
    "over budget": _overrun,
}


def _inserted(trace: str, added: list[str], rng: Random) -> str:
    parts = sentences.split(trace)
    for sentence in added:
        parts.insert(rng.randrange(len(parts) + 1), sentence)
    return " ".join(parts)


def _labels(example: Example) -> tuple[bool | None, bool | None]:
    return example.prompt_harmful, example.response_harmful


def _within(text: str, start: str) -> str:
    """What stands between a line of a template and the next blank one."""
    return text.partition(start)[2].partition("\n\n")[0]


def _judged(example: Example, trace: str, rng: Random) -> str:
    """The rubric's lines, of which only the first ever says no: what else fails, filters see."""
    if rng.random() < JUDGE_RAMBLES:
        return "this reasoning is fine , on the whole ."
    own = set(sentences.split(teacher.trace(example, None)))
    parts = sentences.split(trace)
    grounded = sum(part in own for part in parts) >= len(parts) / 2
    says = dict.fromkeys(judge.RUBRIC, True)
    says["grounded"] = grounded != (rng.random() < JUDGE_ERRS)
    return "\n".join(f"{point}: {'yes' if yes else 'no'}" for point, yes in says.items())


def _read(trace: str) -> str:
    words = (None if said is None else teacher.LABELS[said] for said in reader.verdict(trace))
    return "Prompt harm: {}\nResponse harm: {}".format(*words)
