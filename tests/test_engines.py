"""The transformers engine: what it draws, and that nothing but the request decides it."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_guards
import torch
from scipy.stats import chisquare
from transformers import TopPLogitsWarper

from reasoning_guards import backbones, engines
from reasoning_guards.engines import Answer, Request
from reasoning_guards.engines.sampling import PROBABLE, draw
from reasoning_guards.recipes import Backbone, Decoding
from reasoning_guards.resources import Resources

GREEDY = Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=12, max_length=512)
SAMPLED = Decoding(temperature=0.6, top_p=0.95, generations=4, max_new_tokens=12, max_length=512)
TEXTS = ["May I?", "How do goats sing, and to whom, and why at night?", "", "Tea.", "Why not now?"]
REQUESTS = [
    Request(f"e{index}", tiny_guards.tokenizer()(f"{text}:")["input_ids"])
    for index, text in enumerate(TEXTS * 3)
]


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_guards.build(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="module")
def engine(guard: Path) -> Any:
    return load(guard)


def load(folder: Path, resources: Resources | None = None) -> Any:
    return engines.load(
        "transformers", Backbone(name=str(folder)), None, 512, resources or Resources()
    )


def answers(engine: Any, requests: list[Request], decoding: Decoding) -> dict[str, list[Answer]]:
    found = [(request.id, given) for request, given in engine.answer(requests, decoding)]
    assert len(found) == len(dict(found)) == len(requests)
    return dict(found)


def by_hand(engine: Any, prompt: list[int], ends: set[int]) -> tuple[list[int], str]:
    """Twelve greedy steps without cache, batch or padding: the ids written, and why they end."""
    ids = list(prompt)
    for _ in range(12):
        with torch.inference_mode():
            ids.append(int(engine.model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in ends:
            return ids[len(prompt) : -1], "stop"
    return ids[len(prompt) :], "length"


def greedy(engine: Any, ends: set[int]) -> dict[str, list[Answer]]:
    expected = {}
    for request in REQUESTS:
        ids, finish = by_hand(engine, request.prompt, ends)
        text = engine.tokenizer.decode(ids, skip_special_tokens=True)
        expected[request.id] = [Answer(text, len(ids), finish)]  # type: ignore[arg-type]
    return expected


def test_greedy_answers_are_the_argmax_at_every_step(engine: Any) -> None:
    found = answers(engine, REQUESTS, GREEDY)
    assert found == greedy(engine, {engine.tokenizer.eos_token_id})
    assert len({given[0].text for given in found.values()}) >= 4


def test_any_end_token_ends_an_answer_and_what_reaches_the_cap_counts_as_cut_off(
    engine: Any, tmp_path: Path
) -> None:
    written = [by_hand(engine, request.prompt, set())[0] for request in REQUESTS]
    common = Counter(ids[5] for ids in written).most_common(2)
    ends = {engine.tokenizer.eos_token_id, *(token for token, _ in common)}
    assert len(ends) == 3
    folder = tiny_guards.build(tmp_path, end_ids=sorted(ends))
    several = load(folder)
    found = answers(several, REQUESTS, GREEDY)
    assert found == greedy(several, ends)
    finishes = Counter(given[0].finish for given in found.values())
    assert set(finishes) == {"stop", "length"}
    assert all(
        given[0].tokens == 12 if given[0].finish == "length" else given[0].tokens < 12
        for given in found.values()
    )


def test_a_tokenizer_without_padding_token_and_a_model_s_own_decoding_settings_change_nothing(
    engine: Any, tmp_path: Path
) -> None:
    folder = tiny_guards.build(tmp_path, padding=False)
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"do_sample": True, "temperature": 9.0, "top_k": 1, "repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    bare = load(folder)
    assert answers(bare, REQUESTS, GREEDY) == greedy(bare, {bare.tokenizer.eos_token_id})
    decoding = SAMPLED.model_copy(update={"temperature": 3.0, "top_p": 1.0})
    first = {
        given.text[:1] for found in answers(bare, REQUESTS, decoding).values() for given in found
    }
    assert len(first) > 10  # `top_k` 1 would leave one choice per prompt, of five prompts


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_a_seeded_answer_is_the_same_in_any_batch_order_and_company(
    engine: Any, guard: Path, batch: int
) -> None:
    reference = answers(engine, REQUESTS, SAMPLED)
    other = load(guard, Resources(generate_batch=batch))
    assert answers(other, REQUESTS, SAMPLED) == reference
    assert answers(other, REQUESTS[::-1], SAMPLED) == reference
    alone = answers(other, REQUESTS[3:8], SAMPLED)
    assert alone == {request.id: reference[request.id] for request in REQUESTS[3:8]}


def test_prompts_generations_and_seeds_draw_different_numbers(engine: Any) -> None:
    hot = SAMPLED.model_copy(update={"temperature": 2.0, "top_p": 1.0})
    same_text = [replace(REQUESTS[1], id=f"twin{index}") for index in range(10)]
    found = answers(engine, same_text, hot)
    assert len({given.text for four in found.values() for given in four}) == 40
    other = answers(engine, same_text, hot.model_copy(update={"seed": 1}))
    assert all(found[name] != other[name] for name in found)


def test_seeds_are_distinct_reproducible_and_fit_every_engine() -> None:
    seeds = [
        Request(f"e{index}", []).seed(SAMPLED.model_copy(update={"seed": seed}), generation)
        for index in range(50)
        for generation in range(4)
        for seed in range(2)
    ]
    assert len(set(seeds)) == 400
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert Request("e0", []).seed(SAMPLED) == Request("e0", [1, 2]).seed(SAMPLED)


# What is drawn


def drawn(scores: torch.Tensor, uniforms: np.ndarray) -> list[int]:
    """The token drawn from one row of scores at each of the numbers."""
    return draw(scores.expand(len(uniforms), -1), torch.tensor(uniforms)).tolist()


def test_tokens_are_drawn_with_their_softmax_probabilities() -> None:
    scores = torch.tensor([0.3, -2.0, 1.7, -torch.inf, 0.0, 1.1, -0.4])
    expected = scores.softmax(-1).double().numpy()
    tokens = drawn(scores, np.random.default_rng(0).random(100_000))
    counts = np.bincount(tokens, minlength=7)
    assert counts[3] == 0
    possible = expected > 0
    expected = expected[possible] / expected.sum() * 100_000
    assert chisquare(counts[possible], expected).pvalue > 0.01


def test_each_row_is_drawn_by_its_own_number() -> None:
    assert draw(torch.zeros(2, 2), torch.tensor([0.1, 0.9]).double()).tolist() == [0, 1]


def test_the_extreme_numbers_draw_possible_tokens() -> None:
    scores = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    scores[:10] = scores[-10:] = -torch.inf
    assert drawn(scores, np.array([0.0, np.nextafter(1, 0)])) == [10, 989]


@pytest.mark.parametrize("spread", [6.0, 0.5], ids=["peaked", "flat"])
@pytest.mark.parametrize("top_p", [0.3, 0.95])
def test_tokens_are_drawn_from_those_that_transformers_keeps(spread: float, top_p: float) -> None:
    scores = spread * torch.randn(200, 500, generator=torch.Generator().manual_seed(0))
    kept = TopPLogitsWarper(top_p)(None, scores)
    held = scores.double().softmax(-1).topk(PROBABLE).values.sum(-1) >= top_p
    assert held.all() == (spread > 1), "both ways are taken"
    for seed in range(20):
        uniforms = torch.rand(200, generator=torch.Generator().manual_seed(seed)).double()
        assert torch.equal(draw(scores, uniforms, top_p), draw(kept, uniforms))


def first_tokens(engine: Any, decoding: Decoding) -> Counter[str]:
    """What 400 requests with one prompt begin their only generation with."""
    prompt = REQUESTS[1].prompt
    requests = [Request(f"twin{index}", prompt) for index in range(400)]
    decoding = decoding.model_copy(update={"generations": 1, "max_new_tokens": 1})
    return Counter(given[0].text for given in answers(engine, requests, decoding).values())


def probabilities(engine: Any, temperature: float) -> list[tuple[str, float]]:
    """Each first token's text and probability, the most probable first; texts can repeat."""
    with torch.inference_mode():
        scores = engine.model(torch.tensor([REQUESTS[1].prompt])).logits[0, -1]
    shares = (scores / temperature).softmax(-1)
    return [
        (engine.tokenizer.decode([token], skip_special_tokens=True), float(shares[token]))
        for token in scores.argsort(descending=True)
    ]


@pytest.mark.parametrize("temperature", [0.6, 2.0])
def test_temperature_divides_the_scores(engine: Any, temperature: float) -> None:
    decoding = SAMPLED.model_copy(update={"temperature": temperature, "top_p": 1.0})
    counts = first_tokens(engine, decoding)
    wanted: Counter[str] = Counter()
    for text, share in probabilities(engine, temperature):
        wanted[text] += 400 * share
    common = [text for text in wanted if wanted[text] >= 5]
    assert len(common) > 5
    observed, expected = ([of[text] for text in common] for of in (counts, wanted))
    rest = [400 - sum(observed)], [400 - sum(expected)]
    assert chisquare(observed + rest[0], expected + rest[1]).pvalue > 0.01


def test_top_p_keeps_the_fewest_tokens_that_hold_that_share(engine: Any) -> None:
    shares = probabilities(engine, 1.0)
    before = np.cumsum([0.0, *(share for _, share in shares)])[:-1]
    nucleus = [text for (text, _), share in zip(shares, before, strict=True) if share < 0.5]
    assert 3 < len(nucleus) < len(shares) / 2
    decoding = SAMPLED.model_copy(update={"temperature": 1.0, "top_p": 0.5})
    assert set(first_tokens(engine, decoding)) == set(nucleus)


# Which weights are loaded


def test_a_backbone_can_be_a_local_folder(guard: Path, engine: Any) -> None:
    backbone = Backbone(name=str(guard))
    assert backbones.source(backbone)[0] == str(guard)
    assert answers(load(guard), REQUESTS, GREEDY) == answers(engine, REQUESTS, GREEDY)


def test_a_checkpoint_is_loaded_in_the_backbone_s_place(guard: Path, engine: Any) -> None:
    backbone = Backbone(name="synthetic/llama-64-0", template="compact")
    loaded = engines.load("transformers", backbone, guard, 512, Resources())
    assert answers(loaded, REQUESTS, GREEDY) == answers(engine, REQUESTS, GREEDY)
    untrained = engines.load("transformers", backbone, None, 512, Resources())
    assert len(untrained.tokenizer) != len(engine.tokenizer)
