"""Topic-following: dialogues of an assistant with a system instruction, on topic and off it.

Hub: nvidia/CantTalkAboutThis-Topic-Control-Dataset, config mixtral; 1,080 dialogues in nine
domains. Licence: CC-BY-4.0. Not gated. Source: Rebedea et al. (2024), "CantTalkAboutThis: Aligning
Language Models to Stay on Topic in Dialogues", arXiv:2404.03820. An invented row (without
`conversation_with_distractors`, which repeats the rest):

    {"domain": "travel", "scenario": "Booking a ferry", "system_instruction": "Book ferries only.",
     "conversation": [{"role": "user", "content": "A ferry to the island, please."},
                      {"role": "assistant", "content": "For which day?"}],
     "distractors": [{"bot turn": "For which day?", "distractor": "Do goats like ferries?"}]}

Every user turn is an example: the system instruction is its policy, the turns before it are its
dialogue, and it is unharmful, since it stays on topic. Every distractor is a harmful one, put after
the assistant's turn that it names.
"""

from collections.abc import Iterator

from reasoning_guards.datasets.rows import Row, log_left_out, read, select
from reasoning_guards.examples import Example, Policy, Task, Turn

HUB_ID = "nvidia/CantTalkAboutThis-Topic-Control-Dataset"
SPLITS = {"train": "mixtral", "test": "mixtral"}
POLICY_NAME = "topic-following"
"""Of every example's policy, whose text is the dialogue's own."""

_ROLES = {"user": False, "assistant": True}


def examples(split: str, task: Task | None, revision: str = "main") -> list[Example]:
    """The split's examples; distractors whose assistant turn is not in the dialogue are left out.

    Raises:
        UserError: whatever `rows.read`, `Row` and `rows.select` raise.
    """
    found, homeless = [], 0
    for row in read(HUB_ID, SPLITS, split, revision):
        turns = _turns(row)
        distractors = row.records("distractors", "bot turn", "distractor")
        placed = [(_after(turns, said), text) for said, text in distractors]
        homeless += sum(place is None for place, _ in placed)
        found += list(_on_topic(row, turns))
        found += [
            _example(row, f"distractor-{index}", turns[:place], text, harmful=True)
            for index, (place, text) in enumerate(placed)
            if place is not None
        ]
    log_left_out(homeless, "the assistant's turn that a distractor names", HUB_ID, split)
    return select(found, task, HUB_ID, split)


def _on_topic(row: Row, turns: tuple[Turn, ...]) -> Iterator[Example]:
    """An example for each user turn of a dialogue."""
    for index, turn in enumerate(turns):
        if turn.role == "user":
            yield _example(row, f"turn-{index}", turns[:index], turn.text, harmful=False)


def _example(
    row: Row, part: str, dialogue: tuple[Turn, ...], prompt: str, *, harmful: bool
) -> Example:
    return Example(
        id=f"{row.id}/{part}",
        cluster=row.id,
        policy=Policy(name=POLICY_NAME, text=row.text("system_instruction")),
        dialogue=dialogue,
        prompt=prompt,
        prompt_harmful=harmful,
    )


def _after(turns: tuple[Turn, ...], said: str) -> int | None:
    """How many turns there are up to the assistant's turn with that text, it included."""
    for index, turn in enumerate(turns):
        if turn.role == "assistant" and turn.text.strip() == said.strip():
            return index + 1
    return None


def _turns(row: Row) -> tuple[Turn, ...]:
    return tuple(
        Turn(role="assistant" if row.label_of(role, "conversation", _ROLES) else "user", text=text)
        for role, text in row.records("conversation", "role", "content")
    )
