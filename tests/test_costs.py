"""The cost model: hours follow tokens, parameters, bandwidth and the card."""

from dataclasses import replace

import pytest

from reasoning_guards import architectures, chapters, costs
from reasoning_guards.cards import CARDS
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Probability
from reasoning_guards.report import gpu_costs

LLAMA = architectures.known()["Llama-3.1-8B"]
HUB = gpu_costs.PAPER


def on(card):
    return HUB.model_copy(update={"card": card})


def test_a_training_takes_eight_operations_a_parameter_and_token_at_the_assumed_share():
    seconds = costs.training_seconds(HUB, LLAMA, 1e6)
    assert seconds * 0.4 * 312e12 == pytest.approx(8 * 8.03e9 * 1e6, rel=1e-3)
    kept = HUB.model_copy(update={"gradient_checkpointing": False})
    assert costs.training_seconds(kept, LLAMA, 1e6) == pytest.approx(0.75 * seconds)
    adapted = costs.training_seconds(kept, LLAMA, 1e6, adapters=True)
    assert adapted == pytest.approx(0.5 * seconds)
    assert costs.training_seconds(on("H100"), LLAMA, 1e6) == pytest.approx(seconds * 312 / 989)


def test_what_no_text_passes_costs_no_arithmetic():
    experts = architectures.known()["gpt-oss-20b"]
    without = replace(experts, idle=0)
    assert costs.training_seconds(HUB, experts, 1) == costs.training_seconds(HUB, without, 1)


def test_a_lone_answer_reads_all_weights_for_each_token():
    """8 billion weights of two bytes at 60 % of 2 TB/s: some 13 ms a token."""
    short, long = (costs.answering_seconds(HUB, LLAMA, 1, 1, length) for length in (100, 300))
    assert (long - short) / 200 == pytest.approx(16.06e9 / (0.6 * 2.039e12), rel=0.01)


def test_each_answer_beside_others_reads_its_own_keys_and_values():
    alone, twenty = (costs.answering_seconds(on("L4"), LLAMA, 1, n, 200) for n in (1, 20))
    more = 200 * 19 * LLAMA.cache(700, "bfloat16") / (0.6 * 0.3e12)
    assert twenty - alone == pytest.approx(more, rel=0.01)


def test_where_many_answers_share_what_is_read_their_arithmetic_is_what_takes_long():
    light = replace(LLAMA, kv_heads=1)
    assert costs.at_once(HUB, light, 256, 700) == 256
    short, long = (costs.answering_seconds(HUB, light, 1, 256, length) for length in (100, 101))
    assert long - short == pytest.approx(256 * 2 * light.active / (0.5 * 312e12))


def test_prompts_cost_arithmetic_once_for_all_their_answers():
    one, four = (costs.answering_seconds(HUB, LLAMA, 1000, 1000 * n, 20) for n in (1, 4))
    assert one < four < 2 * one
    prefill = 1000 * 350 * 2 * LLAMA.active / (0.5 * 312e12)
    assert prefill < one < 1.2 * prefill


def test_answers_are_written_at_once_as_far_as_there_is_room():
    assert costs.at_once(HUB, LLAMA, 10, 900) == 10
    assert costs.at_once(HUB, LLAMA, 5000, 900) == costs.AT_ONCE
    small = on("RTX 4090")
    rows = costs.at_once(small, LLAMA, 5000, 900)
    room = 0.9 * 24 * 2**30 - 2 * 2**30 - LLAMA.weights("bfloat16")
    assert 1 < rows * LLAMA.cache(900, "bfloat16") <= room
    assert costs.answering_seconds(small, LLAMA, 1000, 5000, 300) > 2 * costs.answering_seconds(
        HUB, LLAMA, 1000, 5000, 300
    )


@pytest.mark.parametrize("card", CARDS)
def test_more_answers_and_longer_ones_take_longer_on_every_card(card):
    few = costs.answering_seconds(on(card), LLAMA, 100, 100, 20)
    assert few < costs.answering_seconds(on(card), LLAMA, 100, 100, 300)
    assert few < costs.answering_seconds(on(card), LLAMA, 100, 400, 20)


def test_each_guard_is_reckoned_by_its_own_size():
    sets = {"train_set": "allenai/wildguardmix", "second_backbone": "Qwen/Qwen3-4B"}
    study = chapters.second_backbone(HUB.model_copy(update=sets))
    (value, *_) = study.generations(["nr"])
    bigger = value.guard.model_copy(
        update={"backbone": value.guard.backbone.model_copy(update={"name": HUB.backbone})}
    )
    assert costs.hours(HUB, bigger) == pytest.approx(
        costs.hours(HUB, value.guard) * 8.03 / 4.02, rel=0.01
    )
    unknown = value.guard.backbone.model_copy(update={"name": "mine/unheard-of"})
    assumed = value.guard.model_copy(update={"backbone": unknown})
    assert costs.hours(HUB, assumed) == costs.hours(HUB, bigger)


def test_on_a_cpu_only_the_rates_of_a_core_count():
    study = chapters.rq1_efficacy(Profile())
    (recipe,) = study.recipes()[:1]
    assert costs.hours(Profile(), recipe) == pytest.approx(100 * 6 * 72 / 7e3 / 3600)
    (value,) = study.generations(["nr"])[:1]
    assert costs.hours(Profile(), value) == pytest.approx(12 * 72 / 4e3 / 3600)
    read = Probability.of(value)
    assert costs.hours(Profile(), read) == pytest.approx(costs.hours(Profile(), value))


def test_optimising_takes_three_times_what_learning_from_as_many_sequences_does():
    profile = Profile(n_mined=1000, dpo_pairs=4, epochs_dpo=2, grpo_groups=[4], epochs_grpo=5)
    for study, name, of_each in (
        (chapters.rq6_difficult_samples(profile), "dpo", 4 * 2),
        (chapters.appendix_grpo(profile), "grpo", 4 * 5),
    ):
        recipe = study.variants[name].guards[0]
        assert costs.sequences(recipe) == 3 * of_each * 150
