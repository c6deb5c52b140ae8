"""Attention that decodes without copying what several heads share."""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_of_groups"
FEW = 64  # positions; with more of them it is their mask that would be large


def of_groups(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **given: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers' "sdpa", but for steps of one or a few tokens after others.

    There keys and values are copied for each of the query heads that share them, and so the whole
    cache at every step. Here the heads of a group follow each other as positions would.

    Args:
        module: the layer.
        query: shape (rows, heads, positions, width).
        key, value: shape (rows, heads of keys, tokens, width).
        attention_mask: what each position sees, shape (rows, 1, positions, tokens); without one
            a single position sees all tokens, and of several each those up to its own.
        scaling: of the products.
        given: what else a layer passes on.

    Returns:
        Shape (rows, positions, heads, width), and no weights.
    """
    rows, heads, positions, width = query.shape
    shared = heads // key.shape[1]
    causal = attention_mask is None and positions > 1
    if causal or positions > FEW or shared == 1 or given.get("position_bias") is not None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **given
        )
        return found
    if positions > 1:
        attention_mask = attention_mask.repeat(1, 1, shared, 1)  # type: ignore[union-attr]
    seen = scaled_dot_product_attention(
        query.reshape(rows, key.shape[1], shared * positions, width),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return seen.reshape(rows, heads, positions, -1).transpose(1, 2), None


def use(model: Any) -> None:
    """Let a model decode so, if it uses transformers' "sdpa"."""
    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, of_groups)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)
