"""Direct preference optimisation (Rafailov et al. 2023) with TRL, on pairs of mined answers.

The paper names it as missing (§9). Of each difficult example an answer that is right is preferred
over one that is wrong; the guard wrote both, and was asked with the very ids that are learnt here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import backbones, mining
from reasoning_guards.prompts import plain_tokens
from reasoning_guards.recipes import Recipe
from reasoning_guards.refinements import Preference
from reasoning_guards.resources import Resources
from reasoning_guards.training import data, lora, sft, sharding


def train(
    recipe: Recipe,
    second: Preference,
    start: Path,
    rows: Sequence[mining.Row],
    folder: Path,
    resources: Resources,
) -> dict[str, Any]:
    """Train the guard to prefer its right answers; see `refine.train` for what is taken and left.

    `log_history.json` has, by step, rewards/margins and rewards/accuracies of the pairs, taken
    before the step that learns from them.

    Returns:
        Notes for the manifest: chosen (examples), pairs, steps, final loss.

    Raises:
        mining.NothingDifficultError: if no example is difficult, or none gives a pair.
        DevicesError: as `sft.train`.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, set_seed
    from trl import DPOConfig, DPOTrainer

    class OnTokens(sharding.Shared, DPOTrainer):  # type: ignore[misc]
        """TRL would read text, and put the tokenizer's own special tokens around it."""

        def _prepare_dataset(self, dataset: Any, *given: Any) -> Any:
            return dataset

    sft.require_devices(resources)
    tokenizer = AutoTokenizer.from_pretrained(start)
    names, learnt = pairs(recipe, second, rows, tokenizer)
    set_seed(recipe.seed)
    trainer = OnTokens(
        model=sft.load((str(start), None), second.sft),
        ref_model=_reference(recipe, second, start),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(learnt),
        args=DPOConfig(**settings(recipe, second, resources, folder / "trainer")),
        peft_config=lora.config(second.sft),
    )
    result = sft.run(trainer, (str(start), None), folder)
    return {
        "chosen": len(names),
        "pairs": len(learnt),
        "steps": result.global_step,
        "loss": result.training_loss,
    }


def settings(
    recipe: Recipe, second: Preference, resources: Resources, state: Path
) -> dict[str, Any]:
    """The arguments of TRL's `DPOConfig`."""
    return {
        **sft.arguments(second.sft, recipe.seed, resources, state),
        "beta": second.beta,
        "loss_type": [second.loss],
        "max_length": None,  # pairs fit: the guard wrote them within its own limit
    }


def pairs(
    recipe: Recipe, second: Preference, rows: Sequence[mining.Row], tokenizer: Any
) -> tuple[list[str], list[dict[str, list[int]]]]:
    """The chosen examples, and pairs of their answers as token ids: prompt, chosen, rejected.

    An answer ends in the end token if it ended itself.

    Raises:
        mining.NothingDifficultError: if no example is difficult, or none gives a pair.
    """
    prompts = data.mined_prompts(recipe, second.mined, tokenizer)
    names = mining.chosen(mining.counts(rows), second, list(prompts), recipe.seed)
    found = mining.pairs(rows, names, second.pairs_per_example, recipe.seed)

    def ids(row: mining.Row) -> list[int]:
        written = plain_tokens(tokenizer, row["text"])
        return [*written, tokenizer.eos_token_id] if row["finish"] == "stop" else written

    return names, [
        {
            "prompt_ids": prompts[right["example"]],
            "chosen_ids": ids(right),
            "rejected_ids": ids(wrong),
        }
        for right, wrong in found
    ]


def _reference(recipe: Recipe, second: Preference, start: Path) -> Any:
    """The model that the guard is held to; None stands for the guard without its adapters."""
    if second.reference == "backbone":
        source = backbones.source(recipe.backbone)
    elif second.sft.lora_rank is None:
        # Without one, TRL would load what the model's configuration names, whatever that is.
        source = str(start), None
    else:
        return None
    return backbones.load(*source, second.sft.precision)
