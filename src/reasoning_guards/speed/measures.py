"""What is timed, each in a process of its own: `python -m …measures WHAT SIZE FOLDER` ends in a
line of JSON. Loading is never counted, and a few answers are given before the clock starts."""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from reasoning_guards import engines, generation, probability
from reasoning_guards.engines import Request
from reasoning_guards.recipes import SFT, Backbone, Cell, Decoding, Engine, Generation, Recipe
from reasoning_guards.resources import Resources
from reasoning_guards.speed import work
from reasoning_guards.speed.work import Size

Measured = dict[str, float]
EMBEDDED = Backbone(name="synthetic/llama-64-0", template="compact")
WARM_UP = 2  # prompts
LOOP_BATCH = 8
TRL_BATCH = 8  # its default
TEMPERATURE, TOP_P = 0.6, 0.95


def seconds(run: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def build(size: Size, folder: Path) -> Measured:
    """The model that the others read, and how large it and its prompts are."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    work.build(size, folder)
    rows = work.encoded(size, AutoTokenizer.from_pretrained(folder))
    alike = (len(set(place)) == 1 for place in zip(*rows, strict=False))
    return {
        "parameters": AutoModelForCausalLM.from_pretrained(folder).num_parameters(),
        "tokens": sum(map(len, rows)) / len(rows),
        "shared": next(n for n, same in enumerate(alike) if not same),
    }


def loop(size: Size, folder: Path) -> Measured:
    """The plain loop: `generate` on batches of eight, once for each generation."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder).to(size.device)
    rows = work.encoded(size, tokenizer)
    torch.manual_seed(0)

    def answer(rows: list[list[int]], passes: int) -> None:
        for _ in range(passes):
            for start in range(0, len(rows), LOOP_BATCH):
                batch = {"input_ids": rows[start : start + LOOP_BATCH]}
                given = tokenizer.pad(batch, padding_side="left", return_tensors="pt")
                model.generate(
                    **given.to(size.device), do_sample=True, temperature=TEMPERATURE, top_p=TOP_P,
                    top_k=0, min_new_tokens=size.written, max_new_tokens=size.written,
                )  # fmt: skip

    answer(rows[:WARM_UP], 1)
    return {"loop": seconds(lambda: answer(rows, size.generations))}


def vllm(size: Size, folder: Path) -> Measured:
    """vLLM called once for each generation, and our path; then verdicts."""
    engine = _engine("vllm", size, folder)
    from vllm import SamplingParams

    rows = [{"prompt_token_ids": ids} for ids in work.encoded(size, engine.tokenizer)]

    def call_each() -> None:
        for number in range(size.generations):
            asked = SamplingParams(
                temperature=TEMPERATURE, top_p=TOP_P, max_tokens=size.written, seed=number
            )
            engine.model.generate(rows, asked, use_tqdm=False)

    return _answers(engine, size, engine.model.reset_prefix_cache, calls=call_each)


def transformers(size: Size, folder: Path) -> Measured:
    """Our other engine, on the same."""
    return _answers(_engine("transformers", size, folder), size, lambda: None)


def _answers(
    engine: Any, size: Size, forget: Callable[[], object], **others: Callable[[], None]
) -> Measured:
    """Seconds of our path, of what else is named, and of verdicts that are sampled or read.

    Args:
        engine: loaded.
        size: of the work.
        forget: empties the prefix cache, so that nobody finds what another has read.
        others: by name.
    """
    rows = work.encoded(size, engine.tokenizer)
    requests = [Request(str(number), ids) for number, ids in enumerate(rows)]

    def answer(requests: list[Request], written: int) -> None:
        list(engine.answer(requests, _decoding(size, written)))

    def read(rows: list[list[int]]) -> None:
        ask = partial(probability.questions, engine.tokenizer)
        engine.read([each for ids in rows for each in ask(ids, "", "", "response")])

    backwards = [ids[::-1] for ids in rows[:WARM_UP]]
    answer([Request("warm", ids) for ids in backwards], size.written)
    read(backwards)
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: answer(requests, size.written),
        **others,
        "sampled": lambda: answer(requests, size.verdict),
        "read": lambda: read(rows),
    }
    found = {}
    for name, way in ways.items():
        forget()
        found[name] = seconds(way)
    return found


def _engine(name: Engine, size: Size, folder: Path) -> Any:
    resources = Resources(device=size.device, generate_batch=size.prompts)
    return engines.load(name, Backbone(name=str(folder)), folder, size.context, resources)


def _decoding(size: Size, written: int) -> Decoding:
    return Decoding(
        temperature=TEMPERATURE,
        top_p=TOP_P,
        generations=size.generations,
        max_new_tokens=written,
        max_length=size.context,
    )


def recipe(lessons: int) -> Recipe:
    """A guard of the embedded world that is to be trained on so many examples, once."""
    return Recipe(
        backbone=EMBEDDED,
        train_set="synthetic/meadow",
        n_train=lessons,
        sft=SFT(
            epochs=1, learning_rate=1e-3, batch_size=TRL_BATCH, warmup_ratio=0.05,
            weight_decay=0.01, max_length=512, precision="float32",
        ),
    )  # fmt: skip


def ours(size: Size, folder: Path) -> Measured:
    """Tokens a second of our fine-tuning, as its trainer counts the seconds."""
    from reasoning_guards.training import sft

    resources = Resources(device=size.device, train_batch_per_device=TRL_BATCH)
    notes = sft.train(recipe(size.lessons), folder, resources)
    took = json.loads((folder / "log_history.json").read_text())[-1]["train_runtime"]
    return {"tokens_per_second": notes["tokens"] / took, "seconds": took}


def trl(size: Size, folder: Path) -> Measured:
    """Tokens a second of TRL as it comes, on the same ids in as large batches."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from reasoning_guards import backbones
    from reasoning_guards.training import data

    source, _ = backbones.source(EMBEDDED)
    tokenizer = AutoTokenizer.from_pretrained(source)
    learnt = data.tokenise(recipe(size.lessons), tokenizer)
    columns = {"input_ids": learnt.input_ids, "completion_mask": learnt.completion_mask}
    settings = SFTConfig(
        str(folder), num_train_epochs=1, use_cpu=size.device == "cpu", report_to="none"
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(source),
        processing_class=tokenizer,
        train_dataset=Dataset.from_dict(columns),
        args=settings,
    )
    took = trainer.train().metrics["train_runtime"]
    return {"tokens_per_second": sum(map(len, learnt.input_ids)) / took, "seconds": took}


def training(size: Size, folder: Path) -> Measured:
    """Seconds and peak memory of a training on the first of `growth`."""
    (lessons,) = size.growth
    took = ours(size.model_copy(update={"lessons": lessons}), folder)["seconds"]
    return {"seconds": took, "mib": _peak()}


def answering(size: Size, folder: Path) -> Measured:
    """Seconds and peak memory of as many examples' answers, to the file that holds them."""
    (limit,) = size.growth
    value = Generation(
        guard=EMBEDDED,
        cell=Cell(dataset="synthetic/meadow", task="prompt", split="train"),
        limit=limit,
        mode="reasoning",
        decoding=_decoding(size, size.written).model_copy(update={"max_length": 512}),
        engine="transformers",
    )
    resources = Resources(device=size.device, generate_batch=64)
    engine = engines.load("transformers", EMBEDDED, None, 512, resources)
    took = seconds(lambda: generation.generate(value, engine, folder))
    return {"seconds": took, "mib": _peak()}


def _peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


WAYS = (build, loop, vllm, transformers, ours, trl, training, answering)


def main() -> None:
    """Time one of them; whatever libraries print comes before the last line."""
    what, size, folder = sys.argv[1:]
    (way,) = (way for way in WAYS if way.__name__ == what)
    with tempfile.TemporaryDirectory() as own:
        needs_own = way in (ours, trl, training, answering)
        found = way(Size.model_validate_json(size), Path(own if needs_own else folder))
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
