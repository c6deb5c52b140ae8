"""Decoding without copies gives what transformers' own attention and cache give.

And what prompts begin with is read once for all of them, which nothing else shows.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import tiny_guards
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.integrations import sdpa_attention

from reasoning_guards import engines
from reasoning_guards.engines import Question, Request, attention
from reasoning_guards.engines.cache import ROOM, OtherStateError, branch, has_windows, with_room
from reasoning_guards.engines.transformers import SHARED_LEAST
from reasoning_guards.recipes import Backbone, Decoding
from reasoning_guards.resources import Resources

SHAPE: dict[str, Any] = {
    "vocab_size": len(tiny_guards.tokenizer()), "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8, "initializer_range": 0.3,
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
    """What follows one token of each row, or several that are padded on the right."""
    tokens = tokens if tokens.dim() == 2 else tokens[:, None]
    logits: torch.Tensor = model(
        input_ids=tokens,
        attention_mask=seen,
        position_ids=(seen.cumsum(-1) - 1)[:, -tokens.shape[1] :],
        past_key_values=cache,
        use_cache=True,
    ).logits
    return logits[:, -1] if tokens.shape[1] == 1 else logits


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


@torch.inference_mode()  # type: ignore[untyped-decorator]
def test_what_may_follow_is_read_from_one_cache_and_leaves_it_as_it_was(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, plain = pair
    ends = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    seen = torch.cat([PADDED, ends], -1)
    cache = with_room(read(ours)[0])
    continuations = [torch.randint(1, 40, ends.shape) for _ in range(2)]
    expected = [step(plain, read(plain)[0], tokens, seen) for tokens in continuations]
    if ours.config.num_attention_heads > ours.config.num_key_value_heads:
        monkeypatch.setattr(sdpa_attention, "repeat_kv", lambda *_: pytest.fail("keys were copied"))
    for number in (0, 1, 0):
        tokens, other = continuations[number], expected[number]
        found = step(ours, branch(cache), tokens, seen)
        torch.testing.assert_close(found[ends > 0], other[ends > 0], rtol=1e-4, atol=1e-4)
    assert cache.get_seq_length() == PADDED.shape[1]


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    MODELS[request.param]().save_pretrained(tmp_path)
    tiny_guards.tokenizer().save_pretrained(tmp_path)
    return tmp_path


BEGIN = [3 + place % 30 for place in range(SHARED_LEAST)]
PROMPTS = [[*BEGIN, 40 + row // 2, *range(50, 50 + 2 * row)] for row in range(5)]
PROMPTS.insert(2, PROMPTS[1])
ASKED = [
    Question(tuple(ids), tuple(range(70, 70 + lead)), (5, 6))
    for row, ids in enumerate(PROMPTS)
    for lead in range(row % 3, 3)
]


def loaded(folder: Path, batch: int) -> Any:
    resources = Resources(generate_batch=batch)
    return engines.load("transformers", Backbone(name=str(folder)), None, 512, resources)


@pytest.mark.parametrize("count", [2, 6])  # of two, the second begins with all of the first
def test_prompts_that_begin_alike_are_answered_and_read_as_each_alone(
    folder: Path, count: int
) -> None:
    decoding = Decoding(
        temperature=1.0, top_p=0.95, generations=3, max_new_tokens=12, max_length=512
    )
    requests = [Request(str(number), ids) for number, ids in enumerate(PROMPTS[:count])]
    together, alone = loaded(folder, 64), loaded(folder, 1)
    answers = [
        {request.id: given for request, given in engine.answer(requests, decoding)}
        for engine in (together, alone)
    ]
    assert answers[0] == answers[1]
    asked = [each for each in ASKED if [*each.prompt] in PROMPTS[:count]]
    found, expected = together.read(asked), alone.read(asked)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("length", "passes"), [(SHARED_LEAST, 2), (SHARED_LEAST - 1, 1)])
def test_what_prompts_begin_with_is_read_once_unless_a_window_would_count_padding(
    folder: Path, length: int, passes: int
) -> None:
    engine = loaded(folder, 64)
    read: list[tuple[int, ...]] = []
    engine.model.register_forward_pre_hook(
        lambda _, args, given: read.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    prompts = [ids[SHARED_LEAST - length :] for ids in PROMPTS]
    engine.read([Question(tuple(ids), (), (5,)) for ids in prompts])
    longest = max(map(len, prompts))  # of five: the same prompt is read once in any case
    if passes == 1 or engine.model.config.model_type == "gemma3_text":
        assert read == [(5, longest)]
    else:
        assert read == [(1, length), (5, longest - length)]


def test_a_model_with_a_state_that_is_overwritten_is_refused() -> None:
    layers = ["conv", "full_attention"]
    model = Lfm2ForCausalLM(Lfm2Config(**SHAPE, num_key_value_heads=2, layer_types=layers))
    with pytest.raises(OtherStateError, match=r"lfm2 has \w+: use -p engine vllm"):
        has_windows(model)


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
