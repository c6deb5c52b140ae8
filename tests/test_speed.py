"""The benchmark's pieces work on little, and its table says what was measured and what was met."""

import os

import pytest

from reasoning_guards.recipes import Decoding
from reasoning_guards.speed import __main__ as speed
from reasoning_guards.speed import measures, work
from reasoning_guards.speed.work import Size

TINY = Size(
    prompts=3, tokens=700, written=6, verdict=3, width=64, layers=1, lessons=16, growth=(8, 16)
)
PYTHON = os.environ.get("REASONING_GUARDS_VLLM_PYTHON", "")
FOUND = {
    "build": {"parameters": 22e6, "tokens": 1000, "shared": 500},
    "loop": {"loop": 220.0},
    "vllm": {"ours": 20.0, "calls": 25.0, "sampled": 9.0, "read": 3.0},
    "transformers": {"ours": 55.0, "sampled": 50.0, "read": 40.0},
    "ours": {"tokens_per_second": 3000.0, "seconds": 1.0},
    "trl": {"tokens_per_second": 1000.0, "seconds": 3.0},
    "answering 8": {"seconds": 1.0, "mib": 500.0},
    "answering 16": {"seconds": 2.1, "mib": 510.0},
    "training 8": {"seconds": 1.0, "mib": 500.0},
    "training 16": {"seconds": 1.8, "mib": 700.0},
}


def test_each_ratio_is_of_what_stands_beside_it_and_held_against_its_aim():
    found = {row.what: row for row in speed.rows(FOUND, TINY)}
    loop = found["Answers: the plain loop against vLLM, our path"]
    assert (loop.ratio, loop.least, loop.met) == (11.0, 10, True)
    calls = found["Answers: vLLM called for each, our path"]
    assert (calls.ratio, calls.met) == (1.25, False)
    assert found["Verdicts, vLLM: sampled against read"].met
    assert not found["Verdicts, our other engine"].met
    tuning = found["Fine-tuning: tokens a second, TRL's defaults against ours"]
    assert (tuning.ratio, tuning.met) == (3.0, True)
    slower = found["Answering, 2 times as many: milliseconds of a sample"]
    assert slower.ratio == pytest.approx(1.05)
    assert slower.met
    assert not found["Training, 2 times as many: memory"].met


def test_the_page_says_on_what_and_by_which_command_and_what_was_not_met():
    page = speed.written(FOUND, TINY)
    for said in ("`make bench`", " cores ", "torch ", "commit ", "load ", "3 prompts of 1,000"):
        assert said in page
    lines = page.splitlines()
    assert sum(line.endswith("| yes |") for line in lines) == 5
    assert sum(line.endswith("| no |") for line in lines) == 3
    assert "| 25.0 s against 20.0 s | 1.25 | at least 1.3 | no |" in page
    assert "| 500 MiB against 700 MiB | 1.40 | at most 1.2 | no |" in page


def test_a_measure_that_fails_is_a_sentence(tmp_path):
    with pytest.raises(speed.BenchmarkFailedError, match="'loop' failed under /bin/false"):
        speed.measured("/bin/false", "loop", TINY, tmp_path)


def test_a_python_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(speed.BenchmarkFailedError, match=r"^/nowhere/python cannot be started: "):
        speed.measured("/nowhere/python", "vllm", TINY, tmp_path)


def test_the_large_model_has_all_cores_and_the_embedded_world_one(tmp_path):
    says = tmp_path / "python"
    says.write_text("#!/bin/sh\necho '{\"threads\": '$OMP_NUM_THREADS'}'\n")
    says.chmod(0o755)
    for what in ("loop", "vllm", "transformers"):
        assert speed.measured(str(says), what, TINY, tmp_path) == {"threads": os.cpu_count()}
    for what in ("ours", "trl", "training", "answering"):
        assert speed.measured(str(says), what, TINY, tmp_path) == {"threads": 1}


def test_prompts_are_about_as_long_as_asked_for_and_begin_alike():
    texts = work.examples(TINY)
    assert len(set(texts)) == TINY.prompts
    lengths = [len(text.split()) for text in texts]
    assert 0.8 * TINY.tokens <= min(lengths)
    assert max(lengths) < TINY.tokens
    assert len({text[:2000] for text in texts}) == 1
    assert "think" in texts[0]


@pytest.mark.slow
def test_every_way_but_vllm_s_runs(tmp_path):
    built = measures.build(TINY, tmp_path)
    assert built["tokens"] < TINY.context - TINY.written
    assert 100 < built["shared"] < built["tokens"]
    found = {"loop": measures.loop(TINY, tmp_path)}
    found["transformers"] = measures.transformers(TINY, tmp_path)
    assert set(found["transformers"]) == {"ours", "sampled", "read"}
    for way in (measures.ours, measures.trl):
        found[way.__name__] = way(TINY, tmp_path / way.__name__)
        assert found[way.__name__]["tokens_per_second"] > 0
    for way in (measures.training, measures.answering):
        (tmp_path / way.__name__).mkdir()
        found[f"{way.__name__} 8"] = way(
            TINY.model_copy(update={"growth": (8,)}), tmp_path / way.__name__
        )
    assert all(value > 0 for each in found.values() for value in each.values())


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.skipif(not PYTHON, reason="no vLLM here")
def test_vllm_s_ways_run_in_their_own_environment(tmp_path):
    work.build(TINY, tmp_path)
    found = speed.measured(PYTHON, "vllm", TINY, tmp_path)
    assert set(found) == {"ours", "calls", "sampled", "read"}
    assert all(value > 0 for value in found.values())


def test_answers_are_drawn_as_the_paper_draws_them():
    decoding = measures._decoding(Size(), 40)
    assert decoding == Decoding(
        temperature=0.6, top_p=0.95, generations=4, max_new_tokens=40, max_length=2000
    )
