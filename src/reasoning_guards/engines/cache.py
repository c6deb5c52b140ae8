"""A cache of keys and values with room for what is written next."""

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

ROOM = 64  # tokens that are made room for at a time


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values, to which a token is added without copying those before it.

    Transformers' own layer puts the old and the new together anew at every step.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._held: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add some tokens' keys and values, shape (rows, heads, tokens, width); all of them."""
        there, new = self.keys.shape[-2], key_states.shape[-2]
        if self._held is None or there + new > self._held[0].shape[-2]:
            self._held = _with_room(self.keys, new), _with_room(self.values, new)
        for held, states in zip(self._held, (key_states, value_states), strict=True):
            held[:, :, there : there + new] = states
        self.keys, self.values = (held[:, :, : there + new] for held in self._held)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows alone."""
        super().batch_select_indices(indices)
        self._held = None


def _with_room(states: torch.Tensor, new: int) -> torch.Tensor:
    rows, heads, there, width = states.shape
    held = states.new_empty(rows, heads, there + new + ROOM, width)
    held[:, :, :there] = states
    return held


def with_room(cache: Any) -> Any:
    """The cache of a prompt that was read, for writing; layers that forget tokens stay as is."""
    cache.layers = [
        RoomyLayer(layer.keys, layer.values) if type(layer) is DynamicLayer else layer
        for layer in cache.layers
    ]
    return cache
