"""Low-rank adapters (Hu et al. 2022) in place of full fine-tuning, and their way into the weights.

The settings are those of TRL's guide "LoRA Without Regret", after Schulman et al. (2025): adapters
on every linear layer but the head, alpha 32, no dropout, and a learning rate about ten times that
of full fine-tuning, which does not depend on the rank.
"""

from pathlib import Path
from typing import Any

from reasoning_guards import backbones
from reasoning_guards.values import SFT

ALPHA = 32


def config(sft: SFT) -> Any:
    """What TRL's trainers take as `peft_config`: None for full fine-tuning."""
    if sft.lora_rank is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=sft.lora_rank,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def merge(adapters: Path, source: tuple[str, str | None], folder: Path) -> None:
    """Write the weights with the adapters in them, as the hub has checkpoints.

    In float32, whatever they were trained beside: in bfloat16 most of what adapters add would be
    rounded away.

    Args:
        adapters: folder with the trained adapters.
        source: folder or hub id of the weights that they belong to, and the revision.
        folder: where the result goes.
    """
    from peft import PeftModel

    model = backbones.load(*source, "float32")
    PeftModel.from_pretrained(model, adapters).merge_and_unload().save_pretrained(folder)
