"""Each worker sees GPUs of its own, as many of them as its step spans."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards import chapters, devices
from reasoning_guards.params import Profile
from reasoning_guards.resources import Resources

ASKED = chapters.rq1_efficacy(Profile()).generations(["nr"])[0]
SERVED = ASKED.model_copy(update={"engine": "vllm"})
RECIPE = ASKED.guard
FOUR = ["0", "1", "2", "3"]
GPUS = st.lists(st.integers(0, 99).map(str), min_size=1, max_size=9, unique=True)


SPAN = st.integers(1, 9)


@given(st.integers(0, 20), GPUS, SPAN, SPAN)
def test_each_step_sees_as_many_as_it_spans_and_none_twice(worker, gpus, served, trained):
    served, trained = min(served, len(gpus)), min(trained, len(gpus))
    resources = Resources(tensor_parallel=served, gpus_per_training=trained)
    for value, span in ((RECIPE, trained), (SERVED, served), (ASKED, 1)):
        seen = devices.of_worker(value, worker, gpus, resources)
        assert set(seen) <= set(gpus)
        assert len(set(seen)) == len(seen) == span


@pytest.mark.parametrize("value", [RECIPE, SERVED])
def test_workers_take_turns_once_there_are_more_of_them_than_gpus(value):
    seen = [devices.of_worker(value, worker, FOUR, Resources()) for worker in range(6)]
    assert seen == [["0"], ["1"], ["2"], ["3"], ["0"], ["1"]]


def test_one_workers_engine_and_anothers_training_share_no_gpu_while_there_are_enough():
    spanning = Resources(tensor_parallel=2)
    assert devices.of_worker(SERVED, 0, FOUR, spanning) == ["0", "1"]
    assert devices.of_worker(SERVED, 1, FOUR, spanning) == ["2", "3"]
    assert devices.of_worker(RECIPE, 1, FOUR, spanning) == ["2"]
    sharing = Resources(gpus_per_training=2)
    assert devices.of_worker(RECIPE, 0, FOUR, sharing) == ["0", "1"]
    assert devices.of_worker(RECIPE, 1, FOUR, sharing) == ["2", "3"]
    assert devices.of_worker(SERVED, 1, FOUR, sharing) == ["2"]


def test_where_none_is_known_none_is_named():
    assert devices.of_worker(RECIPE, 3, [], Resources()) == []


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        ("2,5", ["2", "5"]),
        (" GPU-3f , MIG-77", ["GPU-3f", "MIG-77"]),
        ("", []),
        ("-1", []),
        ("1,-1,2", ["1"]),
    ],
)
def test_what_the_user_leaves_visible_is_all_there_is(monkeypatch, named, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert devices.visible() == seen


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("echo 'GPU 0: A (UUID: x)'; echo '  MIG 1g (UUID: y)'; echo 'GPU 1: B'", ["0", "1"]),
        ("echo 'No devices were found'", []),
        ("echo 'GPU 0: A'; exit 9", []),
        (None, []),
    ],
)
def test_else_what_the_driver_lists_and_nothing_without_one(monkeypatch, tmp_path, script, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert devices.visible() == seen


@pytest.mark.parametrize(
    ("seen", "says", "found"),
    [
        ("0,1", "81559\n24564\n", [81559 / 1024, 24564 / 1024]),
        ("", "81559\n", []),
        ("0", "[N/A]\n", []),
    ],
)
def test_how_much_memory_gpus_have_is_asked_of_the_driver(tmp_path, monkeypatch, seen, says, found):
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f'#!/bin/sh\n[ "$1" = "--id={seen}" ] && printf {says!r}\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert devices.memories() == found


def test_without_a_driver_nothing_is_known_of_memory(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert devices.memories() == []
