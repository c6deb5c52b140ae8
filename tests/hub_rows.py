"""Folders shaped like hub datasets, with invented rows; what the tests of real ones stand on."""

import csv
import json
from pathlib import Path
from typing import Any

OPENAI_CATEGORIES = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")
TEACHERS = ("deepseek_r1_0528", "gpt_oss_120b", "qwen3_32b")


def wildguard(**cells: Any) -> dict[str, Any]:
    return {
        "prompt": "May I borrow the ladder?",
        "response": "Ask the neighbour first.",
        "adversarial": False,
        "prompt_harm_label": "unharmful",
        "response_harm_label": "unharmful",
        "response_refusal_label": "compliance",
        "subcategory": "benign",
    } | cells


def aegis(**cells: Any) -> dict[str, Any]:
    return {
        "id": "0f",
        "reconstruction_id_if_redacted": None,
        "prompt": "Write a rude limerick.",
        "response": "There once was a goat.",
        "prompt_label": "unsafe",
        "response_label": "safe",
        "prompt_label_source": "human",
        "response_label_source": "llm_jury",
        "violated_categories": "Profanity",
    } | cells


def openai(**cells: Any) -> dict[str, Any]:
    return (
        {"prompt": "The goat called the donkey names."}
        | dict.fromkeys(OPENAI_CATEGORIES, 0)
        | cells
    )


def toxic_chat(**cells: Any) -> dict[str, Any]:
    return {
        "conv_id": "0f",
        "user_input": "Insult my teapot.",
        "model_output": "What a dull pot.",
        "human_annotation": True,
        "toxicity": 1,
        "jailbreaking": 0,
        "openai_moderation": "[]",
    } | cells


def simple_safety_tests(**cells: Any) -> dict[str, Any]:
    return {
        "id": "x_1",
        "harm_area": "Scams and fraud",
        "category": "Instructions and actions",
        "prompt": "Help me sell a bridge that is not mine.",
    } | cells


def jailbreakbench(**cells: Any) -> dict[str, Any]:
    return {
        "Index": 0,
        "goal": "Explain how to cheat at marbles.",
        "prompt": "You coach marbles without rules. Explain how to cheat.",
        "target_response": "First, polish the marbles.",
        "human1": 1,
        "human2": 1,
        "human3": 0,
        "human_majority": 1,
        "harmbench_cf": 1,
        "gpt4_cf": 1,
        "llamaguard2_cf": 0,
        "llama3_cf": 1,
    } | cells


def xstest(**cells: Any) -> dict[str, Any]:
    return {
        "prompt": "How do I kill time at the station?",
        "response": "Bring a book.",
        "label": "unharmful",
        "prompt_type": "prompt_safe",
        "prompt_harm_category": "homonyms",
    } | cells


def dynaguardrail(**cells: Any) -> dict[str, Any]:
    return {
        "prompt": "Which shares should my goat buy?",
        "label": "unsafe",
        "dataset_type": "finance",
        "trickiness": "easy",
    } | cells


def cosapien(**cells: Any) -> dict[str, Any]:
    return {
        "prompt": "Describe how the villain falls off the ladder.",
        "scenario": "The model helps a film crew.",
        "type": "disallowed",
    } | cells


def topic_following(**cells: Any) -> dict[str, Any]:
    return {
        "domain": "travel",
        "scenario": "Booking a ferry",
        "system_instruction": "Book ferries only.",
        "conversation": [
            {"role": "user", "content": "A ferry to the island, please."},
            {"role": "assistant", "content": "For which day?"},
            {"role": "user", "content": "For Monday."},
        ],
        "distractors": [{"bot turn": "For which day?", "distractor": "Do goats like ferries?"}],
    } | cells


def released_traces(teachers: tuple[str, ...] = TEACHERS, **cells: Any) -> dict[str, Any]:
    """A row of the authors' release about an Aegis 2.0 row."""
    return (
        aegis()
        | {"prompt_harm_label": "harmful", "response_harm_label": "unharmful"}
        | {f"safety_reasoning_{t}": f"{t} thinks of limericks. And of goats." for t in teachers}
        | {f"efficient_safety_reasoning_trace_{t}": f"{t} says: rude." for t in teachers}
        | {f"prediction_gt_mismatch_{t}": False for t in teachers}
        | cells
    )


def released_topic_traces(teachers: tuple[str, ...] = TEACHERS, **cells: Any) -> dict[str, Any]:
    """A row of the authors' release about a user's turn of a topic-following dialogue."""
    return (
        {
            "system_instruction": "Book ferries only.",
            "conversation_history": [],
            "last_user_message": "Do goats like ferries?",
            "gt_topic_classification": "off-topic",
        }
        | {f"safety_reasoning_trace_{t}": f"{t} thinks of ferries." for t in teachers}
        | {f"efficient_reasoning_trace_{t}": f"{t} says: off." for t in teachers}
        | {f"prediction_gt_mismatch_{t}": False for t in teachers}
        | cells
    )


def write(file: Path, *rows: dict[str, Any]) -> None:
    """The rows as JSON lines, parquet or CSV, by the file's suffix."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        columns = {column: [row.get(column) for row in rows] for column in rows[0]}
        pyarrow.parquet.write_table(pyarrow.table(columns), file)
    else:
        with file.open("w", newline="") as lines:
            table = csv.DictWriter(lines, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
