"""Group-relative policy optimisation (GRPO, Shao et al. 2024) with TRL and a verifiable reward.

Of the paper's Appendix F: several answers to each difficult example are drawn from the guard as it
is, and those that earn more than the others of their group become more probable. What the appendix
leaves unsaid is TRL's default: advantages in units of the group's standard deviation, the loss
averaged over tokens, one step for each batch of answers.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import mining
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Recipe
from reasoning_guards.refinements import GroupRelative
from reasoning_guards.resources import ROLLOUT_SHARE, Resources
from reasoning_guards.training import data, lora, rewards, sft, sharding


class TooFewDifficultError(UserError):
    """The difficult examples do not fill a batch."""


class NoGPUForRolloutsError(UserError):
    """Answers are to be written by vLLM within the training, which needs a GPU."""


def train(
    recipe: Recipe,
    second: GroupRelative,
    start: Path,
    rows: Sequence[mining.Row],
    folder: Path,
    resources: Resources,
) -> dict[str, Any]:
    """Train the guard on what its own answers earn; see `refine.train` for what is taken and left.

    `log_history.json` has, by step, reward, kl (if it is held to its start), entropy,
    completions/mean_length, and what `rewards.watched` gives of the answers drawn at that step.

    Returns:
        Notes for the manifest: chosen (examples), answers, steps, final loss.

    Raises:
        mining.NothingDifficultError: if no example is difficult.
        TooFewDifficultError: if fewer are than a batch takes.
        NoGPUForRolloutsError: for vLLM on a CPU.
        DevicesError: as `sft.train`.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, set_seed
    from trl import GRPOConfig, GRPOTrainer

    if second.engine == "vllm" and resources.device == "cpu":
        raise NoGPUForRolloutsError(
            "GRPO's answers are to be written by vLLM, which TRL runs on GPUs alone: use "
            "-p grpo_engine transformers, or -p device cuda."
        )
    sft.require_devices(resources)
    tokenizer = AutoTokenizer.from_pretrained(start)
    prompts = data.mined_prompts(recipe, second.mined, tokenizer)
    names = mining.chosen(mining.counts(rows), second, list(prompts), recipe.seed)
    order = _order(names, second.sft.epochs, recipe.seed)
    if len(order) < (needed := second.sft.batch_size // second.group):
        raise TooFewDifficultError(
            f"{len(names)} examples are difficult, and a batch of GRPO takes {needed}: mine more, "
            "set grpo_batch_size to fewer answers, or raise epochs_grpo."
        )

    class OnTokens(sharding.Shared, GRPOTrainer):  # type: ignore[misc]
        """TRL would read text, and put the tokenizer's own special tokens around it."""

        def _tokenize_prompts(
            self, names: list[str]
        ) -> tuple[list[list[int]], None, dict[Any, Any]]:
            return [prompts[name] for name in names], None, {}

    set_seed(recipe.seed)
    trainer = OnTokens(
        # The reference is loaded from where this says that it is from.
        model=sft.load((str(start), None), second.sft),
        processing_class=tokenizer,
        reward_funcs=_judge(recipe, second, rows),
        # A prompt is named by its example, so that its ids and labels are found.
        train_dataset=Dataset.from_dict({"prompt": order}),
        args=GRPOConfig(**settings(recipe, second, resources, folder / "trainer")),
        peft_config=lora.config(second.sft),
    )
    result = sft.run(trainer, (str(start), None), folder)
    return {
        "chosen": len(names),
        "answers": result.global_step * second.sft.batch_size,
        "steps": result.global_step,
        "loss": result.training_loss,
    }


def settings(
    recipe: Recipe, second: GroupRelative, resources: Resources, state: Path
) -> dict[str, Any]:
    """The arguments of TRL's `GRPOConfig`."""
    decoding = second.mined.decoding
    return {
        **sft.arguments(second.sft, recipe.seed, resources, state),
        "num_train_epochs": 1,  # they are in the order
        "shuffle_dataset": False,
        "num_generations": second.group,
        "max_completion_length": decoding.max_new_tokens,
        "temperature": second.temperature,
        "beta": second.beta,
        "use_vllm": second.engine == "vllm",
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": ROLLOUT_SHARE,
        "vllm_enable_sleep_mode": True,  # its memory is the optimiser's while that steps
        "vllm_max_model_length": decoding.max_length,
    }


def _order(names: Sequence[str], epochs: int, seed: int) -> list[str]:
    """The examples of all epochs, in each of them in a random order; a rest makes no batch.

    TRL's own sampler begins with the first epoch's order again when a killed training goes on.
    """
    rng = random.Random(f"grpo/{seed}")
    return [name for _ in range(epochs) for name in rng.sample(names, len(names))]


def _judge(recipe: Recipe, second: GroupRelative, rows: Sequence[mining.Row]) -> Any:
    """The reward as TRL calls it, with answers of several examples at once."""
    labels = {row["example"]: rewards.given(row) for row in rows}
    longest = second.mined.decoding.max_new_tokens

    def reward(
        prompts: list[str],
        completions: list[str],
        completion_ids: list[list[int]],
        log_metric: Any,
        **_: Any,
    ) -> list[float]:
        rollouts = [
            rewards.Rollout(text, len(ids) / longest, labels[name], recipe.traces is not None)
            for name, text, ids in zip(prompts, completions, completion_ids, strict=True)
        ]
        for name, share in rewards.watched(rollouts).items():
            log_metric(name, share)
        return [rewards.total(rollout, second.reward) for rollout in rollouts]

    return reward
