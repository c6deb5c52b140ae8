"""Which positions TRL computes a loss at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def of_learnt_tokens() -> Iterator[None]:
    """Within it TRL computes logits where a token is learnt and nowhere else, on every device.

    On GPUs it does so in any case. Elsewhere it takes all positions, prompts and padding too, and
    then drops their part of the loss: there are devices that compile anew for each shape. CPUs do
    not, and the losses are the same but for rounding.
    """
    from trl.trainer import utils

    def only_those(_: Any) -> bool:
        return True

    asked = utils._use_triton
    utils._use_triton = only_those  # decides about positions there, and about no kernel
    try:
        yield
    finally:
        utils._use_triton = asked
