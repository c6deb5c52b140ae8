"""A training that several processes share learns what one process does, and says why it failed."""

import importlib.util
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
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from test_training import REASONING, assert_same_weights, weights, whole_states

from reasoning_guards import prompts
from reasoning_guards.recipes import Decoding, Recipe
from reasoning_guards.refinements import GroupRelative, Mined, Preference, Reward
from reasoning_guards.resources import Resources
from reasoning_guards.training import data, launch, rank, sft
from reasoning_guards.worker import Job

ROOT = Path(__file__).parents[1]
CONFIGURATIONS = sorted(ROOT.glob("params/accelerate/*.yaml"))
ONE = Resources(train_batch_per_device=8)


def two(sharing: str) -> Resources:
    config = str(ROOT / f"params/accelerate/{sharing}.yaml")
    return ONE.model_copy(update={"gpus_per_training": 2, "accelerate_config": config})


# Of 75 sequences the last step has 11, which do not go evenly into batches of 8 for each of two.
SHARED: Recipe = REASONING.model_copy(
    update={"n_train": 75, "sft": REASONING.sft.model_copy(update={"batch_size": 32, "epochs": 3})}
)


linux = pytest.mark.skipif(sys.platform != "linux", reason="DeepSpeed and /proc are Linux's")


def losses(folder: Path) -> list[float]:
    history = json.loads((folder / "log_history.json").read_text())
    return [row["loss"] for row in history if "loss" in row]


def trained(training: launch.Training) -> Path:
    training.folder.mkdir()
    launch.train(training)
    return training.folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "guard"
    return trained(launch.Training(recipe=SHARED, resources=ONE, folder=folder))


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


@pytest.mark.parametrize("devices", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("per_device", [1, 2, 4, 16])
def test_a_step_learns_from_as_many_sequences_on_any_number_of_devices(
    tmp_path: Path, devices: int, per_device: int
) -> None:
    resources = Resources(gpus_per_training=devices, train_batch_per_device=per_device)
    given = sft.arguments(SHARED.sft, 0, resources, tmp_path)
    at_once = given["per_device_train_batch_size"]
    assert 1 <= at_once <= per_device
    assert at_once * given["gradient_accumulation_steps"] * devices == 32
    added_up = given["accelerator_config"]["gradient_accumulation_kwargs"]
    assert added_up == {"sync_each_batch": devices > 1}, "in float32, by those who step"


@pytest.mark.slow
def test_two_processes_learn_step_by_step_what_one_does(alone: Path, tmp_path: Path) -> None:
    both = trained(launch.Training(recipe=SHARED, resources=two("fsdp"), folder=tmp_path / "two"))
    assert len(losses(both)) == 9
    assert losses(both) == pytest.approx(losses(alone), rel=1e-5)
    assert_same_weights(both, alone, atol=1e-5)
    assert {path.name for path in both.iterdir()} == {path.name for path in alone.iterdir()}


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings are shared out on a CPU as over GPUs, and not computed alike by each process."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setattr(launch, "RANK", "sharding_on_cpu")


@pytest.mark.slow
@linux
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


@pytest.mark.slow
@linux
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


@pytest.mark.slow
@linux
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


@pytest.mark.slow
@linux
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


# What goes wrong


def test_a_rank_says_why_it_fails_and_leaves_no_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = SHARED.model_copy(update={"n_train": 4001})
    job = tmp_path / "training.json"
    job.write_text(
        launch.Training(recipe=many, resources=ONE, folder=tmp_path).model_dump_json()
    )  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["rank", str(job), str(os.getpid())])
    monkeypatch.setenv("RANK", "1")
    assert rank.main() == 1
    assert {path.name for path in tmp_path.iterdir()} >= {"failed-1.txt"}
    assert "n_train is 4001, but" in (tmp_path / "failed-1.txt").read_text()
    assert not (tmp_path / launch.NOTES).exists()


def test_a_gpu_without_room_is_a_sentence_on_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. And so on.")

    monkeypatch.setattr(sft, "train", full)
    with pytest.raises(launch.OutOfMemoryError, match=r"raise gpus_per_training, or set lora_rank"):
        launch.train(launch.Training(recipe=SHARED, resources=ONE, folder=tmp_path))


SAYS = """
import os, sys, time
from pathlib import Path
late = os.environ["RANK"] == "0"
time.sleep(late)
folder = Path(sys.argv[1]).parent
(folder / f"failed-{os.environ['RANK']}.txt").write_text("lost the other" if late else "full")
sys.exit(1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "why"),
    [(SAYS, r"^full$"), ("import os; os.abort()", "One of the 2 processes .* without a word")],
    ids=["says why", "is killed"],
)
def test_the_first_process_that_fails_ends_the_training_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    (tmp_path / "failing_rank.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(launch, "RANK", "failing_rank")
    with pytest.raises(launch.RankFailedError, match=why):
        launch.train(launch.Training(recipe=SHARED, resources=two("fsdp"), folder=tmp_path))


# Configurations


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_each_configuration_is_read_and_leaves_number_and_precision_to_us(path: Path) -> None:
    command = ["--config_file", str(path), "--num_processes", "3", "--module", launch.RANK]
    parsed, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert parsed.num_processes == 3
    assert load_config_from_file(str(path)).num_processes == -1
    if path.stem == "fsdp":
        told = prepare_multi_gpu_env(parsed)
        assert told["ACCELERATE_USE_FSDP"] == "true"
        assert told["FSDP_VERSION"] == "2"
        assert told["FSDP_STATE_DICT_TYPE"] == "SHARDED_STATE_DICT"
    else:
        parsed.deepspeed_fields_from_accelerate_config = "zero_stage"  # as launching sets it
        _, told = prepare_deepspeed_cmd_env(parsed)
        assert told["ACCELERATE_USE_DEEPSPEED"] == "true"
        assert told["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "3"
    assert told["ACCELERATE_MIXED_PRECISION"] == "no"


def test_deepspeed_is_missed_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.configuration(two("zero3")).name == "zero3.yaml"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(launch.NoConfigurationError, match="DeepSpeed, which is not installed"):
        launch.configuration(two("zero3"))
