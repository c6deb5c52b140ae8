"""Decoding without copies gives what transformers' own attention and cache give."""

import copy
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.integrations import sdpa_attention

from reasoning_guards.engines import attention
from reasoning_guards.engines.cache import ROOM, with_room

SHAPE: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "head_dim": 8, "initializer_range": 0.3,
}  # fmt: skip
MODELS = {
    "groups of two": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=2)),
    "one group": lambda: Qwen3ForCausalLM(Qwen3Config(**SHAPE, num_key_value_heads=1)),
    "no groups": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=4)),
    "a window": lambda: Gemma3ForCausalLM(
        Gemma3TextConfig(**SHAPE, num_key_value_heads=2, sliding_window=6,
                         layer_types=["sliding_attention", "full_attention"])
    ),
}  # fmt: skip
PADDED = torch.tensor([[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]])


@pytest.fixture(params=MODELS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A model that decodes as the engine does, and the same as transformers has it."""
    torch.manual_seed(0)
    plain = MODELS[request.param]().eval()
    ours = copy.deepcopy(plain)
    attention.use(ours)
    assert plain.config._attn_implementation == "sdpa"
    return ours, plain


def read(model: Any) -> tuple[Any, torch.Tensor]:
    """The cache of three prompts of unlike length, and what is to be written next."""
    torch.manual_seed(1)
    prompts = torch.randint(1, 40, PADDED.shape)
    output = model(
        input_ids=prompts,
        attention_mask=PADDED,
        position_ids=(PADDED.cumsum(-1) - 1).clamp(min=0),
        use_cache=True,
    )
    return output.past_key_values, output.logits[:, -1]


def step(model: Any, cache: Any, tokens: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model(
        input_ids=tokens[:, None],
        attention_mask=seen,
        position_ids=seen.sum(-1, keepdim=True) - 1,
        past_key_values=cache,
        use_cache=True,
    ).logits[:, -1]
    return logits


@torch.inference_mode()  # type: ignore[untyped-decorator]
def test_each_step_gives_what_transformers_gives_also_when_rows_have_ended(
    pair: tuple[Any, Any],
) -> None:
    ours, plain = pair
    (cache, scores), (other, expected) = read(ours), read(plain)
    cache = with_room(cache)
    seen = PADDED
    for number in range(ROOM + 20):
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
        tokens = expected.argmax(-1)
        if number in (10, ROOM + 5):
            going = torch.tensor([0, 2]) if number == 10 else torch.tensor([1])
            for each in (cache, other):
                each.batch_select_indices(going)
            tokens, seen = tokens[going], seen[going]
        seen = torch.cat([seen, seen.new_ones(len(seen), 1)], -1)
        scores, expected = (
            step(ours, cache, tokens, seen),
            step(plain, other, tokens, seen),
        )
    assert len(scores) == 1


@torch.inference_mode()  # type: ignore[untyped-decorator]
def test_a_step_copies_neither_shared_keys_nor_those_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = MODELS["groups of two"]().eval()
    attention.use(model)
    cache, scores = read(model)
    cache = with_room(cache)
    monkeypatch.setattr(sdpa_attention, "repeat_kv", lambda *_: pytest.fail("keys were copied"))
    seen, places = PADDED, set()
    for _ in range(ROOM):
        seen = torch.cat([seen, seen.new_ones(len(seen), 1)], -1)
        scores = step(model, cache, scores.argmax(-1), seen)
        places |= {layer.keys.data_ptr() for layer in cache.layers}
    assert len(places) == len(cache.layers)


def test_a_bias_of_positions_is_not_forgotten() -> None:
    torch.manual_seed(0)
    query, keys, values = torch.randn(2, 4, 1, 8), torch.randn(2, 2, 5, 8), torch.randn(2, 2, 5, 8)
    layer = LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=2)).model.layers[0].self_attn
    bias = torch.randn(1, 4, 1, 5)
    told = (layer, query, keys, values, None)
    expected, _ = sdpa_attention.sdpa_attention_forward(*told, position_bias=bias)
    found, _ = attention.of_groups(*told, position_bias=bias)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, attention.of_groups(*told)[0])


def test_a_model_with_attention_of_its_own_is_left_alone() -> None:
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=2))
    model.set_attn_implementation("eager")
    attention.use(model)
    assert model.config._attn_implementation == "eager"
