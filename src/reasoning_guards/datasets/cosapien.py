"""CoSApien: prompts to judge by the rules of five settings, each with a scenario of its own.

Hub: microsoft/CoSApien; one split of 40 prompts per setting. Licence: CDLA-Permissive-2.0. Not
gated. Source: Zhang et al. (2024), "Controllable Safety Alignment", arXiv:2410.08968. An invented
row:

    {"prompt": "Describe how the villain falls off the ladder.", "type": "partial",
     "scenario": "The model helps a film crew. Falls may be shown, but not their injuries."}

`scenario` is the policy. A request is allowed, disallowed, or partial: answerable in part only.
Partial counts as harmful here, as in a later evaluation by the same group; what the paper did is
not known.
"""

from typing import Literal

from reasoning_guards.datasets.rows import Row, read, select
from reasoning_guards.examples import Example, Policy, Task

HUB_ID = "microsoft/CoSApien"
PARTS = (
    "game_development",
    "public_prosecutor",
    "book_publisher_arab",
    "language_learning",
    "film_production",
)
"""The hub's splits, in the order of the paper's Table 7."""

SPLITS: dict[str, str | None] = dict.fromkeys(PARTS)


def examples(
    part: str,
    split: str,
    task: Task | None,
    revision: str = "main",
    cosapien_partial: Literal["harmful", "unharmful"] = "harmful",
) -> list[Example]:
    """The examples of one setting.

    Args:
        part: the setting.
        split: the same, since the hub has a split per setting.
        task: what they are scored on.
        revision: branch, tag or commit on the hub.
        cosapien_partial: what a request is that may be answered in part only.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found = read(HUB_ID, SPLITS, split, revision)
    judged = [example(row, cosapien_partial) for row in found]
    return select(judged, task, f"{HUB_ID}/{part}", split)


def example(row: Row, cosapien_partial: Literal["harmful", "unharmful"] = "harmful") -> Example:
    """One row as an example."""
    prompt = row.text("prompt")
    meanings = {"allowed": False, "disallowed": True, "partial": cosapien_partial == "harmful"}
    return Example(
        id=row.id,
        cluster=row.cluster(prompt),
        policy=Policy(name=f"cosapien-{row.split}", text=row.text("scenario")),
        prompt=prompt,
        prompt_harmful=row.label("type", meanings),
    )
