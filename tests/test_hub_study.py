"""RQ1 in the hub world, end to end: hub-shaped folders, a tiny backbone, TRL, vLLM, the chapter.

The folders hold invented rows of the training set, of its released traces and of all nine cells.
Nothing is patched: the notebook trains and asks as it would on the paper's data.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import hub_rows
import nbformat
import pytest
import tiny_guards
import yaml

from reasoning_guards import access, artifacts, book, chapters, generation, policies, prompts
from reasoning_guards.datasets import (
    aegis2,
    hub,
    jailbreakbench,
    openai_moderation,
    released_traces,
    simple_safety_tests,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Recipe
from reasoning_guards.study import Study

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
ASKED = ("Write a rude limerick.", "Rhyme on a goat.", "Praise my hat.", "Count to ten.")
SIZES = {
    f"{wildguardmix.HUB_ID}:prompt": (2, 1),
    f"{wildguardmix.HUB_ID}:response": (2, 1),
    f"{aegis2.HUB_ID}:prompt": (2, 1),
    f"{aegis2.HUB_ID}:response": (2, 1),
    f"{openai_moderation.HUB_ID}:prompt": (2, 1),
    f"{simple_safety_tests.HUB_ID}:prompt": (2, 2),
    f"{toxic_chat.HUB_ID}:prompt": (2, 1),
    f"{xstest.HUB_ID}:response": (2, 1),
    f"{jailbreakbench.HUB_ID}:response": (2, 1),
}
"""Cell → examples, and how many of them are harmful."""


def write(mirror: Path) -> None:
    """A training set of eight rows, traces for six of them, and two rows for every cell."""
    trained = [
        {"prompt": f"{text} {when}", "prompt_label": label} | answer
        for text, label in zip(ASKED, ("unsafe", "unsafe", "safe", "safe"), strict=True)
        for when, answer in (
            ("Now, please.", {"response_label": label}),
            ("Tomorrow.", {"response": None, "response_label": None}),
        )
    ]
    hub_rows.write(
        mirror / aegis2.HUB_ID / "train.parquet", *(hub_rows.aegis(**t) for t in trained)
    )
    contradicted = {"prediction_gt_mismatch_deepseek_r1_0528": True}
    traces = [hub_rows.released_traces(**t) for t in trained[:6]]
    traces.append(hub_rows.released_traces(**trained[6], **contradicted))
    split = mirror / released_traces.HUB_ID / f"{released_traces.SAFETY}.jsonl"
    hub_rows.write(split, *traces)
    for name, one, other in (
        (
            f"{wildguardmix.HUB_ID}/wildguardtest/test",
            hub_rows.wildguard(),
            hub_rows.wildguard(prompt_harm_label="harmful", response_harm_label="harmful"),
        ),
        (
            f"{aegis2.HUB_ID}/validation",
            hub_rows.aegis(prompt="Later."),
            hub_rows.aegis(prompt="Later!", prompt_label="safe", response_label="unsafe"),
        ),
        (
            f"{aegis2.HUB_ID}/test",
            hub_rows.aegis(),
            hub_rows.aegis(prompt="Now!", prompt_label="safe", response_label="unsafe"),
        ),
        (
            f"{openai_moderation.HUB_ID}/train",
            hub_rows.openai(),
            hub_rows.openai(HR=1, prompt="The goat again."),
        ),
        (
            f"{simple_safety_tests.HUB_ID}/test",
            hub_rows.simple_safety_tests(),
            hub_rows.simple_safety_tests(prompt="Sell it twice."),
        ),
        (
            f"{toxic_chat.HUB_ID}/toxicchat0124/test",
            hub_rows.toxic_chat(),
            hub_rows.toxic_chat(toxicity=0),
        ),
        (
            f"{xstest.HUB_ID}/response_harmfulness",
            hub_rows.xstest(),
            hub_rows.xstest(label="harmful"),
        ),
        (
            f"{jailbreakbench.HUB_ID}/judge_comparison/test",
            hub_rows.jailbreakbench(),
            hub_rows.jailbreakbench(human_majority=0, goal="Win fairly."),
        ),
    ):
        hub_rows.write(mirror / f"{name}.jsonl", one, other)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The executed notebook and the study that it ran, with the environment that it ran in."""
    if PYTHON is None:
        pytest.skip("REASONING_GUARDS_VLLM_PYTHON names no Python that has vLLM (`make vllm`)")
    folder = tmp_path_factory.mktemp("hub_study")
    write(folder / "mirror")
    guard = tiny_guards.build(folder / "guard")
    smoke = yaml.safe_load((ROOT / "params/smoke.yaml").read_text())
    profile = smoke | {
        "profile": "tiny-hub",
        "world": "hub",
        "backbone": str(guard),
        "template": "paper",
        "refusal_line": False,
        "teacher": "deepseek-ai/DeepSeek-R1",
        "train_set": aegis2.HUB_ID,
        "other_train_set": aegis2.HUB_ID,
        "dialogues": aegis2.HUB_ID,
        "second_backbone": str(guard),
        "n_train": None,
        "epochs_reasoning": 1,
        "epochs_non_reasoning": 1,
        "batch_size": 4,
        "train_batch_per_device": 2,
        "max_length": tiny_guards.CONTEXT,
        "temperature": 0.6,
        "generations": 2,
        "max_new_tokens_reasoning": 4,
        "max_new_tokens_non_reasoning": 4,
        "engine": "vllm",
        "eval_examples": None,
        "bootstrap_replicates": 100,
        "workers": 1,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONING_GUARDS_CACHE", str(folder / "cache"))
        patch.setenv(hub.MIRROR_VARIABLE, str(folder / "mirror"))
        patch.setenv("HF_DATASETS_CACHE", str(folder / "datasets"))
        patch.chdir(ROOT)
        checked = Profile(**profile)
        missing = [finding.what for finding in access.check(checked) if not finding.ok]
        assert not [
            what for what in missing if "DynaGuardrail" not in what and "CoSApien" not in what
        ]
        notebook = book.execute("rq1_efficacy", checked, folder / "build", print)
    return nbformat.read(notebook, 4), checked, folder


@pytest.fixture
def study(executed: Any, monkeypatch: pytest.MonkeyPatch) -> Study:
    _, profile, folder = executed
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(folder / "cache"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(folder / "mirror"))
    return chapters.rq1_efficacy(profile)


def rows(study: Study, name: str) -> list[dict[str, Any]]:
    found = []
    for value in study.generations([name]):
        for row in generation.read_rows(artifacts.folder(value) / generation.ROWS):
            found.append(row | {"cell": value.cell.name})
    return found


@pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")
def test_every_guard_of_the_paper_is_trained_on_the_rows_and_the_released_traces(
    study: Study,
) -> None:
    assert list(study.variants) == ["backbone", "nr", "r_full", "r_1"]
    for name, sequences in (("nr", 8), ("r_full", 6), ("r_1", 6)):
        (recipe,) = study.variants[name].guards.values()
        assert isinstance(recipe, Recipe)
        notes = artifacts.manifest(recipe)["notes"]
        assert (notes["examples"], notes["sequences"]) == (8, sequences)
        assert notes["shortened"] == 0
        folder = artifacts.find(recipe)
        assert folder is not None
        untraced = json.loads((folder / "examples.json").read_text())["without_trace"]
        assert untraced == [f"{aegis2.HUB_ID}/train/{n}" for n in range(sequences, 8)]


def test_every_cell_is_asked_in_the_paper_s_prompt_with_the_taxonomy_of_the_training_set(
    study: Study,
) -> None:
    taxonomy = policies.load("aegis2").text
    for name, template in (
        ("backbone", "h3_inference_reasoning_no_refusal"),
        ("nr", "inference_non_reasoning_no_refusal"),
        ("r_full", "h3_inference_reasoning_no_refusal"),
    ):
        found = rows(study, name)
        truths = {
            cell: [row["truth"] for row in found if (row["cell"], row["generation"]) == (cell, 0)]
            for cell in SIZES
        }
        assert {cell: (len(of), sum(of)) for cell, of in truths.items()} == SIZES
        assert {row["cell"] for row in found} == set(SIZES)
        text = prompts.load_template(f"{template}.as_used")
        slots = {"taxonomy": taxonomy, "dialogue": "", "response": "None"}
        slots["prompt"] = "Insult my teapot."
        bare = f"[user]{text.format(**slots)}[assistant]"
        teapot = {row["prompt_tokens"] for row in found if toxic_chat.HUB_ID in row["cell"]}
        assert teapot == {2 + len(bare.encode())}  # a byte each, and begin and end
        assert all(row["tokens"] <= 4 for row in found)


def test_every_number_that_the_chapter_s_prose_quotes_was_glued(executed: Any) -> None:
    """The book is built with warnings as errors, and a name that was not glued is one."""
    cells = executed[0].cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    glued = {output.get("metadata", {}).get("scrapbook", {}).get("name") for output in outputs}
    quoted = set(re.findall(r"\{glue:\w+\}`([^`]+)`", prose))
    assert quoted
    assert quoted <= glued, quoted - glued


def test_the_chapter_shows_its_tables_and_a_verdict_of_the_hub_world(executed: Any) -> None:
    notebook, *_ = executed
    shown = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert all(output.output_type != "error" for cell in shown.values() for output in cell.outputs)
    for cell in ("plan", "results", "figure", "cells", "findings", "provenance"):
        assert shown[cell].outputs, cell
    for cell in SIZES:
        assert cell.rpartition("/")[2].partition(":")[0] in str(shown["cells"].outputs)
    # Two rows a cell can decide nothing, and the world's own words say so.
    findings = shown["findings"].outputs[0]["data"]["text/plain"]
    assert "underpowered" in findings or "inconclusive" in findings
