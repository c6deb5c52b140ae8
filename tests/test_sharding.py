"""A training sharded over two processes, by FSDP or by ZeRO-3, learns what one process does.

On a CPU, over gloo. Each test starts two processes with PyTorch and often DeepSpeed in them, so
they have a target of their own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from test_launch import ONE, SHARED, losses, trained, two
from test_training import weights, whole_states

from reasoning_guards import prompts
from reasoning_guards.recipes import Decoding
from reasoning_guards.refinements import GroupRelative, Mined, Preference, Reward
from reasoning_guards.training import data, launch
from reasoning_guards.worker import Job

pytestmark = [
    pytest.mark.sharding,
    pytest.mark.skipif(sys.platform != "linux", reason="DeepSpeed and /proc are Linux's"),
]


def ranks_of(worker: int) -> list[str]:
    """Processes that share a training for this worker."""
    found = []
    for listed in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = listed.read_text().split("\0")
        except OSError:
            continue
        if str(worker) in words and any(word.endswith("training.json") for word in words):
            found.append(listed.parent.name)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "guard"
    return trained(launch.Training(recipe=SHARED, resources=ONE, folder=folder))


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings are shared out on a CPU as over GPUs, and not computed alike by each process."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setattr(launch, "RANK", "sharding_on_cpu")


@pytest.mark.parametrize(
    ("sharing", "parts"),
    [
        ("fsdp", "pytorch_model_fsdp_0/*.distcp"),
        ("zero3", "global_step4/*_optim_states.pt"),
    ],
    ids=["fsdp", "zero3"],
)
def test_a_sharded_training_that_was_killed_goes_on_to_the_same_weights_in_one_file(
    alone: Path, cache: Path, tmp_path: Path, shards: None, sharing: str, parts: str
) -> None:
    job = tmp_path / "job.json"
    job.write_text(Job(values=(SHARED,), resources=two(sharing)).model_dump_json())
    code = (
        "from reasoning_guards import worker; from reasoning_guards.training import launch; "
        "launch.RANK = 'sharding_on_cpu'; worker.main()"
    )
    command = [sys.executable, "-c", code, str(job)]
    with (tmp_path / "log").open("w") as log:
        ended = os.environ | {"KILL_WORKER_AFTER": "4"}
        worker = subprocess.Popen(command, stdout=log, stderr=log, env=ended)
        assert worker.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
    while ranks_of(worker.pid):  # they notice, and leave the folder to others
        time.sleep(0.05)
    kept = max(whole_states(cache), key=lambda state: state.stat().st_mtime)
    assert len(list(kept.parent.glob(parts))) == 2
    state = json.loads(kept.read_text())
    assert state["global_step"] == 4
    state["log_history"].append({"step": state["global_step"], "killed": True})
    kept.write_text(json.dumps(state))

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    reply = json.loads(done.stdout)
    assert reply["made"], reply["failed"] + done.stderr
    folder = Path(reply["made"])
    assert '"killed": true' in (folder / "log_history.json").read_text()
    assert losses(folder) == pytest.approx(losses(alone), rel=1e-5)
    assert_learnt_alike(folder, alone, atol=1e-5)
    names = {path.name for path in folder.iterdir()}
    assert names - {"manifest.json"} == {path.name for path in alone.iterdir()}


def assert_learnt_alike(folder: Path, other: Path, atol: float) -> None:
    """As `assert_same_weights`, though FSDP gathers tied weights by both of their names."""
    made, expected = weights(folder), weights(other)
    tied = made.pop("lm_head.weight", None)
    if tied is not None and "lm_head.weight" not in expected:
        torch.testing.assert_close(tied, made["model.embed_tokens.weight"])
    torch.testing.assert_close(made, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("sharing", ["fsdp", "zero3"])
def test_in_bfloat16_a_sharded_training_adds_up_and_leaves_float32(
    tmp_path: Path, shards: None, sharing: str
) -> None:
    rounded = SHARED.sft.model_copy(update={"precision": "bfloat16", "epochs": 1})
    recipe = SHARED.model_copy(update={"sft": rounded})
    one = trained(launch.Training(recipe=recipe, resources=ONE, folder=tmp_path / "one"))
    both = trained(launch.Training(recipe=recipe, resources=two(sharing), folder=tmp_path / "two"))
    # Bfloat16 has no number between 8.3125 and 8.34375.
    assert losses(both)[0] == pytest.approx(losses(one)[0], rel=1e-3)
    for weight in weights(both).values():
        assert weight.dtype == torch.float32
        assert (weight != weight.bfloat16()).float().mean() > 0.5


PREFER = Preference(
    mined=Mined(
        examples=20,
        decoding=Decoding(temperature=1, top_p=1, generations=4, max_new_tokens=8, max_length=256),
        engine="transformers",
    ),
    least=2, most=2, beta=0.1, pairs_per_example=4,
    sft=SHARED.sft.model_copy(update={"epochs": 1, "batch_size": 16, "learning_rate": 1e-4}),
)  # fmt: skip


def invented_answers() -> list[dict[str, Any]]:
    """Two right and two wrong answers to each of the mined examples."""
    other = {"harmful": "unharmful", "unharmful": "harmful"}
    found: list[dict[str, Any]] = []
    for example in data.mined_examples(SHARED, PREFER.mined):
        right = prompts.completion(example, None)
        wrong = "\n".join(
            " ".join(other.get(word, word) for word in line.split()) for line in right.split("\n")
        )
        found += [
            {
                "example": example.id,
                "prompt_harmful": example.prompt_harmful,
                "response_harmful": example.response_harmful,
                "text": text,
                "finish": "stop",
            }
            for answer in (right, wrong)
            for text in (answer, f"{answer} .")
        ]
    return found


@pytest.mark.parametrize(
    ("sharing", "rank"),
    [("fsdp", None), ("fsdp", 4), ("zero3", 4)],
    ids=["fsdp, full", "fsdp, adapters", "zero3, adapters"],
)
def test_two_processes_prefer_step_by_step_what_one_does(
    alone: Path, tmp_path: Path, shards: None, sharing: str, rank: int | None
) -> None:
    second = PREFER.model_copy(update={"sft": PREFER.sft.model_copy(update={"lora_rank": rank})})
    told = {
        "recipe": SHARED.model_copy(update={"refinement": second}),
        "start": alone,
        "rows": invented_answers(),
    }
    one = trained(launch.Training(**told, resources=ONE, folder=tmp_path / "one"))
    both = trained(launch.Training(**told, resources=two(sharing), folder=tmp_path / "two"))
    assert len(losses(both)) == 5
    assert losses(both) == pytest.approx(losses(one), rel=1e-4)
    assert losses(both)[-1] < losses(both)[0]
    assert_learnt_alike(both, one, atol=1e-4)


# Shorter answers earn more, so that there is something to learn for a guard that is hardly trained.
BRIEF = GroupRelative(
    mined=PREFER.mined, least=2, most=2, group=4, temperature=1, beta=0.01, engine="transformers",
    reward=Reward(
        prompt=0, response=0, false_positive=0, false_negative=0, form=0, length=1
    ),
    sft=PREFER.sft,
)  # fmt: skip


@pytest.mark.parametrize("sharing", ["fsdp", "zero3"])
def test_two_processes_draw_answers_and_learn_from_what_these_earn(
    alone: Path, tmp_path: Path, shards: None, sharing: str
) -> None:
    told = launch.Training(
        recipe=SHARED.model_copy(update={"refinement": BRIEF}),
        start=alone,
        rows=invented_answers(),
        resources=two(sharing),
        folder=tmp_path / "two",
    )
    both = trained(told)
    history = json.loads((both / "log_history.json").read_text())
    steps = [row for row in history if "reward_std" in row]
    assert len(steps) == 5
    assert max(row["reward_std"] for row in steps) > 0
    made, before = weights(both), weights(alone)
    moved = max((made[name] - weight).abs().max() for name, weight in before.items())
    assert moved > 1e-5
