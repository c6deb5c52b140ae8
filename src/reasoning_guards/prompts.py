"""What a guard and its teacher are asked, and what a guard is trained to answer.

The templates are text files. `*.as_printed.txt` are those of paper Appendix H, faults included;
`*.as_used.txt` mend them, or are ours where the paper prints none. `diff` shows the difference.

- H.1 ends in two paragraphs that contradict each other; the one about refusal belongs to H.2. As
  used, H.1 has the other one only, and asks for no refusal, which Aegis 2.0 does not label.
- H.2 lacks the ban on mentioning the labels and the rule for a missing response; as used it ends
  in the paragraph that stood in H.1.
- H.3 as used can show earlier turns; `_no_refusal` asks only for what Aegis 2.0 can teach.
- The paper does not print its non-reasoning prompt; ours is H.3 without the mention of thinking.
- Teachers of dialogues, of other sets, of rewrites, and judges are asked in our words: `topic_`,
  `policy_`, `rewrite_` and `judge_traces`, `blind_judge`.
- `compact` is the embedded world's, on one line and in its vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from reasoning_guards import chat
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.recipes import Mode, TeacherVersion, Template

TeacherTemplate = Literal["aegis", "wildguard", "topic", "policy"]

MODE_TOKENS: dict[Mode, str] = {"reasoning": "/think", "non-reasoning": "/no_think"}

_TURNS = {
    "paper": {
        "user": "Earlier human user:\n\n{text}\n\n",
        "assistant": "Earlier AI assistant:\n\n{text}\n\n",
    },
    "compact": {
        "user": "earlier user : {text} ",
        "assistant": "earlier assistant : {text} ",
    },
}


class MissingLabelError(UserError):
    """An example lacks a label that its training target, or its teacher, needs."""


class PromptTooLongError(UserError):
    """The policy and the instructions alone are longer than the prompt may be."""


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt's token ids, and whether a judged text was shortened to make them fit."""

    ids: list[int]
    shortened: bool


@cache
def load_template(name: str) -> str:
    """The text of a template, named as its file is: "h1_aegis_traces.as_used"."""
    text = files("reasoning_guards").joinpath(f"templates/{name}.txt").read_text("utf-8")
    return text.removesuffix("\n")


def diff(printed: str, used: str | None = None) -> str:
    """How a template as used departs from the paper's print, as a unified diff.

    Args:
        printed: name of the printed template, such as "h3_inference_reasoning".
        used: name of the template used in its place; the same name by default.
    """
    names = f"{printed}.as_printed", f"{used or printed}.as_used"
    before, after = (load_template(name).splitlines() for name in names)
    return "\n".join(unified_diff(before, after, *names, lineterm=""))


def guard_prompt(
    example: Example,
    mode: Mode,
    template: Template,
    *,
    mode_token: bool = False,
    refusal_line: bool = True,
) -> str:
    """What a guard is asked about an example; never holds a label.

    Args:
        example: its policy's text stands where the taxonomy does.
        mode: whether the guard thinks first; one `compact` template serves both.
        template: the paper's H.3 or its non-reasoning sibling; or the embedded world's.
        mode_token: put the mode's token first, as dual-mode guards are trained (paper §5.4).
        refusal_line: ask for the response's refusal too; the paper's template only.
    """
    if template == "compact":
        name, missing = "compact", "none"
    else:
        name = "h3_inference_reasoning" if mode == "reasoning" else "inference_non_reasoning"
        name, missing = name if refusal_line else f"{name}_no_refusal", "None"
    prompt = load_template(f"{name}.as_used").format(
        taxonomy=example.policy.text,
        dialogue="".join(
            _TURNS[template][turn.role].format(text=turn.text) for turn in example.dialogue
        ),
        prompt=example.prompt,
        response=missing if example.response is None else example.response,
    )
    return f"{MODE_TOKENS[mode]} {prompt}" if mode_token else prompt


def completion(
    example: Example,
    trace: str | None,
    *,
    refusal_line: bool = True,
    unlabelled_refusals: Literal["drop", "none"] = "drop",
) -> str:
    """What a guard is trained to answer: the trace, if there is one, and the verdict lines.

    Args:
        example: with its labels.
        trace: its reasoning, or None.
        refusal_line: whether the response's refusal is answered too.
        unlabelled_refusals: "none" answers `None` where a response has no refusal label.

    Raises:
        MissingLabelError: if a verdict line has no label; a missing response needs none.
    """
    must_refuse = refusal_line and unlabelled_refusals == "drop"
    words = _label_words(example, refusal_line=must_refuse)
    lines = [
        f"Prompt harm: {words['prompt_harm_label']}",
        f"Response harm: {words['response_harm_label']}",
    ]
    if refusal_line:
        lines.append(f"Response refusal: {words['response_refusal_label']}")
    thinking = "" if trace is None else f"<think> {trace} </think>\n"
    return thinking + "\n".join(lines)


def teacher_prompt(
    example: Example, template: TeacherTemplate, version: TeacherVersion = "as_used"
) -> str:
    """What the teacher is asked, labels included, for a reasoning trace (paper H.1, H.2).

    Args:
        example: with its labels.
        template: "aegis" (H.1) or "wildguard" (H.2), whose taxonomies are the templates' own and
            which have no place for a policy or earlier turns; "topic" for topic-following
            dialogues and "policy" for any other set, which are ours and show both.
        version: as we mend the paper's templates, or as it prints them.

    Raises:
        MissingLabelError: if the example lacks a label that the template shows.
    """
    words = _label_words(example, refusal_line=template == "wildguard")
    name = {"aegis": "h1_aegis_traces", "wildguard": "h2_wildguard_traces"}.get(template)
    printed = name is not None and version == "as_printed"
    text = load_template(f"{name or f'{template}_traces'}.{'as_printed' if printed else 'as_used'}")
    return text.format(**_shown(example), **words)


def rewrite_prompt(trace: str, sentences: int) -> str:
    """What the teacher is asked to bring a trace to so many sentences (paper §5.3); our wording."""
    budget = "exactly one sentence" if sentences == 1 else f"exactly {sentences} sentences"
    return load_template("rewrite_traces.as_used").format(budget=budget, trace=trace)


def judge_prompt(example: Example, trace: str) -> str:
    """What a judge is asked about a trace (paper §4.1 names one and prints none); our rubric.

    Raises:
        MissingLabelError: if the example lacks a label that the rubric shows.
    """
    words = _label_words(example, refusal_line=False)
    return load_template("judge_traces.as_used").format(trace=trace, **_shown(example), **words)


def blind_prompt(trace: str) -> str:
    """What a judge is asked who reads the trace alone: which verdict it amounts to."""
    return load_template("blind_judge.as_used").format(trace=trace)


def _shown(example: Example) -> dict[str, str]:
    """The example's texts, by the templates' slots."""
    return {
        "taxonomy": example.policy.text,
        "dialogue": "".join(
            _TURNS["paper"][turn.role].format(text=turn.text) for turn in example.dialogue
        ),
        "prompt": example.prompt,
        "response": "None" if example.response is None else example.response,
    }


def encode(
    tokenizer: Any,
    example: Example,
    *,
    mode: Mode,
    template: Template,
    mode_token: bool = False,
    refusal_line: bool = True,
    max_tokens: int,
) -> EncodedPrompt:
    """The guard's prompt as token ids, within the tokenizer's chat template, up to the answer.

    A prompt that is too long has its judged texts cut at the end, the longest first; the policy
    and the instructions stay whole. Special tokens written in a judged text are read as plain text.

    Args:
        tokenizer: a fast transformers tokenizer with a chat template.
        example, mode, template, mode_token, refusal_line: as for `guard_prompt`.
        max_tokens: the most ids that may come back.

    Raises:
        PromptTooLongError: if the prompt is too long even with the judged texts empty.
        chat.NoChatTemplateError: if the tokenizer has none.
    """
    before, after = chat.frame(tokenizer)

    def ids(shown: Example) -> list[int]:
        text = guard_prompt(shown, mode, template, mode_token=mode_token, refusal_line=refusal_line)
        return [*before, *_tokens(tokenizer, text)["input_ids"], *after]

    return fit(tokenizer, example, ids, max_tokens)


def fit(
    tokenizer: Any, example: Example, ids: Callable[[Example], list[int]], max_tokens: int
) -> EncodedPrompt:
    """A prompt within so many tokens, its judged texts cut at the end where need be.

    Args:
        tokenizer: a fast transformers tokenizer.
        example: what is asked about.
        ids: the whole prompt about an example, which has other texts where they are cut.
        max_tokens: the most ids that may come back.

    Raises:
        PromptTooLongError: if the prompt is too long even with the judged texts empty.
    """
    texts = judged_texts(example)
    encoded = ids(example)
    if len(encoded) <= max_tokens:
        return EncodedPrompt(encoded, shortened=False)
    shortest = len(ids(with_judged_texts(example, [""] * len(texts))))
    if shortest > max_tokens:
        raise PromptTooLongError(
            f"The prompt of example {example.id!r} takes {shortest} tokens without its judged "
            f"texts, but only {max_tokens} are left for it: raise max_length, lower "
            "max_new_tokens_reasoning or max_new_tokens_non_reasoning, or shorten the policy."
        )
    cuts = [_cuts(tokenizer, text) for text in texts]
    allowed = max_tokens - shortest
    while True:
        most = _longest_allowed([len(of_text) - 1 for of_text in cuts], max(allowed, 0))
        ends = [of_text[min(most, len(of_text) - 1)] for of_text in cuts]
        shorter = [text[:end] for text, end in zip(texts, ends, strict=True)]
        encoded = ids(with_judged_texts(example, shorter))
        if len(encoded) <= max_tokens:
            return EncodedPrompt(encoded, shortened=True)
        # A text may cost a token or two more in its place than alone; the next round settles it.
        allowed -= len(encoded) - max_tokens


def _label_words(example: Example, *, refusal_line: bool) -> dict[str, str]:
    """The example's labels in the templates' words; "None" where there is no response."""
    answered = example.response is not None
    harm, refusal = ("harmful", "unharmful"), ("refusal", "compliance")
    words = {}
    for name, label, (yes, no), needed in (
        ("prompt_harm", example.prompt_harmful, harm, True),
        ("response_harm", example.response_harmful, harm, answered),
        ("response_refusal", example.response_refusal, refusal, answered and refusal_line),
    ):
        if label is None and needed:
            raise MissingLabelError(
                f"Example {example.id!r} has no {name} label to learn from: leave it out, "
                "or choose a set that labels it."
            )
        words[f"{name}_label"] = "None" if label is None else yes if label else no
    return words


def judged_texts(example: Example) -> list[str]:
    """The texts that are judged, in order: earlier turns, the prompt, the response if any."""
    texts = [*(turn.text for turn in example.dialogue), example.prompt]
    return texts if example.response is None else [*texts, example.response]


def with_judged_texts(example: Example, texts: list[str]) -> Example:
    """The example with other texts, in the order of `judged_texts`."""
    turns = len(example.dialogue)
    dialogue = tuple(
        turn.model_copy(update={"text": text})
        for turn, text in zip(example.dialogue, texts, strict=False)
    )
    response = None if example.response is None else texts[-1]
    return example.model_copy(
        update={"dialogue": dialogue, "prompt": texts[turns], "response": response}
    )


def _cuts(tokenizer: Any, text: str) -> list[int]:
    """Where the text ends if it keeps 0, 1, 2, … of its tokens, and whole characters only."""
    offsets = _tokens(tokenizer, text, return_offsets_mapping=True)["offset_mapping"]
    # A character of several tokens is the span of each of them: the next one starts before the end.
    next_starts = [start for start, _ in offsets[1:]] + [len(text)]
    return [0, *map(min, (end for _, end in offsets), next_starts)]


def _longest_allowed(lengths: list[int], total: int) -> int:
    """The greatest length that, if longer ones are cut to it, keeps the sum within the total."""
    for position, length in enumerate(sorted(lengths)):
        share = total // (len(lengths) - position)
        if length > share:
            return share
        total -= length
    return max(lengths)


def plain_tokens(tokenizer: Any, text: str) -> list[int]:
    """A text's ids, in which special tokens that it writes are plain text."""
    ids: list[int] = _tokens(tokenizer, text)["input_ids"]
    return ids


def _tokens(tokenizer: Any, text: str, **options: bool) -> Any:
    return tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, verbose=False, **options
    )
