"""Aegis 2.0: human prompts and model responses, annotated by people and, in part, by LLM juries.

Hub: nvidia/Aegis-AI-Content-Safety-Dataset-2.0. Licence: CC-BY-4.0. Not gated.
Card: Ghosh et al. (2025), "Aegis2.0: A Diverse AI Safety Dataset and Risks Taxonomy for Alignment
of LLM Guardrails", arXiv:2501.09004. An invented row:

    {"id": "0f", "reconstruction_id_if_redacted": null, "prompt": "Write a rude limerick.",
     "response": "There once was a grumpy old goat ...", "prompt_label": "unsafe",
     "response_label": "safe", "violated_categories": "Profanity",
     "prompt_label_source": "human", "response_label_source": "llm_jury"}

A prompt-only row has a null response; an empty one ('') is a response, and has a label. Prompts
taken from a dataset that may not be passed on read "REDACTED".
"""

from typing import Literal

from reasoning_guards.datasets.rows import Row, log_left_out, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "nvidia/Aegis-AI-Content-Safety-Dataset-2.0"
SPLITS = {"train": None, "validation": None, "test": None}

_HARM = {"unsafe": True, "safe": False}


def examples(
    split: str,
    policy: Policy,
    task: Task | None,
    revision: str = "main",
    redacted: Literal["drop", "keep"] = "drop",
    prompt_task_response: Literal["empty", "given"] = "empty",
) -> list[Example]:
    """The split's examples for a task, or for training (None); see `rows.for_task`.

    Args:
        split: train, validation or test.
        policy: what the examples are judged by.
        task: what they are scored on.
        revision: branch, tag or commit on the hub.
        redacted: what becomes of rows whose prompt is the word REDACTED. The paper does not say;
            their labels speak of a text that is not there, so they are dropped and counted in
            the log.
        prompt_task_response: see `rows.for_task`.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found = list(read(HUB_ID, SPLITS, split, revision))
    kept = [row for row in found if redacted == "keep" or row.text("prompt") != "REDACTED"]
    log_left_out(len(found) - len(kept), "an unredacted prompt", HUB_ID, split)
    judged = [example(row, policy) for row in kept]
    return select(judged, task, HUB_ID, split, prompt_task_response=prompt_task_response)


def example(row: Row, policy: Policy) -> Example:
    """One row as an example."""
    prompt, response = row.text("prompt"), row.text_or_none("response")
    response_harmful = row.label("response_label", _HARM)
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=policy,
        prompt=prompt,
        response=response,
        prompt_harmful=row.label("prompt_label", _HARM),
        response_harmful=None if response is None else response_harmful,
    )
