"""What several devices share of a training, and in what precision they add it up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Shared:
    """For TRL's trainers: what devices that share a training add up and leave is in float32.

    In the precision of computing, as accelerate has it, bfloat16 would round each sum of gradients
    and the log probabilities that the loss is made of; and ZeRO 3 would save rounded weights.
    """

    def create_accelerator_and_postprocess(self) -> None:
        """As the trainer's own, before any model is shared out."""
        super().create_accelerator_and_postprocess()  # type: ignore[misc]
        plugin = _fsdp(self)
        if plugin and plugin.mixed_precision_policy:
            import torch
            from torch.distributed.fsdp import MixedPrecisionPolicy

            plugin.mixed_precision_policy = MixedPrecisionPolicy(
                param_dtype=plugin.mixed_precision_policy.param_dtype, reduce_dtype=torch.float32
            )

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As the trainer's own, but for what ZeRO 3 has trained."""
        from transformers.integrations import is_deepspeed_zero3_enabled

        if not is_deepspeed_zero3_enabled():
            super().save_model(output_dir, _internal_call)  # type: ignore[misc]
            return
        from deepspeed.utils import safe_get_full_fp32_param

        trainer: Any = self
        writes, learnt = trainer.args.should_save, {}
        for name, weights in trainer.model.named_parameters():
            if weights.requires_grad:
                whole = safe_get_full_fp32_param(weights)  # by all processes, for each has a part
                if writes:
                    learnt[name] = whole.cpu()
        if writes:
            trainer._save(output_dir, state_dict=learnt)


@contextmanager
def whole_weights(trainer: Any) -> Iterator[None]:
    """Within it a trainer saves all weights in one file, and not a part from each process."""
    plugin = _fsdp(trainer)
    if not plugin:
        yield
        return
    in_parts = plugin.state_dict_type
    plugin.set_state_dict_type("FULL_STATE_DICT")
    yield
    plugin.set_state_dict_type(in_parts)


@contextmanager
def loading_whole(trainer: Any) -> Iterator[None]:
    """Within it a process loads a model for itself.

    In a training by ZeRO 3 every model that is loaded is shared out, and one process alone would
    wait for the others for ever.
    """
    from transformers.integrations import set_hf_deepspeed_config, unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
    yield
    if trainer.is_deepspeed_enabled:
        set_hf_deepspeed_config(trainer.accelerator.state.deepspeed_plugin.hf_ds_config)


def _fsdp(trainer: Any) -> Any:
    return trainer.accelerator.state.fsdp_plugin if trainer.is_fsdp_enabled else None
