"""Guards that go on from trained ones: their trainers learn what they are to, and nothing else."""

import json
import math
import multiprocessing
import os
import random
import signal
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoTokenizer

from reasoning_guards import generation, mining
from reasoning_guards.engines.transformers import TransformersEngine
from reasoning_guards.generation import ROWS, read_rows
from reasoning_guards.recipes import SFT, Backbone, Decoding, Mining, Recipe, TraceSpec
from reasoning_guards.refinements import (
    Continual,
    GroupRelative,
    Mined,
    Preference,
    Refinement,
    Reward,
)
from reasoning_guards.resources import Resources
from reasoning_guards.training import data, dpo, grpo, refine, rewards, sft

pytestmark = pytest.mark.slow
SPAWN = multiprocessing.get_context("spawn")
SETTINGS = SFT(
    epochs=4,
    learning_rate=8e-3,
    batch_size=16,
    warmup_ratio=0.1,
    weight_decay=0.01,
    max_length=256,
    precision="float32",
)
START = Recipe(
    backbone=Backbone(name="synthetic/llama-64-0", template="compact"),
    train_set="synthetic/meadow",
    n_train=256,
    traces=TraceSpec(teacher="rule", sentences=1),
    sft=SETTINGS,
)
MINED = Mined(
    examples=64,
    decoding=Decoding(
        temperature=1, top_p=1, generations=4, max_new_tokens=60, max_length=256
    ),
    engine="transformers",
)  # fmt: skip
AGAIN = Continual(
    mined=MINED, least=1, most=3, copies=2, sft=SETTINGS.model_copy(update={"epochs": 1})
)


class Started(NamedTuple):
    """A guard that has learnt a little, and its answers to some of its training examples."""

    folder: Path
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Started:
    folder = tmp_path_factory.mktemp("start")
    answers = tmp_path_factory.mktemp("answers")
    sft.train(START, folder, Resources())
    engine = TransformersEngine(str(folder), None, Resources(), "float32")
    generation.generate(Mining(guard=START, mined=MINED), engine, answers)
    return Started(folder, read_rows(answers / ROWS))


def refined(refinement: Refinement) -> Recipe:
    return START.model_copy(update={"refinement": refinement})


def train(refinement: Refinement, started: Started, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return refine.train(refined(refinement), started.folder, started.rows, folder, Resources())


def test_a_guard_is_mined_on_the_head_of_its_own_subset_with_both_labels(started: Started) -> None:
    examples = {example.id: example for example in data.subset(START)[:64]}
    assert {row["example"] for row in started.rows} == set(examples)
    assert len(started.rows) == 4 * 64
    for row in started.rows:
        example = examples[row["example"]]
        assert row["prompt_harmful"] == example.prompt_harmful
        assert row["response_harmful"] == example.response_harmful
    assert len(set(mining.counts(started.rows).values())) >= 4, "too alike to tell anything"


def test_the_second_round_adds_the_difficult_and_its_control_as_many_others(
    started: Started, tmp_path: Path
) -> None:
    notes = train(AGAIN, started, tmp_path / "difficult")
    control = train(
        AGAIN.model_copy(update={"chosen": "random"}), started, tmp_path / "random"
    )  # fmt: skip
    right = mining.counts(started.rows)
    assert notes["chosen"] == sum(1 <= count <= 3 for count in right.values()) > 0
    assert notes["sequences"] == 256 + 2 * notes["chosen"]
    assert {name: control[name] for name in ("chosen", "sequences", "steps")} == {
        name: notes[name] for name in ("chosen", "sequences", "steps")
    }
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("difficult", "random")]
    assert any((weights[0][name] != weights[1][name]).any() for name in weights[0])
    for folder in tmp_path.iterdir():
        assert not {path.suffix for path in folder.rglob("*")} & {".bin", ".pt", ".pth", ".pkl"}


def test_the_second_round_goes_on_from_the_trained_weights(
    started: Started, tmp_path: Path
) -> None:
    still = AGAIN.sft.model_copy(update={"learning_rate": 1e-9})
    train(AGAIN.model_copy(update={"sft": still}), started, tmp_path)
    before, after = (
        load_file(folder / "model.safetensors") for folder in (started.folder, tmp_path)
    )
    for name, weights in before.items():
        assert (weights - after[name]).abs().max() < 1e-4, name
    first, last = (
        json.loads((folder / "log_history.json").read_text())
        for folder in (started.folder, tmp_path)
    )
    assert last[0]["loss"] < 0.5 * first[0]["loss"]


PREFER = Preference(
    mined=MINED, least=1, most=3, beta=0.1, pairs_per_example=4,
    sft=SETTINGS.model_copy(
        update={"epochs": 1, "learning_rate": 5e-4, "batch_size": 4, "warmup_ratio": 0.0}
    ),
)  # fmt: skip


def logged(folder: Path, metric: str) -> list[float]:
    history = json.loads((folder / "log_history.json").read_text())
    return [row[metric] for row in history if metric in row]


def test_pairs_are_right_over_wrong_answers_to_what_the_guard_was_asked(started: Started) -> None:
    tokenizer = AutoTokenizer.from_pretrained(started.folder)
    names, pairs = dpo.pairs(refined(PREFER), PREFER, started.rows, tokenizer)
    asked = {
        request.id: request.prompt
        for request, _, _ in generation.requests(Mining(guard=START, mined=MINED), tokenizer)
    }
    texts = {
        (tuple(asked[row["example"]]), row["text"]): mining.is_right(row) for row in started.rows
    }
    assert len(pairs) > len(names) > 0
    for pair in pairs:
        prompt = tuple(pair["prompt_ids"])
        for ids, right in ((pair["chosen_ids"], True), (pair["rejected_ids"], False)):
            ended = ids[-1] == tokenizer.eos_token_id
            text = tokenizer.decode(ids[:-1] if ended else ids)
            assert texts[prompt, text] is right
            assert ended or not right


@pytest.mark.parametrize("scrambled", [False, True], ids=["as mined", "scrambled"])
def test_preference_optimisation_raises_the_margin_unless_preferences_are_scrambled(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scrambled: bool
) -> None:
    if scrambled:
        as_mined = mining.pairs

        def by_coin(*given: Any) -> list[tuple[Any, Any]]:
            coin = random.Random(0)
            return [pair[:: coin.choice((1, -1))] for pair in as_mined(*given)]

        monkeypatch.setattr(mining, "pairs", by_coin)
    train(PREFER, started, tmp_path)
    margins = logged(tmp_path, "rewards/margins")
    assert margins[0] == pytest.approx(0, abs=1e-4), "the reference is the guard itself at first"
    late = margins[len(margins) // 2 :]
    error = statistics.stdev(late) / len(late) ** 0.5
    learnt = statistics.mean(late) > 3 * error
    assert learnt is not scrambled


@pytest.mark.parametrize("reference", ["start", "backbone"])
def test_the_reference_is_the_one_that_is_named(
    started: Started, tmp_path: Path, reference: Any
) -> None:
    tiny = PREFER.sft.model_copy(update={"learning_rate": 1e-9})
    train(PREFER.model_copy(update={"reference": reference, "sft": tiny}), started, tmp_path)
    margins = logged(tmp_path, "rewards/margins")
    still = max(map(abs, margins)) < 1e-3
    assert still is (reference == "start")


HOT = 1.5  # so that there is much to be learnt: answers often lose their form
OPTIMISE = GroupRelative(
    mined=MINED, least=1, most=3, group=4, temperature=HOT, beta=0.02, engine="transformers",
    reward=Reward(
        prompt=1, response=1, false_positive=1, false_negative=1, form=0.2, length=0
    ),
    sft=SETTINGS.model_copy(
        update={"epochs": 6, "learning_rate": 6e-4, "weight_decay": 0.0}
    ),
)  # fmt: skip


def earnings(folder: Path, into: Path) -> list[list[float]]:
    """What a guard's answers earn, example by example: several that it was not mined by."""
    fresh = {"seed": 1, "temperature": HOT, "generations": 48}
    decoding = MINED.decoding.model_copy(update=fresh)
    asked = Mining(guard=START, mined=MINED.model_copy(update={"decoding": decoding}))
    into.mkdir()
    generation.generate(asked, TransformersEngine(str(folder), None, Resources(), "float32"), into)
    earned: dict[str, list[float]] = {}
    for row in read_rows(into / ROWS):
        rollout = rewards.Rollout(row["text"], 0, rewards.given(row), reasons=True)
        earned.setdefault(row["example"], []).append(rewards.total(rollout, OPTIMISE.reward))
    return [earned[example.id] for example in data.subset(START)[:64]]


@pytest.fixture(scope="module")
def before(started: Started, tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    return earnings(started.folder, tmp_path_factory.mktemp("before") / "answers")


@pytest.mark.learning
@pytest.mark.parametrize("scrambled", [False, True], ids=["as earned", "scrambled"])
def test_grpo_raises_the_mean_reward_beyond_noise_unless_rewards_are_scrambled(
    started: Started, before: list[list[float]], tmp_path: Path, scrambled: bool
) -> None:
    seen: list[float] = []
    as_earned, coin = rewards.total, random.Random(0)

    def of_any(*given: Any) -> float:
        seen.append(as_earned(*given))
        return coin.choice(seen)

    with pytest.MonkeyPatch.context() as patch:
        if scrambled:
            patch.setattr(rewards, "total", of_any)
        notes = train(OPTIMISE, started, tmp_path / "trained")
    assert 48 <= notes["steps"] <= 96
    after = earnings(tmp_path / "trained", tmp_path / "after")
    gain = statistics.mean(map(statistics.mean, after)) - statistics.mean(
        map(statistics.mean, before)
    )
    # Of the answers alone: the examples are the same.
    noise = sum(statistics.variance(one) / len(one) for one in [*before, *after]) ** 0.5 / 64
    assert (gain > 3 * noise) is not scrambled, (gain, noise)
    if scrambled:
        return
    divergence = logged(tmp_path / "trained", "kl")
    assert divergence[0] == pytest.approx(0, abs=1e-4), "its reference is the guard itself"
    assert statistics.mean(divergence[-10:]) > 1e-3
    times = notes["steps"] // math.ceil(notes["steps"] / 50)  # once in two hundredths of all steps
    for metric in ("reward", "entropy", "completions/mean_length", "in_form"):
        assert len(logged(tmp_path / "trained", metric)) == times, metric
    assert logged(tmp_path / "trained", "recall")  # of the steps that drew something harmful


SHORT = OPTIMISE.model_copy(update={"sft": OPTIMISE.sft.model_copy(update={"epochs": 2})})


def _killed_at(step: int, *training: Any) -> None:
    """Train in a process that is killed as by `kill -9` when it is to take this step."""
    original, left = transformers.Trainer.training_step, step

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*given, **named)

    transformers.Trainer.training_step = counted
    train(*training)


@pytest.mark.parametrize("refinement", [PREFER, SHORT], ids=["DPO", "GRPO"])
def test_a_refinement_that_was_killed_goes_on_to_the_weights_of_one_that_was_not(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refinement: Refinement
) -> None:
    whole = train(refinement, started, tmp_path / "whole")
    at = whole["steps"] * 3 // 4  # in the second pass over the examples
    process = SPAWN.Process(target=_killed_at, args=(at, refinement, started, tmp_path / "cut"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    step, taken = transformers.Trainer.training_step, 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal taken
        taken += 1
        return step(*given, **named)

    monkeypatch.setattr(transformers.Trainer, "training_step", counted)
    notes = train(refinement, started, tmp_path / "cut")
    assert notes["steps"] == whole["steps"]
    assert taken < whole["steps"] // 2, "it began anew"
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    for name, there in weights[0].items():
        torch.testing.assert_close(weights[1][name], there, rtol=0, atol=1e-5)
    histories = [logged(tmp_path / name, "loss") for name in ("whole", "cut")]
    assert histories[1] == pytest.approx(histories[0], abs=1e-4)


def test_grpo_wants_as_many_difficult_examples_as_a_batch_takes_and_a_gpu_for_vllm(
    started: Started, tmp_path: Path
) -> None:
    vast = OPTIMISE.sft.model_copy(update={"batch_size": 4 * 65, "epochs": 1})
    with pytest.raises(grpo.TooFewDifficultError, match="takes 65: mine more"):
        train(OPTIMISE.model_copy(update={"sft": vast}), started, tmp_path)
    with pytest.raises(grpo.NoGPUForRolloutsError, match="-p grpo_engine transformers"):
        train(OPTIMISE.model_copy(update={"engine": "vllm"}), started, tmp_path)
