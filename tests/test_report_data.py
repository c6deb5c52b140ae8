"""The page of what sets leave open: counted where rows can be read, unknown elsewhere."""

from pathlib import Path
from typing import Any

import hub_rows
import pytest

from reasoning_guards.chapters import benchmarks
from reasoning_guards.datasets import (
    aegis2,
    cosapien,
    hub,
    jailbreakbench,
    toxic_chat,
    wildguardmix,
)
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Reading
from reasoning_guards.report import data

DEVIATIONS = (Path(__file__).parents[1] / "book/deviations.md").read_text()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    return tmp_path


def counted(parameter: str, name: str) -> list[tuple[str, list[str]]]:
    """Choice and its numbers, of the rows about a parameter and a set."""
    table = data.choices(Profile())
    return [
        (index[2], list(row))
        for index, row in zip(table.index, table.to_numpy(), strict=True)
        if index[0] == parameter and index[1].startswith(name)
    ]


def test_each_choice_is_counted_on_the_rows_that_a_mirror_holds(mirror: Path) -> None:
    redacted: dict[str, Any] = {"prompt": "REDACTED", "prompt_label": "safe"}
    for split in ("train", "test"):
        found = hub_rows.aegis(), hub_rows.aegis(**redacted)
        hub_rows.write(mirror / aegis2.HUB_ID / f"{split}.jsonl", *found)
    hub_rows.write(
        mirror / toxic_chat.HUB_ID / "toxicchat0124/test.jsonl",
        hub_rows.toxic_chat(toxicity=0),
        hub_rows.toxic_chat(human_annotation=False),
    )
    hub_rows.write(
        mirror / jailbreakbench.HUB_ID / "judge_comparison/test.jsonl",
        hub_rows.jailbreakbench(),
        hub_rows.jailbreakbench(goal="One.", prompt="One.", human_majority=0),
    )
    kinds = (hub_rows.cosapien(type=kind) for kind in ("partial", "allowed", "disallowed"))
    hub_rows.write(mirror / cosapien.HUB_ID / "film_production.jsonl", *kinds)
    hub_rows.write(
        mirror / wildguardmix.HUB_ID / "wildguardtrain/train.jsonl",
        hub_rows.wildguard(),
        hub_rows.wildguard(response_refusal_label=None, prompt_harm_label="harmful"),
        hub_rows.wildguard(response=None, response_harm_label=None, response_refusal_label=None),
    )
    assert counted("redacted", f"{aegis2.HUB_ID}, train") == [
        ("drop, by default", ["1", "1", "0"]),
        ("keep", ["2", "1", "1"]),
    ]
    assert counted("toxic_chat_rows", toxic_chat.HUB_ID) == [
        ("annotated, by default", ["1", "0", "0"]),
        ("all", ["2", "1", "1"]),
    ]
    assert counted("jailbreakbench_prompt", jailbreakbench.HUB_ID) == [
        ("prompt, by default", ["2", "1", "0"]),
        ("goal", ["2", "1", "1"]),
    ]
    assert counted("cosapien_partial", f"{cosapien.HUB_ID}/film_production") == [
        ("harmful, by default", ["3", "2", "0"]),
        ("unharmful", ["3", "1", "1"]),
    ]
    assert counted("prompt_task_response", f"{aegis2.HUB_ID}, test") == [
        ("empty, by default", ["1", "1", "0"]),
        ("given", ["1", "1", "1"]),
    ]
    assert counted("unlabelled_refusals", f"{wildguardmix.HUB_ID}, train") == [
        ("drop, by default", ["2", "0", "0"]),
        ("none", ["3", "1", "1"]),
    ]


def test_what_cannot_be_read_is_unknown_and_the_embedded_world_asks_no_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(hub.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(hub, "rows", lambda *_: pytest.fail("the hub was asked"))
    table = data.choices(Profile())
    unknown = [row == data.UNKNOWN for row in table["Examples"]]
    assert unknown == [not name.startswith("synthetic/") for _, name, _ in table.index]


def test_in_the_hub_world_a_set_out_of_reach_is_unknown_and_the_others_are_counted(
    mirror: Path,
) -> None:
    hub_rows.write(mirror / toxic_chat.HUB_ID / "toxicchat0124/test.jsonl", hub_rows.toxic_chat())
    hub_rows.write(
        mirror / aegis2.HUB_ID / "train.jsonl", hub_rows.aegis(prompt="Insult my teapot.")
    )
    gpu = Profile(
        world="hub", train_set=aegis2.HUB_ID, other_train_set=aegis2.HUB_ID,
        dialogues=aegis2.HUB_ID, teacher="Qwen/Qwen3-32B", template="paper",
    )  # fmt: skip
    table = data.choices(gpu)
    known = {name for _, name, _ in table.index[table["Examples"] != data.UNKNOWN]}
    assert f"{toxic_chat.HUB_ID}, test, prompt" in known
    assert f"{jailbreakbench.HUB_ID}, test, response" not in known
    overlap = data.overlaps(gpu)
    assert list(overlap.index) == [(aegis2.HUB_ID, f"{toxic_chat.HUB_ID}:prompt")]
    assert overlap.iloc[0].to_list() == [1, 1, 0]


@pytest.mark.slow
def test_the_embedded_world_s_test_sets_hold_no_prompt_that_is_trained_on() -> None:
    table = data.overlaps(Profile())
    trained = {f"synthetic/{name}" for name in ("meadow", "orchard", "lanes", "commons")}
    assert {name for name, _ in table.index} == trained
    assert len(table) == (9 + 9) * len(trained)
    custom = {cell.name for cell in benchmarks.custom_cells(Profile())}
    assert custom < {cell for _, cell in table.index}
    assert set(table["Exact"]) == {0}


def test_every_choice_about_rows_is_counted_and_stands_on_the_page_of_deviations() -> None:
    counted_parameters = {parameter for parameter, *_ in data.choices(Profile()).index}
    assert counted_parameters == {*Reading.model_fields, "unlabelled_refusals"}
    for parameter in counted_parameters | {"refusal_line", "subset", "stratified", "overlapping"}:
        assert f"`{parameter}" in DEVIATIONS
    assert "{glue} choices_table" in DEVIATIONS
