"""Scheduling: each value once, in order, failures contained, and every end a sentence."""

import importlib.util
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from reasoning_guards import (
    artifacts,
    board,
    chapters,
    local,
    resources,
    scheduler,
    traces,
    worker,
)
from reasoning_guards.datasets import own
from reasoning_guards.engines import Answer
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Generation, Recipe, mining
from reasoning_guards.resources import Resources
from reasoning_guards.synthetic import tokenizer as words
from reasoning_guards.training import launch
from reasoning_guards.worker import Job, Reply

TINY = Profile(
    n_train=8,
    epochs_reasoning=1,
    epochs_non_reasoning=1,
    eval_examples=2,
    max_new_tokens_reasoning=4,
    max_new_tokens_non_reasoning=4,
)
STUDY = chapters.rq1_efficacy(TINY)
ASKED = STUDY.generations(["nr"])[:2]
RECIPE = ASKED[0].guard
UNTRAINED = STUDY.generations(["backbone"])[0]


@pytest.fixture
def workers(monkeypatch):
    """Workers without a process, which leave an empty artifact; they log what they were given."""

    class Workers:
        def __init__(self):
            self.made = []
            self.jobs = []
            self.fails = {}
            self.pythons = set()
            self.seen = []
            self.closed = 0

        def __call__(self, python, log, seen):
            assert log.parent.is_dir()
            self.pythons.add(python)
            self.seen.append(seen)
            return self

        def make(self, values, resources):
            self.jobs.append(values)
            for value in values:
                if isinstance(value, Generation) and isinstance(value.guard, Recipe):
                    assert artifacts.is_cached(value.guard), "asked before it is trained"
                self.made.append(value)
                why = self.fails.get(value)
                if callable(why):
                    why = why()
                if why is None:
                    artifacts.make(value, lambda _: None)
                yield why

        def close(self):
            self.closed += 1

    fake = Workers()
    monkeypatch.setattr(local, "Worker", fake)
    return fake


def run(values, workers=2, report=lambda _: None):
    scheduler.run(values, Resources(), workers, report)


def test_a_recipe_that_two_generations_share_is_trained_once(workers):
    run(ASKED)
    assert workers.made[0] == RECIPE
    assert sorted(map(artifacts.key, workers.made[1:])) == sorted(map(artifacts.key, ASKED))


def test_a_value_given_twice_is_made_once(workers):
    run([UNTRAINED, RECIPE, UNTRAINED, RECIPE])
    assert len(workers.made) == 2


def test_one_guards_answers_come_one_after_the_other(workers):
    values = STUDY.generations(["nr", "r_1", "r_full"])
    run([*values[::2], *values[1::2]], workers=1)
    guards = [value.guard for value in workers.made if isinstance(value, Generation)]
    assert len(guards) == len(values)
    assert sum(a != b for a, b in itertools.pairwise(guards)) == 2


def test_one_guards_answers_are_one_job_but_for_those_asked_for_otherwise(workers):
    nr = STUDY.generations(["nr"])
    otherwise = [
        nr[0].model_copy(update={"decoding": nr[0].decoding.model_copy(update={"seed": 1})}),
        nr[0].model_copy(update={"mode": "reasoning"}),
    ]
    run([*nr, *otherwise], workers=1)
    made = [[value.cell for value in job] for job in workers.jobs[1:]]
    assert sorted(map(len, made)) == [1, 1, len(nr)]
    assert {*workers.jobs[1 + made.index(max(made, key=len))]} == {*nr}


def test_a_released_guards_answers_are_jobs_of_their_own(workers):
    asks = Backbone(name="guards/wildguard", template="paper", format="wildguard")
    values = [
        value.model_copy(update={"guard": asks}) for value in STUDY.generations(["backbone"])[:2]
    ]
    run(values)
    assert [len(job) for job in workers.jobs] == [1, 1]


def test_values_are_made_at_the_same_time(workers):
    both = threading.Barrier(2, timeout=5)

    def meet():
        both.wait()

    values = [UNTRAINED, RECIPE]
    workers.fails = dict.fromkeys(values, meet)
    run(values)
    assert all(map(artifacts.is_cached, values))


def test_nothing_is_started_when_all_is_cached(workers, monkeypatch):
    run(ASKED)
    monkeypatch.setattr(local, "Worker", lambda *_: pytest.fail("a worker was started"))
    run(ASKED)


def test_only_what_is_missing_is_made(workers):
    run(ASKED[:1])
    workers.made.clear()
    run(ASKED)
    assert workers.made == [ASKED[1]]


def test_a_failure_keeps_the_others_and_is_named(workers):
    workers.fails = {ASKED[0]: "it is Monday"}
    with pytest.raises(board.WorkFailedError) as caught:
        run([*ASKED, UNTRAINED])
    sentence = str(caught.value)
    assert "1 of 4 steps failed" in sentence
    assert f"answers to {ASKED[0].cell.name}: it is Monday" in sentence
    assert str(resources.cache_folder() / "logs") in sentence
    assert not artifacts.is_cached(ASKED[0])
    assert all(artifacts.is_cached(value) for value in (RECIPE, ASKED[1], UNTRAINED))
    workers.fails = {}
    workers.made.clear()
    run([*ASKED, UNTRAINED])
    assert workers.made == [ASKED[0]]


@pytest.mark.parametrize("wrong", ["answers", "a guard"])
def test_timings_whose_guards_are_there_are_made_whatever_else_failed(workers, wrong):
    timed = chapters.inference_time(TINY).timing
    assert timed is not None
    first = timed.asked[0].model_copy(update={"guard": RECIPE})
    of_one, of_all = (timed.model_copy(update={"asked": of}) for of in ((first,), timed.asked))
    failing = ASKED[0] if wrong == "answers" else STUDY.variants["r_full"].guards[0]
    workers.fails = {failing: "it is Monday", of_one: "it is late"}
    with pytest.raises(board.WorkFailedError, match="it is Monday"):
        run([of_one, of_all, *ASKED, UNTRAINED])
    assert of_one in workers.made
    assert (of_all in workers.made) == (wrong == "answers")
    assert workers.made.count(failing) == 1
    assert workers.made.index(of_one) > workers.made.index(UNTRAINED)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failed_training_is_named_and_its_guard_not_asked(workers, threads):
    workers.fails = {RECIPE: "no room"}
    with pytest.raises(board.WorkFailedError, match=r"training on synthetic/meadow .*no room"):
        run([*ASKED, UNTRAINED], threads)
    assert sorted(map(artifacts.key, workers.made)) == sorted(
        map(artifacts.key, [RECIPE, UNTRAINED])
    )


def test_an_error_of_ours_is_raised_and_leaves_no_thread_waiting(workers):
    def fall():
        raise ZeroDivisionError

    workers.fails = {RECIPE: fall}
    with pytest.raises(ZeroDivisionError):
        run(ASKED)


def test_an_interrupt_ends_the_run_after_the_value_in_hand(workers):
    # A shell starts what runs in its background with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt():
        if len(workers.made) == 1:
            time.sleep(0.3)  # until all threads are started and waited for
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(1)

    values = STUDY.recipes()
    workers.fails = dict.fromkeys(values, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(values, workers=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(workers.made) == 1
    assert artifacts.is_cached(workers.made[0])


def test_progress_counts_up_and_says_what_was_made_and_how_long_the_rest_takes(workers):
    lines = []
    run(ASKED, workers=1, report=lines.append)
    assert [line.split("]")[0] for line in lines] == ["[1/3", "[2/3", "[3/3"]
    assert "training on synthetic/meadow (no traces, seed 0)" in lines[0]
    assert lines[-1].endswith("about 0 s left")


def test_time_left_follows_the_cost_of_what_is_left(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(board.time, "monotonic", lambda: next(clock))
    lines = []
    board.Progress({"a": 1.0, "b": 3.0}, lines.append).done("a", "half")
    assert lines == ["[1/2] half; 10 s so far, about 30 s left"]


@pytest.fixture
def asked_of_vllm():
    return UNTRAINED.model_copy(update={"engine": "vllm"})


def test_vllm_that_is_not_installed_is_refused_before_anything_starts(
    workers, monkeypatch, asked_of_vllm
):
    monkeypatch.delenv("REASONING_GUARDS_VLLM_PYTHON", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "vllm" else find(name)
    )
    with pytest.raises(scheduler.NoVLLMError, match=r"`make vllm`.*-p engine transformers\.$"):
        run([asked_of_vllm, *ASKED])
    optimised = chapters.appendix_grpo(TINY.model_copy(update={"grpo_engine": "vllm"}))
    gpu = r"^The grpo_engine .*environment\.yml.*-p grpo_engine transformers\.$"
    with pytest.raises(scheduler.NoVLLMError, match=gpu) as caught:
        scheduler.run(optimised.recipes(), GPU, 1)
    assert "make vllm" not in str(caught.value)
    assert workers.made == []


def test_vllm_runs_in_the_python_that_is_named_and_training_in_this_one(
    workers, monkeypatch, asked_of_vllm
):
    monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", "/there/python")
    run([asked_of_vllm, RECIPE])
    assert workers.pythons == {"/there/python", sys.executable}


def test_a_policy_whose_answers_vllm_writes_is_optimised_in_the_python_that_is_named(
    monkeypatch, workers
):
    monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", "/there/python")
    optimised = [
        chapters.appendix_grpo(TINY.model_copy(update={"grpo_engine": engine}))
        .generations(["grpo"])[0]
        .guard
        for engine in ("vllm", "transformers")
    ]
    for recipe, python in zip(optimised, ("/there/python", sys.executable), strict=True):
        artifacts.make(recipe.start, lambda folder: None)
        artifacts.make(mining(recipe), lambda folder: None)
        workers.pythons.clear()
        run([recipe])
        assert workers.pythons == {python}


def test_a_named_python_that_does_not_exist_is_a_sentence(monkeypatch, asked_of_vllm):
    monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", "/nowhere/python")
    with pytest.raises(board.WorkFailedError, match="/nowhere/python cannot be started"):
        run([asked_of_vllm])


GPU = Resources(device="cuda")


def test_each_worker_on_gpus_has_one_to_itself(workers, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    both = threading.Barrier(2, timeout=5)
    values = [UNTRAINED, RECIPE]

    def meet():
        both.wait()

    workers.fails = dict.fromkeys(values, meet)
    scheduler.run(values, GPU, 2)
    assert sorted(workers.seen) == ["4", "6"]


def test_on_a_gpu_a_process_ends_before_the_next_training_or_guard_begins(workers, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    scheduler.run([*ASKED, UNTRAINED], GPU, 1)
    assert len(workers.made) == 4
    assert workers.closed == 3


def test_on_cpus_a_process_serves_until_the_end_and_nothing_is_hidden_from_it(workers, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    run([*ASKED, UNTRAINED], workers=1)
    assert workers.closed == 1
    assert set(workers.seen) == {None}


@pytest.mark.parametrize("name", ["tensor_parallel", "gpus_per_training"])
def test_a_step_that_is_to_span_more_gpus_than_there_are_is_refused(workers, monkeypatch, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    spanning = GPU.model_copy(update={name: 4})
    with pytest.raises(local.TooFewDevicesError, match=rf"{name} is 4, but .* only 2 GPUs"):
        scheduler.run(ASKED, spanning, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(local.TooFewDevicesError, match="set it to 1 or less"):
        scheduler.run(ASKED, spanning, 1)
    assert workers.made == []


def test_gpus_where_none_is_to_be_seen_are_refused_in_one_sentence(workers, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(local.TooFewDevicesError, match=r"no GPU is to be seen.* -p device cpu\.$"):
        scheduler.run(ASKED, GPU, 1)
    assert workers.made == []


@pytest.mark.parametrize(
    ("files", "rows", "why"),
    [
        ("{test: rows.csv}", "", "split 'test' has no row with the labels that the prompt task"),
        ("{test: rows.csv}", "q,v\n", "split 'test' has no row with the labels that the prompt"),
        ("{train: rows.csv}", "q,v\nMay I?,bad\n", "no split 'test': it has train"),
    ],
)
def test_an_own_benchmark_without_rows_to_ask_about_is_refused_before_anything_starts(
    workers, tmp_path, files, rows, why
):
    (tmp_path / "rows.csv").write_text(rows)
    (tmp_path / "mine.yaml").write_text(
        f"policy: Ask first.\nfiles: {files}\ncolumns: {{prompt: q}}\n"
        "labels: {prompt: {column: v, harmful: [bad], unharmful: [ok]}}\n"
    )
    profile = TINY.model_copy(update={"benchmarks": [str(tmp_path / "mine.yaml")]})
    with pytest.raises(UserError, match=why):
        run(chapters.rq1_efficacy(profile).generations(["nr"]))
    assert workers.made == []


def test_an_own_training_set_without_rows_to_learn_from_is_refused_before_anything_starts(
    workers, tmp_path
):
    (tmp_path / "rows.csv").write_text("q,v\n")
    (tmp_path / "mine.yaml").write_text(
        "policy: Ask first.\nfiles: {train: rows.csv}\ncolumns: {prompt: q}\n"
        "labels: {prompt: {column: v, harmful: [bad], unharmful: [ok]}}\n"
    )
    mine = own.adopt(tmp_path / "mine.yaml")
    with pytest.raises(UserError, match="'train' has no row with the labels that training needs"):
        run([RECIPE.model_copy(update={"train_set": mine})])
    assert workers.made == []


def test_a_shared_training_without_its_configuration_is_refused_and_answers_need_none(workers):
    sharing = Resources(gpus_per_training=2, accelerate_config="params/accelerate/fsdb.yaml")
    with pytest.raises(launch.NoConfigurationError, match=r"no file params/accelerate/fsdb\.yaml"):
        scheduler.run(ASKED, sharing, 1)
    assert workers.made == []
    scheduler.run([UNTRAINED], sharing, 1)
    assert workers.made == [UNTRAINED]


@pytest.mark.parametrize(("seen", "told"), [("4,6", "4,6 of "), (None, " of 2147483648")])
def test_a_worker_process_sees_the_gpus_it_is_given_or_keeps_memory_that_is_freed(
    tmp_path, monkeypatch, seen, told
):
    for name in ("CUDA_VISIBLE_DEVICES", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    python = tmp_path / "python"
    told_by = "$CUDA_VISIBLE_DEVICES of $MALLOC_TRIM_THRESHOLD_"
    python.write_text(f'#!/bin/sh\nread job; echo "{{\\"failed\\": \\"{told_by}\\"}}"\n')
    python.chmod(0o755)
    worker = local.Worker(str(python), tmp_path / "log", seen)
    assert list(worker.make([RECIPE], Resources())) == [told]
    worker.close()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -9 $$", "its process was killed, as happens when memory runs out"),
        ("exit 3", "its process ended with code 3"),
        ('read job; printf \'{"made": "ha\'; exit 4', "its process ended with code 4"),
        ('read job; echo \'{"failed": "no such set"}\'', "no such set"),
    ],
)
def test_a_worker_that_ends_early_gives_a_sentence(tmp_path, monkeypatch, script, why):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(scheduler.sys, "executable", str(python))
    with pytest.raises(board.WorkFailedError, match=f": {why} "):
        run([RECIPE])


def test_of_values_over_which_a_worker_dies_each_is_tried_alone(tmp_path):
    python = tmp_path / "python"
    # Dies of two values together, and of what is of the second cell.
    python.write_text(
        "#!/bin/sh\nwhile read job; do case $job in\n"
        f'*\'"dataset":"{ASKED[1].cell.dataset}"\'*) kill -9 $$;;\n'
        "esac; echo '{\"failed\": null}'; done\n"
    )
    python.chmod(0o755)
    worker = local.Worker(str(python), tmp_path / "log")
    other = STUDY.generations(["nr"])[2]
    assert ASKED[1].cell.dataset not in (ASKED[0].cell.dataset, other.cell.dataset)
    first, second, third = worker.make([ASKED[0], ASKED[1], other], Resources())
    worker.close()
    assert (first, third) == (None, None)
    assert "was killed" in second


def test_a_worker_that_died_is_replaced_for_the_next_value(tmp_path):
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\ntest -e {tmp_path}/died || {{ touch {tmp_path}/died; kill -9 $$; }}\n"
        "read job; echo '{\"failed\": null}'\n"
    )
    python.chmod(0o755)
    worker = local.Worker(str(python), tmp_path / "log")
    (why,) = worker.make([RECIPE], Resources())
    assert "was killed" in why
    assert list(worker.make([RECIPE], Resources())) == [None]
    worker.close()


@pytest.mark.slow
def test_the_real_worker_killed_in_training_is_named_and_the_run_can_be_repeated(
    monkeypatch, cache
):
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(local.subprocess, "Popen", start)
    state = artifacts.folder(RECIPE).with_suffix(".partial") / "trainer"

    def kill_in_training():
        while not state.is_dir():
            time.sleep(0.01)
        os.kill(started[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_in_training)
    killer.start()
    with pytest.raises(board.WorkFailedError, match="its process was killed"):
        run(ASKED, workers=1)
    killer.join()
    assert not artifacts.is_cached(RECIPE)
    assert state.is_dir()

    run(ASKED, workers=1)
    assert len(started) == 2
    for value in (RECIPE, *ASKED):
        assert artifacts.find(value) is not None
    assert not list(cache.rglob("*.partial"))
    assert (artifacts.folder(RECIPE) / "model.safetensors").is_file()
    assert artifacts.manifest(ASKED[0])["notes"]["rows"] == 2


def test_answers_of_one_job_are_asked_for_in_one_call(monkeypatch):
    asked = []

    class Engine:
        tokenizer = words.build()

        def answer(self, requests, decoding):
            asked.append(len(requests))
            return [(request, [Answer("", 0, "stop")]) for request in requests]

    monkeypatch.setattr(worker.Builder, "_engine", lambda *_: Engine())
    values = STUDY.generations(["backbone"])[:3]
    job = Job(values=tuple(values), resources=Resources()).model_dump_json()
    replies = io.StringIO()
    assert worker.serve([job], replies)
    assert asked == [3 * TINY.eval_examples]
    assert replies.getvalue().count('"failed":null') == 3
    assert all(map(artifacts.is_cached, values))


@pytest.mark.slow
def test_of_answers_written_together_those_that_cannot_be_are_named_and_the_others_there():
    wrong = [
        value.model_copy(update={"cell": value.cell.model_copy(update={"dataset": "synthetic/no"})})
        for value in ASKED[:1]
    ]
    with pytest.raises(board.WorkFailedError, match="1 of 4 steps failed") as caught:
        run([*wrong, *ASKED])
    assert "synthetic/no" in str(caught.value)
    assert all(map(artifacts.is_cached, ASKED))


@pytest.mark.slow
def test_one_job_in_a_file_is_done_and_its_failure_is_a_sentence_and_an_exit_code(tmp_path):
    wrong = RECIPE.model_copy(update={"train_set": "synthetic/medow"})
    job = tmp_path / "job.json"
    job.write_text(Job(values=(wrong,), resources=Resources()).model_dump_json())
    done = subprocess.run(
        [sys.executable, "-m", "reasoning_guards.worker", str(job)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "medow" in Reply.model_validate_json(done.stdout).failed
    assert "Traceback" not in done.stderr
    assert Path(tmp_path, "cache", "checkpoint").is_dir()


def test_guards_that_would_learn_from_missing_traces_are_refused_before_anything_starts(workers):
    profile = TINY.model_copy(update={"train_set": "allenai/wildguardmix", "world": "hub"})
    study = chapters.rq1_efficacy(profile)
    with pytest.raises(traces.NoTracesError):
        study.run()
    assert workers.made == []
    scheduler.run(study.generations(["nr"])[:1], Resources(), 1)
    assert len(workers.made) == 2


LONGER = RECIPE.model_copy(
    update={"n_train": 160, "sft": RECIPE.sft.model_copy(update={"epochs": 5})}
)


def started(tmp_path, *values):
    """A process of its own that runs the scheduler on these values, with one worker."""
    job = tmp_path / "values.json"
    job.write_text(Job(values=values, resources=Resources()).model_dump_json())
    code = (
        "import sys; from reasoning_guards import scheduler, worker\n"
        "job = worker.Job.model_validate_json(open(sys.argv[1]).read())\n"
        "scheduler.run(job.values, job.resources, 1)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(job)])


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_run_takes_its_worker_along_and_the_next_one_ends_where_it_would_have(
    tmp_path, cache, monkeypatch
):
    place = artifacts.folder(LONGER)
    parent = started(tmp_path, LONGER)
    wait_until(lambda: list(cache.glob("checkpoint/*.partial/trainer/*/trainer_state.json")))
    parent.kill()
    parent.wait()
    with FileLock(place.with_suffix(".lock"), timeout=10):
        assert not place.exists(), "the worker trained to the end"
    run([LONGER])
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path / "another"))
    run([LONGER])
    assert artifacts.folder(LONGER) != place
    weights = [folder / "model.safetensors" for folder in (place, artifacts.folder(LONGER))]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.slow
def test_two_runs_at_once_train_once(tmp_path, cache):
    both = [started(tmp_path, *ASKED) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert all(map(artifacts.is_cached, (RECIPE, *ASKED)))
    logs = [log.read_text() for log in cache.glob("logs/*.log")]
    assert len(logs) == 2
    assert sum(log.count("train_runtime") for log in logs) == 1


REFINING = chapters.rq6_difficult_samples(TINY).generations(["continual_sft"])[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_guard_is_trained_then_mined_then_refined_then_asked(workers, threads):
    run([REFINING], threads)
    refined = REFINING.guard
    assert workers.made == [refined.start, mining(refined), refined, REFINING]


def test_what_waits_for_a_failed_training_in_turn_is_not_made(workers):
    workers.fails = {REFINING.guard.start: "no room"}
    with pytest.raises(board.WorkFailedError, match="1 of 5 steps failed"):
        run([REFINING, UNTRAINED])
    assert set(workers.made) == {REFINING.guard.start, UNTRAINED}
