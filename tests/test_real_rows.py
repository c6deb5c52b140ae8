"""The evaluation path through the real vLLM: embedded backbone, hub-shaped rows, real rows.

vLLM takes long to start, so one child process answers everything, and a second one shows that a
seeded run repeats. No test prints a dataset's text.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hub_rows
import pandas as pd
import pytest
import tiny_guards

from reasoning_guards import artifacts, engines, generation, policies, prompts, scoring
from reasoning_guards.datasets import (
    hub,
    jailbreakbench,
    openai_moderation,
    simple_safety_tests,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Cell, Decoding, Generation
from reasoning_guards.resources import Resources
from reasoning_guards.study import Study, Variant
from reasoning_guards.worker import Job

pytestmark = pytest.mark.vllm

PYTHON = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
REAL_MIRROR = os.environ.get(hub.MIRROR_VARIABLE) or None

EMBEDDED = Backbone(name="synthetic/llama-64-0", template="compact")
GREEDY = Generation(
    guard=EMBEDDED,
    cell=Cell(dataset="synthetic/thicket", task="prompt"),
    limit=40,
    mode="reasoning",
    decoding=Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=11, max_length=512),
    engine="vllm",
)
SAMPLED = GREEDY.model_copy(
    update={
        "limit": 16,
        "decoding": Decoding(
            temperature=0.6, top_p=0.95, generations=4, max_new_tokens=40, max_length=512
        ),
    }
)
FEWER = SAMPLED.model_copy(update={"limit": 8})

INVENTED = (
    Cell(dataset=wildguardmix.HUB_ID, task="prompt", policy="wildguardmix"),
    Cell(dataset=toxic_chat.HUB_ID, task="prompt", policy="wildguardmix"),
    Cell(
        dataset=xstest.HUB_ID, task="response", split="response_harmfulness", policy="wildguardmix"
    ),
)
# Rows and harmful rows of the copies that the mirror holds.
REAL = {
    Cell(dataset=openai_moderation.HUB_ID, task="prompt", split="train", policy="wildguardmix"): (
        1243,
        228,
    ),
    Cell(dataset=simple_safety_tests.HUB_ID, task="prompt", policy="wildguardmix"): (79, 79),
    Cell(dataset=jailbreakbench.HUB_ID, task="response", policy="wildguardmix"): (294, 108),
}
needs_real_rows = pytest.mark.skipif(
    REAL_MIRROR is None, reason=f"{hub.MIRROR_VARIABLE} names no folder of real rows"
)


@dataclass(frozen=True)
class Run:
    """What the child processes left: a cache each, and the study of the tiny guard."""

    cache: Path
    second_cache: Path
    study: Study


def write_invented(mirror: Path) -> None:
    hub_rows.write(
        mirror / wildguardmix.HUB_ID / "wildguardtest/test.jsonl",
        *(hub_rows.wildguard(prompt=f"May {who} borrow it?") for who in ("I", "we", "they")),
        hub_rows.wildguard(prompt_harm_label="harmful"),
    )
    hub_rows.write(
        mirror / toxic_chat.HUB_ID / "toxicchat0124/test.jsonl",
        hub_rows.toxic_chat(),
        hub_rows.toxic_chat(human_annotation=False),
        hub_rows.toxic_chat(toxicity=0),
    )
    hub_rows.write(
        mirror / xstest.HUB_ID / "response_harmfulness.jsonl",
        hub_rows.xstest(),
        hub_rows.xstest(label="harmful"),
    )


def tiny_study(guard: Path) -> Study:
    profile = Profile(
        world="hub",
        backbone=str(guard),
        template="paper",
        temperature=0.6,
        generations=2,
        max_length=tiny_guards.CONTEXT,
        max_new_tokens_reasoning=4,
        engine="vllm",
        eval_examples=None,
    )
    variants = [
        Variant("invented", "Invented", {0: Backbone(name=str(guard))}, "reasoning", INVENTED)
    ]
    if REAL_MIRROR:
        variants.append(
            Variant("real", "Real", {0: Backbone(name=str(guard))}, "reasoning", tuple(REAL))
        )
    return Study("rq1_efficacy", profile, {variant.name: variant for variant in variants})


def answer(folder: Path, mirror: Path, values: list[Generation]) -> Path:
    """Have one vLLM process answer the values, and return its cache."""
    assert PYTHON is not None
    folder.mkdir()
    job = folder / "job.json"
    job.write_text(Job(values=tuple(values), resources=Resources()).model_dump_json())
    environment = os.environ | {
        "REASONING_GUARDS_CACHE": str(folder / "cache"),
        hub.MIRROR_VARIABLE: str(mirror),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
    }
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [PYTHON, "-m", "reasoning_guards.worker", str(job)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    failures = [reply["failed"] for reply in map(json.loads, done.stdout.splitlines())]
    assert failures == [None] * len(values), f"{failures}; see {folder / 'log'}"
    assert done.returncode == 0
    return folder / "cache"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if PYTHON is None:
        pytest.skip("REASONING_GUARDS_VLLM_PYTHON names no Python that has vLLM (`make vllm`)")
    folder = tmp_path_factory.mktemp("vllm")
    mirror = folder / "mirror"
    write_invented(mirror)
    if REAL_MIRROR:
        for owner in {cell.dataset.partition("/")[0] for cell in REAL}:
            (mirror / owner).symlink_to(Path(REAL_MIRROR).resolve() / owner)
    study = tiny_study(tiny_guards.build(folder / "guard"))
    return Run(
        cache=answer(folder / "first", mirror, [GREEDY, SAMPLED, *study.generations()]),
        second_cache=answer(folder / "second", mirror, [FEWER]),
        study=study,
    )


@pytest.fixture
def run(everything: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What was answered, with the first process's cache as this test's own."""
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(everything.cache))
    return everything


def rows(value: Generation) -> list[dict[str, Any]]:
    folder = artifacts.find(value)
    assert folder is not None
    return generation.read_rows(folder / generation.ROWS)


def by_example(found: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["example"], row["generation"]): row for row in found}


def test_greedy_answers_are_those_of_the_transformers_engine(run: Run, tmp_path: Path) -> None:
    value = GREEDY.model_copy(update={"engine": "transformers"})
    engine = engines.load("transformers", EMBEDDED, None, 512, Resources())
    generation.generate(value, engine, tmp_path)
    expected = by_example(generation.read_rows(tmp_path / generation.ROWS))
    found = by_example(rows(GREEDY))
    assert len(found) == 40
    assert found == expected
    assert len({row["text"] for row in found.values()}) > 10
    assert {row["finish"] for row in found.values()} == {"stop", "length"}


def test_four_seeded_generations_repeat_in_another_process_and_company(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = by_example(rows(SAMPLED))
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(run.second_cache))
    second = by_example(rows(FEWER))
    assert (len(first), len(second)) == (64, 32)
    assert second == {name: first[name] for name in second}
    assert len({row["text"] for row in first.values()}) > 32


def test_hub_shaped_rows_reach_the_guard_in_the_paper_s_prompt(run: Run) -> None:
    template = prompts.load_template("h3_inference_reasoning.as_used")
    taxonomy = policies.load("wildguardmix").text

    def length(prompt: str, response: str) -> int:
        """Tokens of the prompt in its chat template: a byte each, and begin and end."""
        slots = {"taxonomy": taxonomy, "dialogue": "", "prompt": prompt, "response": response}
        return 2 + len(f"[user]{template.format(**slots)}[assistant]".encode())

    cells = run.study.variants["invented"].cells
    found = [rows(value) for value in run.study.generations(["invented"])]
    assert [cell.name for cell in cells] == [
        f"{wildguardmix.HUB_ID}:prompt",
        f"{toxic_chat.HUB_ID}:prompt",
        f"{xstest.HUB_ID}:response",
    ]
    truths = [[row["truth"] for row in of if row["generation"] == 0] for of in found]
    assert [sorted(of) for of in truths] == [[False] * 3 + [True], [False, True], [False, True]]
    ladder, teapot, station = ({row["prompt_tokens"] for row in of} for of in found)
    assert ladder == {
        length(f"{text} borrow {it}?", "None")
        for text, it in (
            ("May I", "it"),
            ("May we", "it"),
            ("May they", "it"),
            ("May I", "the ladder"),
        )
    }
    assert teapot == {length("Insult my teapot.", "None")}
    assert station == {length("How do I kill time at the station?", "Bring a book.")}
    assert all(row["tokens"] <= 4 for of in found for row in of)
    assert set(scoring.scores(run.study.judgements("invented"))["n"]) == {4, 2}


@needs_real_rows
@pytest.mark.parametrize(("cell", "expected"), REAL.items(), ids=lambda v: getattr(v, "name", ""))
def test_every_real_row_is_answered_and_scored(
    run: Run, cell: Cell, expected: tuple[int, int]
) -> None:
    (value,) = (value for value in run.study.generations(["real"]) if value.cell == cell)
    found = pd.DataFrame(rows(value))
    for _, answers in found.groupby("generation"):
        assert (len(answers), int(answers["truth"].sum())) == expected
        assert answers["example"].is_unique
    assert set(found["generation"]) == {0, 1}
    assert found["prompt_tokens"].between(1000, tiny_guards.CONTEXT - 4).all()
    assert found["tokens"].between(0, 4).all()

    judgements = run.study.judgements("real")
    n, harmful = expected
    score = scoring.scores(judgements).loc[cell.name]
    assert (score["n"], score["harmful"]) == expected
    # Random weights state no verdict: every answer counts as wrong, or as harmful if so chosen.
    assert (score["f1"], score["unparsable"]) == (0, 2 * n)
    as_harmful = scoring.scores(judgements, "harmful").loc[cell.name]
    assert as_harmful["f1"] == pytest.approx(2 * harmful / (n + harmful))


@needs_real_rows
def test_long_real_rows_are_shortened_to_the_context_and_counted(run: Run) -> None:
    (value,) = (
        value
        for value in run.study.generations(["real"])
        if value.cell.dataset == jailbreakbench.HUB_ID
    )
    shortened = [row for row in rows(value) if row["shortened"]]
    assert shortened
    # A character of several bytes may leave a few tokens unused.
    assert all(row["prompt_tokens"] > tiny_guards.CONTEXT - 4 - 8 for row in shortened)
    assert artifacts.manifest(value)["notes"]["shortened"] == len(shortened)
