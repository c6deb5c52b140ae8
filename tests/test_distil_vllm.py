"""A real OpenAI server, vLLM's, with the backbone that ships with the package for a teacher."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reasoning_guards import backbones
from reasoning_guards.distil import blind, judge, loop, serving
from reasoning_guards.distil.attempts import Item, attempts
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.client import Endpoint
from reasoning_guards.distil.spec import Distillation, Sampling
from reasoning_guards.distil.store import Store
from reasoning_guards.recipes import Backbone
from reasoning_guards.synthetic import corpora

OPTIONS = ("--enforce-eager", "--dtype", "float32", "--max-model-len", "512",
           "--no-enable-chunked-prefill", "--max-num-batched-tokens", "512")  # fmt: skip


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.skipif("REASONING_GUARDS_VLLM_PYTHON" not in os.environ, reason="no vLLM here")
def test_a_real_server_is_asked_answers_and_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1",
                        "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    model, _ = backbones.source(Backbone(name="synthetic/llama-64-0"))
    spec = Distillation(teacher=model, rounds=2, sampling=Sampling(max_tokens=24))
    items = [Item(e, "policy") for e in corpora.load("synthetic/meadow", "train")[:4]]
    store = Store(tmp_path / "a.jsonl")

    def series() -> Iterator[loop.Series]:
        return (attempts(spec, "full", item) for item in items)

    with serving.serve(model, tmp_path / "server.log", OPTIONS) as url:
        askers: dict[str, loop.Asker] = {model: Endpoint(url, tries=2)}
        budget = Budget()
        run = loop.run("full", series(), 4, store, askers, budget, 4, print)
        assert run.stopped is None
        assert run.states == {"lost": 4}  # it was never taught to reason
        assert run.asked == len(store) == 8
        assert budget.spent_in > 8 * 20
        assert 0 < budget.spent_out <= 8 * 24
        question = next(attempts(spec, "full", items[0]))
        stored = store.get(question)
        assert stored is not None
        assert stored.content
        again = loop.run("full", series(), 4, store, askers, Budget(), 4, print)
        assert again.asked == 0
        judged = spec.model_copy(update={"judge": model, "judging": Sampling(max_tokens=24)})
        read = loop.run(
            "read alone",
            iter([blind.read(judged, "It is his.")]),
            1,
            store,
            askers,
            budget,
            4,
            print,
        )
        assert (read.states, read.asked) == ({"unreadable": 1}, judge.TRIES)
    with pytest.raises(serving.ServerError, match=r"server\.log"):  # noqa: SIM117
        with serving.serve(str(tmp_path / "nowhere"), tmp_path / "server.log"):
            pass
