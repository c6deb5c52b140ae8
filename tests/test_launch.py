"""A training that several processes share learns what one process does, and says why it failed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from test_training import REASONING, assert_same_weights

from reasoning_guards.recipes import Recipe
from reasoning_guards.resources import Resources
from reasoning_guards.training import launch, rank, sft

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


def test_what_libraries_do_at_the_end_does_not_make_a_failure_of_a_rank_that_is_done() -> None:
    code = (
        "import atexit, os; from reasoning_guards.training import rank; "
        "atexit.register(os.abort); print('done'); rank.leave(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\n")


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
