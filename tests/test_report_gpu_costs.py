"""The page on GPUs: every training of the paper once, and its words computed from the numbers."""

from pathlib import Path

import pytest

from reasoning_guards import costs, params
from reasoning_guards.report import gpu_costs


def test_each_training_is_placed_by_its_hours():
    shown = gpu_costs.against_the_paper()
    taken = shown["R (full), hours"].astype(float)
    place = shown["R (full) against 1–4 hours"]
    assert list(shown.index) == [name for name, _, _ in gpu_costs.TRAININGS]
    assert (taken[place == "below"] < 1).all()
    assert taken[place == "within"].between(1, 4).all()
    assert (taken[place == "above"] > 4).all()
    assert (shown["NR, hours"].astype(float) <= taken).all()


def test_the_paper_is_quoted_as_it_is_printed():
    # Appendix B and section 7.
    assert (gpu_costs.HOURS, gpu_costs.GPUS) == ((1, 4), 8)
    assert gpu_costs.OVERHEADS == {"R (1 sentence)": 0.349, "R (full)": 1.707}


def test_what_would_agree_does_agree(monkeypatch):
    row = gpu_costs.what_would_agree().loc["WildGuardMix, all"]
    share = float(row["Share of the peak"].rstrip("%")) / 100
    monkeypatch.setattr(costs, "TRAINING_SHARE", share)
    name, examples, epochs = gpu_costs.TRAININGS[-1]
    assert name == row.name
    assert gpu_costs.hours(examples, epochs, gpu_costs.FULL) == pytest.approx(4, rel=0.01)


def test_the_prose_counts_every_training_once():
    glued = gpu_costs.numbers()
    named = [glued[f"gpu_{place}"].count("all") for place in ("within", "above")]
    assert sum(named) + int(glued["gpu_below"]) == int(glued["gpu_trainings"])


def test_overheads_are_relative_to_answers_without_reasoning():
    shown = gpu_costs.answers()
    for generations in (1, 4):
        taken = shown[f"Milliseconds, {generations} of each"].astype(float)
        over = shown.loc["R (full)", f"Overhead, {generations} of each"]
        assert float(over.strip("%+")) / 100 == pytest.approx(
            taken["R (full)"] / taken["NR"] - 1, abs=0.02
        )
        assert shown.loc["NR", f"Overhead, {generations} of each"] == "–"


def test_adapters_are_as_large_as_the_profile_s_of_one_gpu():
    assert params.load(Path("params/gpu-single.yaml")).lora_rank == gpu_costs.RANK


def test_larger_models_need_larger_cards_and_a_share_of_one_a_smaller():
    least = gpu_costs.room()["least card"]
    cards = [least[f"{name}, all weights, one GPU"] for name in gpu_costs.SIZED]
    assert cards == ["A100 40GB", "H100", "B200"]
    split = [least[f"{name}, all weights, split over {gpu_costs.GPUS}"] for name in gpu_costs.SIZED]
    assert split == ["L4", "L4", "A100 40GB"]
    assert least[f"Llama-3.1-8B, adapters of rank {gpu_costs.RANK}, one GPU"] == "L4"


def test_the_figure_says_which_trainings_lie_within():
    assert f"hours: {gpu_costs.numbers()['gpu_within']}." in gpu_costs.figure().alt
