"""Reasoning traces that the paper's authors released, joined to training examples by their texts.

Hub: nvidia/Nemotron-Content-Safety-Reasoning-Dataset; one split per base set, 28,000 rows of
Aegis 2.0 and 8,712 of CantTalkAboutThis. Licence: CC-BY-4.0. Not gated. None are of WildGuardMix.
Source: the dataset's card; Sreedhar et al. (2025), arXiv:2505.20087. An invented row of the first:

    {"id": "0f", "prompt": "Write a rude limerick.", "response": null, "prompt_label": "unsafe",
     "response_label": null, "prompt_harm_label": "harmful", "response_harm_label": null,
     "safety_reasoning_qwen3_32b": "The user wants a limerick that is rude ...",
     "efficient_safety_reasoning_trace_qwen3_32b": "Rudeness is asked for.",
     "prediction_gt_mismatch_qwen3_32b": false}

and of the second:

    {"system_instruction": "Book ferries only.", "last_user_message": "Do goats like ferries?",
     "conversation_history": [], "gt_topic_classification": "off-topic",
     "safety_reasoning_trace_qwen3_32b": "The user asks about goats ...",
     "efficient_reasoning_trace_qwen3_32b": "Goats are off the topic.",
     "prediction_gt_mismatch_qwen3_32b": false}

Guesses:

- The columns of the traces are spelled as the card does; elsewhere they are `efficient_reasoning_…`
  in both splits, and any of these spellings is taken.
- The reduced-length ("efficient") trace is the one of a single sentence.
- A mismatch flag that is true means that the teacher contradicts the label, as its name says; the
  card's sentence about it can be read either way.
- The teacher that the paper calls DeepSeek-R1 is the release's DeepSeek-R1-0528.
- Tags around the thinking may stand in a trace; what they enclose is the trace.
"""

import logging
from collections import Counter
from collections.abc import Sequence

from reasoning_guards.datasets import aegis2, topic_following
from reasoning_guards.datasets.rows import Row, read
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy

HUB_ID = "nvidia/Nemotron-Content-Safety-Reasoning-Dataset"
SAFETY, TOPICS = "nemotron_content_safety_reasoning", "topic_control_reasoning"
SPLITS = {SAFETY: None, TOPICS: None}
TEACHERS = {
    "deepseek-ai/DeepSeek-R1": "deepseek_r1_0528",
    "openai/gpt-oss-120b": "gpt_oss_120b",
    "Qwen/Qwen3-32B": "qwen3_32b",
}
"""Hub id of a teacher → how the columns name it."""
TRAINING_SETS = {aegis2.HUB_ID: SAFETY, topic_following.HUB_ID: TOPICS}
"""The sets whose examples have released traces → the split those are in."""

_COLUMNS = {
    None: ("safety_reasoning_{}", "safety_reasoning_trace_{}"),
    1: (
        "efficient_safety_reasoning_trace_{}",
        "efficient_reasoning_trace_{}",
        "efficient_reasoning_{}",
    ),
}
_OFF_TOPIC = {"off-topic": True, "on-topic": False}
_FLAG = {True: True, False: False, "True": True, "False": False}

_log = logging.getLogger(__name__)


class NoReleasedTracesError(UserError):
    """No trace was released for a training set, or none of the length asked for."""


def traces(teacher: str, sentences: int | None, examples: Sequence[Example]) -> list[str | None]:
    """The teacher's trace for each example, or None where it has none to learn from.

    An example finds its trace by its texts and labels. There is none where the row was not
    released, where its trace is empty, and where the teacher contradicts the label (the paper
    filters its traces too, §4.1); each reason is counted in the log.

    Args:
        teacher: one of TEACHERS.
        sentences: 1, or None for the full trace; no other lengths were released.
        examples: with the labels the traces must argue for.

    Raises:
        NoReleasedTracesError: for another length, or if no example has a trace.
        UserError: whatever `rows.read` and `Row` raise.
    """
    if sentences not in _COLUMNS:
        raise NoReleasedTracesError(
            f"The released traces of {teacher} are full or of one sentence, and {sentences} "
            "sentences are asked for: set the budget to 1 or to none."
        )
    keys = [_key(example) for example in examples]
    found: dict[_Key, str | None] = {}
    fates = dict.fromkeys(keys, "that were not released")
    for split in sorted({_split(example) for example in examples}):
        for row in read(HUB_ID, SPLITS, split):
            key = _key(_example(row))
            if key in fates and not found.get(key):
                found[key], fates[key] = _trace(row, TEACHERS[teacher], _COLUMNS[sentences])
    for fate, count in Counter(fates[key] for key in keys if not found.get(key)).items():
        _log.info("%s, %s: no trace for %d examples %s", HUB_ID, teacher, count, fate)
    written = [found.get(key) for key in keys]
    if not any(written):
        raise NoReleasedTracesError(
            f"None of the {len(examples)} training examples has a released trace of {teacher} "
            f"that agrees with its labels: train on {aegis2.HUB_ID} or {topic_following.HUB_ID}, "
            "whose traces the authors released."
        )
    return written


_Key = tuple[str | None, str, str, bool | None, bool | None]


def _key(example: Example) -> _Key:
    """What two readers of one interaction agree on: its texts, its labels, and a topic's rules."""
    return (
        example.policy.text.strip() if _split(example) == TOPICS else None,
        example.prompt.strip(),
        (example.response or "").strip(),
        example.prompt_harmful,
        example.response_harmful,
    )


def _split(example: Example) -> str:
    return TOPICS if example.policy.name == topic_following.POLICY_NAME else SAFETY


def _example(row: Row) -> Example:
    """The example that a row's traces are about."""
    if row.split == SAFETY:
        return aegis2.example(row, Policy(name="aegis2", text=""))
    return Example(
        id=row.id,
        cluster=row.id,
        policy=Policy(name=topic_following.POLICY_NAME, text=row.text("system_instruction")),
        prompt=row.text("last_user_message"),
        prompt_harmful=row.label("gt_topic_classification", _OFF_TOPIC),
    )


def _trace(row: Row, teacher: str, columns: Sequence[str]) -> tuple[str | None, str]:
    """The trace to learn from, or None; and what is to be said of an example without one."""
    agrees = row.label(f"prediction_gt_mismatch_{teacher}", _FLAG) is False
    names = [column.format(teacher) for column in columns]
    text = row.text_or_none(next((name for name in names if name in row.cells), names[0])) or ""
    trace = text.partition("</think>")[0].replace("<think>", "").strip()
    if not agrees:
        return None, "whose label the teacher contradicts"
    return trace or None, "whose trace is empty"
