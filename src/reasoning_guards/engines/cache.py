"""A cache of keys and values with room for what is written next."""

from copy import copy
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from reasoning_guards.errors import UserError

ROOM = 64  # tokens that are made room for at a time


class OtherStateError(UserError):
    """A model keeps something else of what it has read than keys and values."""


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values, to which a token is added without copying those before it.

    Transformers' own layer puts the old and the new together anew at every step.

    Args:
        keys, values: of the tokens before, shape (rows, heads, tokens, width).
        copies: of each row, which follow each other.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, copies: int = 1) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self._held: tuple[torch.Tensor, torch.Tensor] | None
        self._held = _with_room(keys, copies), _with_room(values, copies)
        there = keys.shape[-2]
        self.keys, self.values = (held[:, :, :there] for held in self._held)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add some tokens' keys and values, shape (rows, heads, tokens, width); all of them."""
        there, new = self.keys.shape[-2], key_states.shape[-2]
        if self._held is None or there + new > self._held[0].shape[-2]:
            self._held = _with_room(self.keys, 1, new), _with_room(self.values, 1, new)
        for held, states in zip(self._held, (key_states, value_states), strict=True):
            held[:, :, there : there + new] = states
        self.keys, self.values = (held[:, :, : there + new] for held in self._held)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows alone."""
        super().batch_select_indices(indices)
        self._held = None


def _with_room(states: torch.Tensor, copies: int, new: int = 0) -> torch.Tensor:
    rows, heads, there, width = states.shape
    held = states.new_empty(rows, copies, heads, there + new + ROOM, width)
    held[..., :there, :] = states[:, None]
    return held.flatten(0, 1)


def has_windows(model: Any) -> bool:
    """Whether a model's layers forget tokens that are further back than a window.

    Raises:
        OtherStateError: if a layer has a state that is overwritten, as linear attention has.
    """
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    if others := kinds - {DynamicLayer, DynamicSlidingWindowLayer}:
        raise OtherStateError(
            f"The transformers engine asks models whose layers keep keys and values, and "
            f"{model.config.model_type} has {others.pop().__name__}: use -p engine vllm."
        )
    return DynamicSlidingWindowLayer in kinds


def with_room(cache: Any, copies: int = 1) -> Any:
    """The cache of prompts that were read, for writing so many answers to each, row by row.

    Layers that forget tokens stay as they are, but for the copies.
    """
    for place, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[place] = RoomyLayer(layer.keys, layer.values, copies)
        elif copies > 1:
            layer.batch_repeat_interleave(copies)
    return cache


def branch(cache: Any) -> Any:
    """The same tokens, for one of several things that may follow; these are no part of the cache.

    Layers with room are written to in the same place by all branches, so an earlier one must not be
    used any more.
    """
    apart = copy(cache)
    apart.layers = [copy(layer) for layer in cache.layers]
    return apart
