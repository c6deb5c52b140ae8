"""Sets whose examples bring their policies: the custom-policy suites and topic following."""

import logging
from pathlib import Path
from typing import Any

import hub_rows
import pytest

from reasoning_guards import datasets, policies
from reasoning_guards.datasets import cosapien, dynaguardrail, hub, rows, topic_following
from reasoning_guards.examples import Policy, Turn

OTHER = Policy(name="house", text="No goats.")
FINANCE = f"{dynaguardrail.HUB_ID}/finance"
FILM = f"{cosapien.HUB_ID}/film_production"


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_part_of_dynaguardrail_holds_its_own_rows_under_its_own_policy(
    mirror: Path, suffix: str
) -> None:
    hub_rows.write(
        mirror / dynaguardrail.HUB_ID / f"test{suffix}",
        hub_rows.dynaguardrail(),
        hub_rows.dynaguardrail(dataset_type="tax"),
        hub_rows.dynaguardrail(label="safe"),
    )
    first, second = datasets.load(FINANCE, "test", "prompt", OTHER)
    assert (first.prompt_harmful, second.prompt_harmful) == (True, False)
    assert first.policy == policies.load("dynaguardrail-finance")
    (tax,) = datasets.load(f"{dynaguardrail.HUB_ID}/tax", "test", "prompt")
    assert tax.policy == policies.load("dynaguardrail-tax")
    assert len({first.id, second.id, tax.id}) == 3


def test_every_part_of_dynaguardrail_has_a_policy() -> None:
    texts = {policies.load(f"dynaguardrail-{part}").text for part in dynaguardrail.PARTS}
    assert len(texts) == 4


def test_a_row_of_an_unknown_part_is_refused(mirror: Path) -> None:
    hub_rows.write(
        mirror / dynaguardrail.HUB_ID / "test.jsonl", hub_rows.dynaguardrail(dataset_type="goats")
    )
    with pytest.raises(rows.UnknownLabelError, match=r"row 0, column 'dataset_type': 'goats'"):
        datasets.load(FINANCE, "test", "prompt")


@pytest.mark.parametrize(
    ("kind", "harmful"), [("allowed", False), ("disallowed", True), ("partial", True)]
)
def test_cosapien_judges_by_the_scenario_of_the_row(mirror: Path, kind: str, harmful: bool) -> None:
    hub_rows.write(mirror / cosapien.HUB_ID / "film_production.jsonl", hub_rows.cosapien(type=kind))
    (found,) = datasets.load(FILM, datasets.TEST_SPLITS[FILM], "prompt", OTHER)
    assert found.prompt_harmful is harmful
    assert found.policy.text == "The model helps a film crew."


def test_what_is_allowed_in_part_can_count_as_unharmful() -> None:
    row = rows.Row(cosapien.HUB_ID, "film_production", 0, hub_rows.cosapien(type="partial"))
    assert cosapien.example(row).prompt_harmful is True
    assert cosapien.example(row, cosapien_partial="unharmful").prompt_harmful is False


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_each_user_turn_and_each_distractor_is_an_example(mirror: Path, suffix: str) -> None:
    hub_rows.write(
        mirror / topic_following.HUB_ID / f"mixtral/train{suffix}", hub_rows.topic_following()
    )
    first, second, off = datasets.load(topic_following.HUB_ID, "train", None)
    opening = (
        Turn(role="user", text="A ferry to the island, please."),
        Turn(role="assistant", text="For which day?"),
    )
    assert (first.dialogue, first.prompt, first.prompt_harmful) == (
        (), "A ferry to the island, please.", False,
    )  # fmt: skip
    assert (second.dialogue, second.prompt, second.prompt_harmful) == (
        opening, "For Monday.", False,
    )  # fmt: skip
    assert (off.dialogue, off.prompt, off.prompt_harmful) == (
        opening, "Do goats like ferries?", True,
    )  # fmt: skip
    assert {example.policy.text for example in (first, second, off)} == {"Book ferries only."}
    assert len({example.cluster for example in (first, second, off)}) == 1
    assert len({example.id for example in (first, second, off)}) == 3


def test_a_distractor_whose_turn_is_not_there_is_left_out_and_counted(
    mirror: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stray = {"bot turn": "Never said.", "distractor": "Do goats swim?"}
    hub_rows.write(
        mirror / topic_following.HUB_ID / "mixtral/train.jsonl",
        hub_rows.topic_following(distractors=[stray]),
    )
    with caplog.at_level(logging.INFO):
        found = datasets.load(topic_following.HUB_ID, "train", None)
    assert [example.prompt_harmful for example in found] == [False, False]
    assert "left out 1 rows without the assistant's turn" in caplog.text


@pytest.mark.parametrize(
    "cells",
    [
        {"conversation": "User: hello"},
        {"conversation": [{"role": "user"}]},
        {"conversation": [["user", "hello"]]},
        {"conversation": [{"role": "user", "content": "hello \ud83d"}]},
        {"distractors": [{"bot turn": "For which day?", "distractor": None}]},
    ],
)
def test_a_dialogue_of_another_shape_is_refused_without_quoting_it(
    mirror: Path, cells: dict[str, Any]
) -> None:
    odd = hub_rows.topic_following(**cells)
    hub_rows.write(mirror / topic_following.HUB_ID / "mixtral/train.jsonl", odd)
    (column,) = cells
    with pytest.raises(rows.NotTextError, match=f"row 0, column '{column}'") as error:
        datasets.load(topic_following.HUB_ID, "train", None)
    assert "hello" not in str(error.value)


def test_a_turn_of_another_role_is_refused(mirror: Path) -> None:
    odd = hub_rows.topic_following(conversation=[{"role": "narrator", "content": "Dawn."}])
    hub_rows.write(mirror / topic_following.HUB_ID / "mixtral/train.jsonl", odd)
    with pytest.raises(rows.UnknownLabelError, match="'narrator' is no known label"):
        datasets.load(topic_following.HUB_ID, "train", None)


def test_every_suite_part_can_be_asked_for_by_name() -> None:
    parts = [f"{module.HUB_ID}/{part}" for module in (dynaguardrail, cosapien)
             for part in module.PARTS]  # fmt: skip
    for name in parts:
        with pytest.raises(hub.MissingFromMirrorError, match=name.rsplit("/", 1)[0]):
            datasets.load(name, datasets.TEST_SPLITS.get(name, "test"), "prompt")
    assert len(parts) == 9
