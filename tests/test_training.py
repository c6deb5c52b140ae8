"""What a guard learns from, and that TRL trains on just that."""

import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_guards
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from reasoning_guards import artifacts, backbones, generation, prompts, traces
from reasoning_guards.chapters import arms
from reasoning_guards.engines import Answer, Request
from reasoning_guards.examples import Example, with_random_labels
from reasoning_guards.params import Profile
from reasoning_guards.recipes import (
    SFT,
    Backbone,
    Cell,
    Decoding,
    Generation,
    Mix,
    Recipe,
    TraceSpec,
)
from reasoning_guards.refinements import Mined
from reasoning_guards.resources import Resources
from reasoning_guards.synthetic import corpora
from reasoning_guards.synthetic import tokenizer as words
from reasoning_guards.training import data, launch, loss, sft, splits
from reasoning_guards.worker import Builder, Job

HYPERPARAMETERS = SFT(
    epochs=5,
    learning_rate=2e-3,
    batch_size=16,
    warmup_ratio=0.1,
    weight_decay=0.01,
    max_length=512,
    precision="float32",
)
REASONING = Recipe(
    backbone=Backbone(name="synthetic/llama-64-0", template="compact"),
    train_set="synthetic/meadow",
    n_train=64,
    traces=TraceSpec(teacher="rule", sentences=1),
    sft=HYPERPARAMETERS,
)
DIRECT = REASONING.model_copy(update={"traces": None})
DUAL = REASONING.model_copy(update={"dual": True})
LABELS = ("prompt_harmful", "response_harmful", "response_refusal")


def with_length(recipe: Recipe, max_length: int) -> Recipe:
    return recipe.model_copy(
        update={"sft": recipe.sft.model_copy(update={"max_length": max_length})}
    )


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return words.build()


# Tokens and loss


@pytest.mark.parametrize("recipe", [REASONING, DIRECT, DUAL], ids=["reasoning", "direct", "dual"])
def test_loss_falls_on_the_completion_and_its_end_token_and_on_nothing_else(
    recipe: Recipe, tokenizer: Any
) -> None:
    learnt = data.tokenise(recipe, tokenizer)
    lessons = data.lessons(recipe)
    assert len(learnt.input_ids) == len(learnt.completion_mask) == len(lessons) == 64
    for ids, mask, lesson in zip(learnt.input_ids, learnt.completion_mask, lessons, strict=True):
        carrying = [token for token, loss in zip(ids, mask, strict=True) if loss]
        silent = [token for token, loss in zip(ids, mask, strict=True) if not loss]
        assert mask == [0] * len(silent) + [1] * len(carrying)
        assert carrying[-1] == tokenizer.eos_token_id
        completion = prompts.completion(lesson.example, lesson.trace)
        assert tokenizer.decode(carrying[:-1]) == completion
        assert lesson.example.prompt in tokenizer.decode(silent)
        assert tokenizer.decode(silent).endswith("<answer>")
        assert tokenizer.eos_token_id not in ids[:-1]


def test_every_sequence_ends_in_the_verdict_lines_and_the_end_token(tokenizer: Any) -> None:
    recipe = with_length(REASONING, 80)
    for ids, lesson in zip(
        data.tokenise(recipe, tokenizer).input_ids, data.lessons(recipe), strict=True
    ):
        verdict = prompts.completion(lesson.example, None)
        assert tokenizer.decode(ids).endswith(f"</think>\n{verdict} <eos>")


def test_only_the_judged_text_of_an_over_long_example_is_shortened_and_it_is_counted(
    tokenizer: Any,
) -> None:
    whole = data.tokenise(REASONING, tokenizer)
    limit = sorted(map(len, whole.input_ids))[32]
    cut = data.tokenise(with_length(REASONING, limit), tokenizer)
    long = [len(ids) > limit for ids in whole.input_ids]
    assert 0 < sum(long) < len(long)
    assert (whole.shortened, cut.shortened) == (0, sum(long))
    before = zip(whole.input_ids, whole.completion_mask, strict=True)
    after = zip(cut.input_ids, cut.completion_mask, strict=True)
    for lesson, (ids, mask), (short_ids, short_mask) in zip(
        data.lessons(REASONING), before, after, strict=True
    ):
        if len(ids) <= limit:
            assert (short_ids, short_mask) == (ids, mask)
            continue
        assert limit - 2 <= len(short_ids) <= limit
        assert short_ids[-sum(mask) :] == ids[-sum(mask) :]
        assert sum(short_mask) == sum(mask)
        shown = tokenizer.decode(short_ids[: -sum(mask)])
        assert shown.startswith(f"<bos> policy : {lesson.example.policy.text} . user : ")
        judged = shown.partition(" . user : ")[2].removesuffix("<answer>").strip()
        prompt, _, response = judged.partition("assistant :")
        assert lesson.example.prompt.startswith(prompt.strip())
        assert (lesson.example.response or "none").startswith(response.strip())


class Recorder:
    """An engine that only notes what it is asked."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.asked: dict[str, list[int]] = {}

    def answer(
        self, requests: list[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, list[Answer]]]:
        for request in requests:
            self.asked[request.id] = request.prompt
            yield request, [Answer("", 0, "stop")]


@pytest.mark.parametrize("recipe", [REASONING, DIRECT, DUAL], ids=["reasoning", "direct", "dual"])
@pytest.mark.parametrize("template", ["compact", "paper"])
def test_a_guard_is_asked_with_the_very_ids_it_was_trained_on(
    recipe: Recipe,
    template: Any,
    tokenizer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if template == "paper":
        backbone = Backbone(name="tiny", template="paper", refusal_line=False)
        recipe = with_length(recipe.model_copy(update={"backbone": backbone}), 10_000)
        tokenizer = tiny_guards.tokenizer()
    lessons = data.lessons(recipe)
    monkeypatch.setattr(generation, "examples", lambda *_: [lesson.example for lesson in lessons])
    asked = {}
    for mode in ("reasoning", "non-reasoning"):
        engine = Recorder(tokenizer)
        (tmp_path / mode).mkdir()
        asking = Generation(
            guard=recipe,
            cell=Cell(dataset=recipe.train_set, task="prompt", split="train"),
            mode=mode,  # type: ignore[arg-type]
            decoding=Decoding(
                temperature=0, top_p=1, generations=1, max_new_tokens=1, max_length=10_000
            ),
            engine="transformers",
        )
        generation.generate(asking, engine, tmp_path / mode)
        asked[mode] = engine.asked
    learnt = data.tokenise(recipe, tokenizer)
    for lesson, ids, mask in zip(lessons, learnt.input_ids, learnt.completion_mask, strict=True):
        assert asked[lesson.mode][lesson.example.id] == ids[: mask.index(1)]


# Which examples, with which labels and traces


def test_a_dual_guard_reasons_on_a_random_half_and_answers_directly_on_the_other(
    tokenizer: Any,
) -> None:
    lessons = data.lessons(DUAL)
    reasoned = data.lessons(REASONING)
    direct = [lesson.mode == "non-reasoning" for lesson in lessons]
    assert sum(direct) == 32
    assert 8 < sum(direct[:32]) < 24
    assert [lesson.example for lesson in lessons] == [lesson.example for lesson in reasoned]
    for lesson, with_trace in zip(lessons, reasoned, strict=True):
        assert lesson == with_trace or (lesson.mode, lesson.trace) == ("non-reasoning", None)
    other = data.lessons(DUAL.model_copy(update={"seed": 1}))
    assert [lesson.mode == "non-reasoning" for lesson in other] != direct
    for ids, lesson in zip(data.tokenise(DUAL, tokenizer).input_ids, lessons, strict=True):
        text = tokenizer.decode(ids)
        assert text.startswith(f"<bos> {prompts.MODE_TOKENS[lesson.mode]} policy")
        assert ("<think>" in text) == (lesson.mode == "reasoning")


def test_a_guard_of_both_modes_sees_each_example_once_in_each() -> None:
    lessons = data.lessons(REASONING.model_copy(update={"dual": "both"}))
    reasoned = data.lessons(REASONING)
    assert lessons[:64] == reasoned
    assert [lesson.example for lesson in lessons[64:]] == [lesson.example for lesson in reasoned]
    assert {(lesson.mode, lesson.trace) for lesson in lessons[64:]} == {("non-reasoning", None)}


def test_the_null_world_changes_labels_and_nothing_else() -> None:
    given = corpora.load("synthetic/meadow", "train")
    null = [with_random_labels(example) for example in given]
    assert null == [with_random_labels(example) for example in given]
    for before, after in zip(given, null, strict=True):
        labels = {name: getattr(before, name) for name in LABELS}
        assert after.model_copy(update=labels) == before
        assert all((getattr(after, name) is None) == (labels[name] is None) for name in LABELS)
    for name in LABELS:
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(given, null, strict=True)]
        labelled = [pair for pair in pairs if pair[0] is not None]
        for truth in (True, False):  # a coin knows nothing of the label it replaces
            heads = [coin for before, coin in labelled if before is truth]
            assert 0.45 < sum(heads) / len(heads) < 0.55
    both = [(e.prompt_harmful, e.response_harmful) for e in null if e.response is not None]
    assert 0.45 < sum(one == other for one, other in both) / len(both) < 0.55


def test_a_null_recipe_has_the_same_examples_with_coins_for_labels() -> None:
    null = data.lessons(DIRECT.model_copy(update={"labels": "random"}))
    given = data.lessons(DIRECT)
    assert [n.example for n in null] == [with_random_labels(g.example) for g in given]
    assert [n.example for n in null] != [g.example for g in given]


def test_subsets_are_random_nested_and_the_same_whatever_else_varies() -> None:
    large = data.subset(DIRECT)
    assert data.subset(DIRECT.model_copy(update={"n_train": 20})) == large[:20]
    assert data.subset(DIRECT.model_copy(update={"subset_seed": 1})) != large
    split = list(corpora.load("synthetic/meadow", "train"))
    assert large != split[:64]
    assert data.subset(DIRECT.model_copy(update={"n_train": None})) == split
    ids = [example.id for example in large]
    for recipe in (
        REASONING,
        REASONING.model_copy(update={"traces": TraceSpec(teacher="rule", sentences=7)}),
        REASONING.model_copy(update={"traces": TraceSpec(teacher="rule", content="filler")}),
        DUAL,
        DIRECT.model_copy(update={"seed": 5}),
        DIRECT.model_copy(update={"labels": "random"}),
    ):
        assert [lesson.example.id for lesson in data.lessons(recipe)] == ids


def test_independent_subsets_are_drawn_anew_for_each_size() -> None:
    independent = DIRECT.model_copy(update={"subset": "independent"})
    large = data.subset(independent)
    small = data.subset(independent.model_copy(update={"n_train": 20}))
    assert (len(large), len(small)) == (64, 20)
    assert len({example.id for example in small} & {example.id for example in large}) < 5
    assert data.subset(independent) == large
    assert data.subset(independent.model_copy(update={"subset_seed": 1})) != large


labels = st.sampled_from([True, False, None])


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=60))
def test_each_head_of_a_stratified_order_has_the_whole_s_shares(pairs: list[Any]) -> None:
    example = corpora.load("synthetic/meadow", "train")[0]
    whole = [
        example.model_copy(
            update={"id": str(number), "prompt_harmful": prompt, "response_harmful": response}
        )
        for number, (prompt, response) in enumerate(pairs)
    ]
    ordered = splits.stratified(whole)
    assert sorted(ordered, key=whole.index) == whole
    strata = Counter(pairs)
    for n in range(1, len(whole) + 1):
        head = Counter((one.prompt_harmful, one.response_harmful) for one in ordered[:n])
        for stratum, size in strata.items():
            share = size / len(whole)
            assert abs(head[stratum] - n * share) <= 0.5 + share * len(strata) / 2 + 1e-9
    for stratum in strata:
        of_stratum = [e.id for e in ordered if (e.prompt_harmful, e.response_harmful) == stratum]
        assert of_stratum == sorted(of_stratum, key=int)


def test_what_is_mined_begins_with_the_guard_s_own_subset_or_is_its_head() -> None:
    greedy = Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=8, max_length=256)
    for drawn in ("nested", "independent"):
        guard = DIRECT.model_copy(update={"subset": drawn, "n_train": 40})
        own = data.subset(guard)
        for count in (20, 40, 60):
            asked = Mined(examples=count, decoding=greedy, engine="transformers")
            mined = data.mined_examples(guard, asked)
            assert len(mined) == count
            assert mined[:40] == own[:count]
    few = Mined(examples=10**6, decoding=greedy, engine="transformers")
    with pytest.raises(data.TooFewExamplesError, match="n_mined is 1000000, but"):
        data.mined_examples(guard, few)


def test_a_stratified_subset_is_random_nested_and_has_the_split_s_shares() -> None:
    stratified = DIRECT.model_copy(update={"stratified": True})
    large = data.subset(stratified)
    assert data.subset(stratified.model_copy(update={"n_train": 20})) == large[:20]
    assert data.subset(stratified.model_copy(update={"subset_seed": 1})) != large
    split = corpora.load("synthetic/meadow", "train")

    def harmful(examples: Sequence[Example]) -> float:
        return sum(bool(example.prompt_harmful) for example in examples) / len(examples)

    for seed in range(5):
        drawn = data.subset(stratified.model_copy(update={"subset_seed": seed}))
        assert abs(harmful(drawn) - harmful(split)) <= 2 / 64
    by_chance = [data.subset(DIRECT.model_copy(update={"subset_seed": s})) for s in range(5)]
    assert max(abs(harmful(drawn) - harmful(split)) for drawn in by_chance) > 2 / 64
    whole = {"n_train": None, "subset": "independent", "stratified": True}
    assert data.subset(DIRECT.model_copy(update=whole)) == list(split)


def test_how_a_subset_is_drawn_is_part_of_the_key_unless_it_is_by_default() -> None:
    changed = [{"subset": "independent"}, {"stratified": True}]
    keys = {artifacts.key(DIRECT.model_copy(update=change)) for change in changed}
    assert len(keys | {artifacts.key(DIRECT)}) == 3
    assert not {"subset", "stratified"} & set(DIRECT.model_dump(mode="json"))
    for change in changed:
        (recipe,) = arms.guards(Profile(**change), None).values()  # type: ignore[arg-type]
        assert {name: getattr(recipe, name) for name in change} == change


@pytest.mark.slow
def test_which_examples_were_drawn_is_kept_beside_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = HYPERPARAMETERS.model_copy(update={"epochs": 1})
    recipe = REASONING.model_copy(
        update={"n_train": 16, "sft": short, "mix": Mix(dataset="synthetic/lanes", examples=8)}
    )
    written = traces.write

    def without_the_first(spec: TraceSpec, examples: list[Example], seed: int) -> list[Any]:
        return [None, *written(spec, examples, seed)[1:]]

    monkeypatch.setattr(traces, "write", without_the_first)
    drawn = [example.id for example in [*data.subset(recipe), *data.mixed(recipe)]]
    notes = sft.train(recipe, tmp_path, Resources())
    kept = json.loads((tmp_path / "examples.json").read_text())
    assert kept == {"drawn": drawn, "without_trace": [drawn[0], drawn[16]]}
    assert (notes["examples"], notes["sequences"]) == (24, 22)
    assert notes["examples_sha256"] == hashlib.sha256("\n".join(drawn).encode()).hexdigest()


@pytest.mark.parametrize(("seen", "wanted"), [(0, 1), (2, 1), (8, 1), (1, 2), (8, 4)])
def test_a_training_that_sees_other_gpus_than_it_is_to_take_is_refused_before_it_loads_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: int, wanted: int
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    absent = DIRECT.model_copy(update={"backbone": Backbone(name="synthetic/none")})
    resources = Resources(device="cuda", gpus_per_training=wanted)
    with pytest.raises(sft.DevicesError, match=f"exactly {wanted} GPUs?, and {seen} are to be"):
        launch.train(launch.Training(recipe=absent, folder=tmp_path, resources=resources))


def test_more_examples_than_there_are_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        data.TooFewExamplesError, match=r"n_train is 4001, but .* has 4000 examples"
    ):
        data.subset(DIRECT.model_copy(update={"n_train": 4001}))


# Training with TRL itself


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    sft.train(REASONING, folder, Resources())
    return folder


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def assert_same_weights(folder: Path, other: Path, atol: float = 0) -> None:
    import torch

    one, two = weights(folder), weights(other)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], rtol=0, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("padding", [True, False], ids=["padding token", "no padding token"])
def test_the_model_s_labels_are_the_completion_s_tokens_and_nothing_else(
    padding: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    class NotTrainedError(Exception):
        pass

    built = []

    def stop(trainer: Any, **_: Any) -> None:
        built.append(trainer)
        raise NotTrainedError

    monkeypatch.setattr(trl.SFTTrainer, "train", stop)
    guard = tiny_guards.build(tmp_path / "guard", padding=padding)
    recipe = with_length(REASONING, 2048).model_copy(update={"backbone": Backbone(name=str(guard))})
    with pytest.raises(NotTrainedError):
        sft.train(recipe, tmp_path, Resources())
    (trainer,) = built
    tokenizer = tiny_guards.tokenizer(padding=padding)
    learnt = data.tokenise(recipe, tokenizer)
    expected = {
        tuple(ids): [t if loss else -100 for t, loss in zip(ids, mask, strict=True)]
        for ids, mask in zip(learnt.input_ids, learnt.completion_mask, strict=True)
    }
    seen = set()
    for batch in trainer.get_train_dataloader():
        assert len(batch["input_ids"]) == 16
        for row in range(16):
            length = int(batch["attention_mask"][row].sum())
            ids, labels = (batch[name][row].tolist() for name in ("input_ids", "labels"))
            seen.add(tuple(ids[:length]))
            assert labels[:length] == expected[tuple(ids[:length])]
            assert labels[length - 1] == tokenizer.eos_token_id
            assert labels[length:] == [-100] * (len(ids) - length)
    assert seen == set(expected)


def test_logits_are_computed_of_completions_alone_and_losses_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.trainer import utils

    once = HYPERPARAMETERS.model_copy(update={"epochs": 1, "batch_size": 4})
    recipe = REASONING.model_copy(update={"n_train": 16, "sft": once})
    kernel, positions = utils._ChunkedLogProbFunction, []

    def counted(hidden: torch.Tensor, *given: Any) -> Any:
        positions.append(len(hidden))
        return kernel.apply(hidden, *given)

    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", SimpleNamespace(apply=counted))
    learnt = sft.train(recipe, tmp_path / "learnt", Resources())
    assert sum(positions) == learnt["completion_tokens"]
    monkeypatch.setattr(loss, "of_learnt_tokens", nullcontext)
    whole = sft.train(recipe, tmp_path / "whole", Resources())
    assert sum(positions) > 2.5 * learnt["completion_tokens"]
    assert learnt["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_a_training_leaves_no_model_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, as_ever = [], backbones.load

    def load(*given: Any) -> Any:
        model = as_ever(*given)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(backbones, "load", load)
    sft._keep_libraries.cache_clear()  # as in a new process
    once = HYPERPARAMETERS.model_copy(update={"epochs": 1})
    sft.train(REASONING.model_copy(update={"n_train": 16, "sft": once}), tmp_path, Resources())
    gc.collect()
    assert [model() for model in loaded] == [None]


@pytest.mark.slow
def test_a_few_steps_reduce_the_loss(trained: Path) -> None:
    history = json.loads((trained / "log_history.json").read_text())
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
def test_only_weights_tokenizer_history_and_ids_remain_and_no_pickle(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "chat_template.jinja",
        "config.json",
        "examples.json",
        "generation_config.json",
        "log_history.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_weights_and_another_seed_gives_others(
    trained: Path, tmp_path: Path
) -> None:
    for name, recipe in (("again", REASONING), ("other", REASONING.model_copy(update={"seed": 1}))):
        (tmp_path / name).mkdir()
        sft.train(recipe, tmp_path / name, Resources())
    assert_same_weights(trained, tmp_path / "again")
    with pytest.raises(AssertionError, match="not close"):
        assert_same_weights(trained, tmp_path / "other", atol=1e-3)


@pytest.mark.slow
def test_accumulation_gives_the_weights_of_the_whole_batch(trained: Path, tmp_path: Path) -> None:
    sft.train(REASONING, tmp_path, Resources(train_batch_per_device=4))
    assert_same_weights(trained, tmp_path, atol=1e-4)


def whole_states(cache: Path) -> list[Path]:
    """What the trainer of an unfinished run writes last into each checkpoint."""
    states = cache.glob("checkpoint/*.partial/trainer/*/trainer_state.json")
    return [state for state in states if state.read_text().endswith("}\n")]


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_weights_of_one_that_was_not_killed(
    trained: Path, cache: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.json"
    job.write_text(Job(values=(REASONING,), resources=Resources()).model_dump_json())
    command = [sys.executable, "-m", "reasoning_guards.worker", str(job)]
    with (tmp_path / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        while child.poll() is None:
            if whole_states(cache):
                break
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert not list(cache.glob("checkpoint/*/manifest.json"))
    checkpoint = max(whole_states(cache), key=lambda state: state.stat().st_mtime).parent
    # What a kill in the midst of writing a checkpoint leaves behind.
    torn = checkpoint.with_name("checkpoint-19")
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"")
    # The history goes along with the checkpoint: this entry shows that training did not start anew.
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    assert 0 < state["global_step"] < 20
    state["log_history"].append({"step": state["global_step"], "killed": True})
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    folder = Path(json.loads(done.stdout)["made"])
    assert '"killed": true' in (folder / "log_history.json").read_text()
    assert not (folder / "trainer").exists()
    assert_same_weights(trained, folder)


@pytest.mark.slow
def test_weights_are_kept_after_the_epochs_asked_for_and_change_nothing_else(
    trained: Path, cache: Path
) -> None:
    keeping = REASONING.model_copy(update={"kept_epochs": (1, 4)})
    folder = artifacts.make(keeping, lambda made: sft.train(keeping, made, Resources()))
    assert_same_weights(trained, folder)
    assert sorted(path.name for path in folder.glob("epoch-*")) == ["epoch-1", "epoch-4"]
    early, late = (load_file(folder / f"epoch-{n}" / "model.safetensors") for n in (1, 4))
    last = load_file(folder / "model.safetensors")

    def far(weights: dict[str, Any]) -> float:
        return float(sum((weights[name] - last[name]).norm() for name in last))

    assert far(early) > 2 * far(late) > 0
    asked = Generation(
        guard=keeping,
        cell=Cell(dataset="synthetic/meadow", task="prompt"),
        limit=2,
        mode="reasoning",
        decoding=Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=8, max_length=512),
        engine="transformers",
        epoch=1,
    )
    builder = Builder()
    engine = builder._engine(asked, Resources())
    assert torch.equal(engine.model.state_dict()["model.norm.weight"], early["model.norm.weight"])
    whole = builder._engine(asked.model_copy(update={"epoch": None}), Resources())
    assert torch.equal(whole.model.state_dict()["model.norm.weight"], last["model.norm.weight"])


def test_an_epoch_that_is_not_kept_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="kept epochs lie between"):
        Recipe.model_validate(REASONING.model_dump() | {"kept_epochs": (5,)})
    kept = Recipe.model_validate(REASONING.model_dump() | {"kept_epochs": (2,)})
    assert "kept_epochs" not in REASONING.model_dump_json()
    assert artifacts.key(kept) != artifacts.key(REASONING)
