"""Low-rank adapters: what is trained, and that what is left is a checkpoint like any other."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from test_training import REASONING, assert_same_weights, weights

from reasoning_guards import artifacts, backbones
from reasoning_guards.engines.transformers import TransformersEngine
from reasoning_guards.recipes import Recipe
from reasoning_guards.resources import Resources
from reasoning_guards.training import sft

RANK = 4
ADAPTED = REASONING.model_copy(
    update={
        "sft": REASONING.sft.model_copy(
            update={"lora_rank": RANK, "learning_rate": 1e-2, "precision": "bfloat16"}
        )
    }
)


def losses(folder: Path) -> list[float]:
    history = json.loads((folder / "log_history.json").read_text())
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    sft.train(ADAPTED.model_copy(update={"kept_epochs": (1,)}), folder, Resources())
    return folder


def test_a_rank_is_part_of_the_key_and_full_fine_tuning_has_the_key_it_always_had() -> None:
    assert "lora_rank" not in REASONING.model_dump_json()
    assert '"lora_rank":4' in ADAPTED.model_dump_json()
    full = ADAPTED.sft.model_copy(update={"lora_rank": None})
    assert artifacts.key(ADAPTED) != artifacts.key(ADAPTED.model_copy(update={"sft": full}))


@pytest.mark.slow
def test_adapters_learn(adapted: Path) -> None:
    assert losses(adapted)[-1] < 0.5 * losses(adapted)[0]


@pytest.mark.slow
def test_every_layer_but_the_head_changes_by_the_rank_and_nothing_else_does(adapted: Path) -> None:
    before = load_file(Path(backbones.source(ADAPTED.backbone)[0]) / "model.safetensors")
    after = weights(adapted)
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.endswith("_proj.weight")}
    for name in changed:
        assert after[name].dtype == torch.float32
        # Not rounded to the precision that was computed with, or nearly all ranks would be there.
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-4) == RANK


@pytest.mark.slow
def test_the_folder_is_as_full_fine_tuning_leaves_it_and_an_engine_reads_it(adapted: Path) -> None:
    left = {path.name for path in adapted.iterdir()}
    assert left == {
        "chat_template.jinja", "config.json", "epoch-1", "examples.json", "generation_config.json",
        "log_history.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    early = {path.name for path in (adapted / "epoch-1").iterdir()}
    assert early == left - {"epoch-1", "examples.json", "log_history.json"}
    with pytest.raises(AssertionError, match="not close"):
        assert_same_weights(adapted / "epoch-1", adapted, atol=1e-3)
    engine = TransformersEngine(str(adapted), None, Resources(), "float32")
    assert torch.equal(
        engine.model.state_dict()["model.norm.weight"], weights(adapted)["model.norm.weight"]
    )


@pytest.mark.slow
def test_an_ended_training_of_adapters_goes_on_to_the_same_weights(
    adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    whole = trl.SFTTrainer.training_step
    done: list[int] = []

    def ends_in_the_midst(trainer: Any, *given: Any) -> Any:
        done.append(trainer.state.global_step)
        if len(done) == 11:
            raise KeyboardInterrupt
        return whole(trainer, *given)

    monkeypatch.setattr(trl.SFTTrainer, "training_step", ends_in_the_midst)
    with pytest.raises(KeyboardInterrupt):
        sft.train(ADAPTED, tmp_path, Resources())
    sft.train(ADAPTED, tmp_path, Resources())
    assert done[11] == 8, "gone on from the second of five checkpoints"
    assert_same_weights(adapted, tmp_path)


def test_only_weights_that_are_not_trained_are_loaded_in_the_precision_of_computing() -> None:
    source = backbones.source(REASONING.backbone)
    computed = REASONING.sft.model_copy(update={"precision": "bfloat16"})
    assert sft.load(source, computed).dtype == torch.float32
    assert sft.load(source, ADAPTED.sft).dtype == torch.bfloat16


@pytest.mark.slow
@pytest.mark.parametrize("kept_in", ["float32", "bfloat16"])
def test_small_steps_reach_nearly_all_weights_which_they_would_not_in_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_in: str
) -> None:
    import transformers

    small = {"learning_rate": 1e-6, "precision": "bfloat16", "epochs": 1}
    recipe: Recipe = REASONING.model_copy(
        update={"sft": REASONING.sft.model_copy(update=small)}
    )  # fmt: skip
    if kept_in == "bfloat16":
        load = transformers.AutoModelForCausalLM.from_pretrained

        def rounded(*given: Any, **settings: Any) -> Any:
            return load(*given, **settings | {"dtype": torch.bfloat16})

        monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", rounded)
    sft.train(recipe, tmp_path, Resources())
    before = load_file(Path(backbones.source(recipe.backbone)[0]) / "model.safetensors")
    after = weights(tmp_path)
    moved = sum(int((after[name] != before[name].to(after[name].dtype)).sum()) for name in before)
    share = moved / sum(weight.numel() for weight in before.values())
    assert share > 0.9 if kept_in == "float32" else share < 0.1
