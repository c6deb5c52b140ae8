"""On Slurm: a job for each guard, with what it asks for; killed, queued again, failed, cancelled.

The tests that are marked run on a real Slurm, which `small_cluster` starts. Where a job's worker is
not what is tested, a script answers in its place.
"""

import signal
import subprocess
import threading
import time

import pytest
import small_cluster

from reasoning_guards import artifacts, board, chapters, scheduler, slurm
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Timing
from reasoning_guards.resources import Resources

TINY = Profile(
    n_train=8,
    epochs_reasoning=1,
    epochs_non_reasoning=1,
    eval_examples=2,
    max_new_tokens_reasoning=4,
    max_new_tokens_non_reasoning=4,
    n_mined=4,
    difficult_least=0,
    difficult_most=4,
)
REFINING = chapters.rq6_difficult_samples(TINY).generations(["continual_sft"])[0]
RECIPE = REFINING.guard.start
LONGER = RECIPE.model_copy(
    update={"n_train": 80, "sft": RECIPE.sft.model_copy(update={"epochs": 6})}
)
RELEASED = chapters.rq1_efficacy(TINY).generations(["backbone"])[0]
ANSWERED = RELEASED.model_copy(update={"engine": "vllm"})
JOBS = Resources(executor="slurm")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The environment of a small Slurm."""
    if small_cluster.lacking():
        pytest.skip(f"{small_cluster.lacking()} is not installed: `make test-slurm` does it")
    with small_cluster.running(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def on_slurm(cluster, monkeypatch):
    """This process can submit jobs; it asks after them more often than is polite elsewhere."""
    monkeypatch.setenv("SLURM_CONF", cluster["SLURM_CONF"])
    monkeypatch.setattr(slurm, "POLL", 0.3)
    yield
    command("scancel", "--me")


@pytest.fixture
def answering(tmp_path, monkeypatch):
    """What stands in for a worker's Python runs these lines of shell."""

    def answers(script):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\nread job\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", str(python))

    return answers


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def queue(what, states="pending,running"):
    options = ("--me", "--noheader", f"--states={states}", "--sort=i", f"--format={what}")
    return command("squeue", *options).split()


def wait_until(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "waited for five minutes"
        time.sleep(0.1)


def run(*values, resources=JOBS, report=lambda _: None):
    scheduler.run(values, resources, 1, report)


def in_background(*values):
    """A run in a thread; gives what it raised, once it is joined."""
    raised = []

    def running():
        try:
            run(*values)
        except board.WorkFailedError as error:
            raised.append(error)

    thread = threading.Thread(target=running)
    thread.start()
    return thread, raised


def test_without_slurm_a_sentence_says_so_before_anything_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(slurm.SlurmError, match=r"no `sbatch` here: .*-p executor local\.$"):
        run(RELEASED)


@pytest.mark.slurm
def test_a_refined_guard_has_a_job_that_starts_once_that_of_its_start_has_ended(on_slurm):
    lines = []
    run(REFINING, report=lines.append)
    assert artifacts.find(REFINING) is not None
    assert artifacts.find(RECIPE) is not None
    assert [line.split("]")[0] for line in lines] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    [_, start] = queue("%S", "all")[-2:]
    [end, _] = queue("%e", "all")[-2:]
    assert end <= start


@pytest.mark.slurm
def test_a_job_has_the_gpus_time_and_options_asked_for_and_a_timing_its_node(on_slurm, answering):
    asked = "scontrol show job $SLURM_JOB_ID | grep -o 'OverSubscribe=.*' | cut -d' ' -f1"
    answering(
        f'shown="$({asked}) $(squeue -h -j $SLURM_JOB_ID -o "%P %l") GPUs $CUDA_VISIBLE_DEVICES"\n'
        'echo "{\\"failed\\": \\"$shown\\"}"'
    )
    wide = JOBS.model_copy(
        update={
            "device": "cuda",
            "tensor_parallel": 2,
            "slurm_minutes": 7,
            "slurm_options": {"partition": "small"},
        }
    )
    with pytest.raises(board.WorkFailedError, match="2 of 2 steps failed") as caught:
        run(ANSWERED, Timing(asked=(ANSWERED,), rounds=2), resources=wide)
    said = dict(caught.value.failures)
    assert said["answers to " + ANSWERED.cell.name].startswith(
        "OverSubscribe=OK small 7:00 GPUs 0,1"
    )
    assert said["timing of 1 guards"].startswith("OverSubscribe=NO small 7:00 GPUs 0,1")


@pytest.mark.slurm
def test_a_failure_on_a_node_is_a_sentence_with_its_log(on_slurm, answering, cache):
    answering('echo told >&2; echo \'{"failed": "it is Monday"}\'')
    with pytest.raises(board.WorkFailedError) as caught:
        run(ANSWERED)
    [log] = cache.glob("logs/*.log")
    assert log.read_text() == "told\n"
    failed = f"answers to {ANSWERED.cell.name}: it is Monday (log: {log})."
    assert f"1 of 1 steps failed; the first was {failed}" in str(caught.value)


@pytest.mark.slurm
def test_what_slurm_does_not_take_is_a_sentence_in_its_words_and_leaves_no_job(on_slurm):
    wrong = JOBS.model_copy(update={"slurm_options": {"partition": "nowhere"}})
    with pytest.raises(slurm.SlurmError, match=r"partition specified: nowhere.*see slurm_"):
        run(RELEASED, resources=wrong)
    wrong = JOBS.model_copy(update={"slurm_options": {"nodes-of-gold": 3}})
    with pytest.raises(slurm.SlurmError, match="nodes-of-gold"):
        run(RELEASED, resources=wrong)
    assert queue("%i") == []


def job_in_training(cache):
    """The number of the only job, once its trainer has left a checkpoint."""
    wait_until(lambda: list(cache.glob("checkpoint/*.partial/trainer/*/trainer_state.json")))
    [number] = queue("%A")
    return number


def assert_trained_in_two_goes(cache):
    """The trainer's first record was logged once, so the second job did not begin anew."""
    assert artifacts.find(LONGER) is not None
    logs = [log.read_text() for log in cache.glob("logs/*.log")]
    assert len(logs) == 2
    assert sum("'epoch': '0.25'" in log for log in logs) == 1
    assert sum("'epoch': '6'" in log for log in logs) == 1


@pytest.mark.slurm
def test_a_job_killed_in_training_is_named_and_resumes_when_it_is_submitted_again(on_slurm, cache):
    thread, raised = in_background(LONGER)
    number = job_in_training(cache)
    command("scancel", "--signal=KILL", f"{number}.0")
    thread.join()
    [error] = raised
    assert f"its Slurm job {number} ended as FAILED (log: {cache}/logs/slurm/" in str(error)
    run(LONGER)
    assert_trained_in_two_goes(cache)


@pytest.mark.slurm
def test_a_job_near_its_time_limit_is_queued_again_and_resumes(on_slurm, cache):
    thread, raised = in_background(LONGER)
    number = job_in_training(cache)
    command("scancel", "--signal=USR2", number)  # what Slurm sends then
    thread.join()
    assert raised == []
    assert_trained_in_two_goes(cache)
    assert f"Requeued job {number}" in (cache / f"logs/slurm/{number}_0_log.out").read_text()


@pytest.mark.slurm
def test_a_job_of_the_same_guard_waits_until_the_first_has_ended(on_slurm, answering):
    answering('sleep 4; echo \'{"failed": "tired"}\'')
    runs = [in_background(ANSWERED) for _ in range(2)]
    wait_until(lambda: queue("%T %r") == ["RUNNING", "None", "PENDING", "Dependency"])
    for thread, raised in runs:
        thread.join()
        assert "tired" in str(raised)


@pytest.mark.slurm
def test_an_interrupt_cancels_the_jobs(on_slurm, answering):
    answering("sleep 60")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt():
        wait_until(lambda: queue("%T") == ["RUNNING"])
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(ANSWERED)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: queue("%T") == [])
