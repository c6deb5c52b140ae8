"""Supervised fine-tuning with TRL: load, trainer, train, save."""

import gc
import hashlib
import json
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reasoning_guards import backbones, chat, datasets
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import SFT, Recipe
from reasoning_guards.resources import Resources
from reasoning_guards.training import lora, loss, sharding
from reasoning_guards.training.data import Lesson, tokenise

CHECKPOINT_SHARE = 0.2  # of all steps between two checkpoints that a killed run can go on from


class DevicesError(UserError):
    """A training sees other devices than it is to take."""


def train(recipe: Recipe, folder: Path, resources: Resources) -> dict[str, Any]:
    """Fine-tune the recipe's backbone and leave a hub-format checkpoint in the folder.

    A folder that holds a killed run's trainer state is gone on from, with the same result as a run
    that was never killed. The folder ends up with the weights, the tokenizer,
    `log_history.json` (loss and learning rate by step) and `examples.json` (ids of the examples
    that were drawn, in order, and of those among them that have no trace).

    Returns:
        Notes for the manifest: sequences, tokens, shortened sequences, examples drawn and the
        SHA-256 of their ids, one a line; examples left out for want of a refusal label, of which
        commit a hub set was, steps, final loss.

    Raises:
        DevicesError: as `require_devices`.
    """
    require_devices(resources)  # before a backbone is looked for, which may be large
    return fit(recipe, backbones.source(recipe.backbone), folder, resources)


def fit(
    recipe: Recipe,
    source: tuple[str, str | None],
    folder: Path,
    resources: Resources,
    again: Sequence[Lesson] = (),
) -> dict[str, Any]:
    """`train` from other weights than the backbone's, or with lessons beside the recipe's own.

    Args:
        recipe, folder, resources: as `train` has them.
        source: folder or hub id of the weights and the tokenizer, and the revision.
        again: lessons learnt beside the recipe's.
    """
    from datasets import Dataset
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    class EachOnce(sharding.Shared, SFTTrainer):  # type: ignore[misc]
        """Learns from each sequence once an epoch, on however many devices.

        So that all have equal work, the last batch of an epoch is filled up with sequences that it
        began with. These carry no loss here.
        """

        def get_batch_samples(self, batches: Any, *given: Any) -> Any:
            return super().get_batch_samples(map(self._without_repeats, batches), *given)

        def _without_repeats(self, batch: Any) -> Any:
            size = self.args.per_device_train_batch_size
            left = len(self.train_dataset) % (size * self.args.world_size)
            if left and self.accelerator.gradient_state.end_of_dataloader:
                batch["labels"][max(0, left - size * self.args.process_index) :] = -100
            return batch

    require_devices(resources)
    tokenizer = backbones.tokenizer(*source)
    set_seed(recipe.seed)
    # First: this joins the processes of a training, which may then load a part of the model each.
    args = SFTConfig(**settings(recipe, resources, folder / "trainer"))
    model = load(source, recipe.sft)
    chat.prepare(tokenizer, model)
    data = tokenise(recipe, tokenizer, again)
    trainer = EachOnce(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_dict(
            {"input_ids": data.input_ids, "completion_mask": data.completion_mask}
        ),
        args=args,
        peft_config=lora.config(recipe.sft),
    )
    trainer.add_callback(_keeper(recipe.kept_epochs, trainer, source, folder))
    result = run(trainer, source, folder)
    if trainer.is_world_process_zero():
        (folder / "examples.json").write_text(
            json.dumps({"drawn": data.drawn, "without_trace": data.untraced})
        )
    return {
        "sequences": len(data.input_ids),
        "tokens": sum(map(len, data.input_ids)),
        "completion_tokens": sum(map(sum, data.completion_mask)),
        "shortened": data.shortened,
        "examples": len(data.drawn),
        "examples_sha256": hashlib.sha256("\n".join(data.drawn).encode()).hexdigest(),
        "dataset_commit": datasets.commit(recipe.train_set, recipe.train_revision),
        **(
            {"mix_commit": datasets.commit(recipe.mix.dataset, recipe.mix.revision)}
            if recipe.mix
            else {}
        ),
        "without_refusal_label": data.unlabelled,
        "steps": result.global_step,
        "loss": result.training_loss,
    }


def require_devices(resources: Resources) -> None:
    """Raise DevicesError on "cuda", unless as many GPUs are to be seen as a training is to take.

    The trainer takes all it sees, each with a batch of its own; and without any, the CPU.
    """
    import torch

    wanted = resources.gpus_per_training
    if resources.device == "cuda" and (seen := torch.cuda.device_count()) != wanted:
        raise DevicesError(
            f"A training takes exactly {wanted} GPU{'s' * (wanted > 1)}, and {seen} are to be "
            f"seen: set CUDA_VISIBLE_DEVICES to {wanted} of them or change gpus_per_training, or "
            "use -p device cpu."
        )


def load(source: tuple[str, str | None], sft: SFT) -> Any:
    """The model to train: in float32, since a step at a rate near 1e-6 would be lost in bfloat16.

    Beside adapters, which are in float32 in any case, the weights stay as they are, and may as well
    be in the precision that they are computed with.
    """
    _keep_libraries()
    return backbones.load(*source, "float32" if sft.lora_rank is None else sft.precision)


def run(trainer: Any, source: tuple[str, str | None], folder: Path) -> Any:
    """Train to the end, from the last whole checkpoint if there is one; what the trainer returns.

    The folder is left with weights, tokenizer and `log_history.json`, and without the trainer's
    state, which holds pickles.
    """
    state = Path(trainer.args.output_dir)
    with loss.of_learnt_tokens():
        result = trainer.train(resume_from_checkpoint=_last_whole_checkpoint(state))
    _save(trainer, source, folder)
    if trainer.is_world_process_zero():
        (folder / "log_history.json").write_text(json.dumps(trainer.state.log_history))
        shutil.rmtree(state)
    return result


@cache
def _keep_libraries() -> None:
    """Spare all that is imported by now from the collections of garbage that trainers ask for.

    Going through it takes a third of a second, and a process of the embedded world trains dozens.
    Before any model is loaded: what is there now is never given back.
    """
    gc.collect()
    gc.freeze()


def _save(trainer: Any, source: tuple[str, str | None], folder: Path) -> None:
    """Write weights and tokenizer as the hub has them; adapters are merged into the source's."""
    from peft import PeftModel

    adapted = isinstance(trainer.model, PeftModel)
    written = Path(trainer.args.output_dir) / "adapters" if adapted else folder
    with sharding.whole_weights(trainer):
        trainer.save_model(str(written))  # by all processes, since each may have a part; one writes
    if not trainer.is_world_process_zero():
        return
    if adapted:
        with sharding.loading_whole(trainer):
            lora.merge(written, source, folder)
        trainer.model.generation_config.save_pretrained(folder)  # with the ends that were learnt
        trainer.processing_class.save_pretrained(folder)
    (written / "training_args.bin").unlink()  # a pickle; the recipe says it all


def epoch_folder(checkpoint: Path, epoch: int) -> Path:
    """Where a checkpoint keeps the weights that it had after an epoch."""
    return checkpoint / f"epoch-{epoch}"


def _keeper(
    epochs: tuple[int, ...], trainer: Any, source: tuple[str, str | None], folder: Path
) -> Any:
    """A trainer's callback that keeps the weights after these epochs."""
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):  # type: ignore[misc]
        def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if (epoch := round(state.epoch)) in epochs:
                _save(trainer, source, epoch_folder(folder, epoch))

    return Keeper()


def _last_whole_checkpoint(state: Path) -> str | None:
    """The newest checkpoint that was written to its end: the trainer writes its own state last."""
    ends = filter(_is_json, state.glob("checkpoint-*/trainer_state.json"))
    whole = {int(end.parent.name.rpartition("-")[2]): str(end.parent) for end in ends}
    return whole[max(whole)] if whole else None


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    return True


def settings(recipe: Recipe, resources: Resources, state: Path) -> dict[str, Any]:
    """The arguments of TRL's `SFTConfig`."""
    appended = recipe.mix is not None and recipe.mix.order == "appended"
    return {
        **arguments(recipe.sft, recipe.seed, resources, state),
        "max_length": None,  # sequences already fit; cutting here would lose the verdict
        "train_sampling_strategy": "sequential" if appended else "random",
        "packing": False,  # one sequence per row
        "completion_only_loss": True,
    }


def arguments(sft: SFT, seed: int, resources: Resources, state: Path) -> dict[str, Any]:
    """The arguments that all of TRL's trainers share; what the paper leaves unsaid is ours.

    Said (§4.2, Appendix B): batch size, learning rate, cosine schedule, epochs. Ours: precision,
    warm-up, weight decay, gradient clipping at 1.
    """
    devices = resources.gpus_per_training
    per_device = min(resources.train_batch_per_device, sft.batch_size // devices)
    return {
        "output_dir": str(state),
        "num_train_epochs": sft.epochs,
        "learning_rate": sft.learning_rate,
        "per_device_train_batch_size": per_device,
        "gradient_accumulation_steps": sft.batch_size // (per_device * devices),
        # Else each device would keep the gradients of all weights until a step's last sequences,
        # and add them up in the precision of computing.
        "accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": devices > 1}},
        "lr_scheduler_type": "cosine",
        "warmup_steps": sft.warmup_ratio,  # a float below 1 is a share of all steps
        "weight_decay": sft.weight_decay,
        "max_grad_norm": 1.0,
        "bf16": sft.precision == "bfloat16",
        "use_cpu": resources.device == "cpu",
        "gradient_checkpointing": resources.gradient_checkpointing,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": CHECKPOINT_SHARE,
        "save_total_limit": 1,
        "logging_steps": 0.02,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": resources.device == "cuda",
    }
