"""Settings come from the grid that was run, and every profile of the embedded world uses them."""

from pathlib import Path

import pandas as pd
import pytest

from reasoning_guards import params, tuning
from reasoning_guards.params import Profile
from reasoning_guards.report import settings

PARAMS = Path(__file__).parents[1] / "params"


def test_the_stored_grid_is_the_one_the_code_would_run():
    wanted = {
        (kind, epochs, rate, seed)
        for kind, (_, tried) in tuning.KINDS.items()
        for epochs in tried
        for rate in tuning.LEARNING_RATES
        for seed in tuning.SEEDS
    }
    keys = tuning.results()[["kind", "epochs", "learning_rate", "seed"]]
    assert set(keys.itertuples(index=False, name=None)) == wanted
    assert len(keys) == len(wanted)


def test_the_grid_of_guards_trained_further_is_stored_as_the_code_would_run_it():
    wanted = {
        (kind, rate, seed)
        for kind, rates in tuning.REFINED_RATES.items()
        for rate in rates
        for seed in tuning.SEEDS
    }
    keys = tuning.refined_results()[["kind", "learning_rate", "seed"]]
    assert set(keys.itertuples(index=False, name=None)) == wanted
    assert len(keys) == len(wanted)


@pytest.mark.parametrize("profile", ["cpu", "cpu-long"])
def test_the_embedded_profiles_use_the_best_of_the_grid(profile):
    used = params.load(PARAMS / f"{profile}.yaml")
    assert used == tuning.tuned(used)
    assert used.learning_rate_continual == tuning.best_rate("continual")
    assert used.learning_rate_dpo == tuning.best_rate("dpo")
    assert used.learning_rates_grpo[0] == tuning.best_rate("grpo")
    for kind, kinds in zip(("non_reasoning", "reasoning"), tuning.SHARED, strict=True):
        chosen = (getattr(used, f"epochs_{kind}"), getattr(used, f"learning_rate_{kind}"))
        assert chosen == tuning.best(kinds)


def test_the_best_setting_is_best_on_the_mean_of_its_kinds_and_seeds(monkeypatch):
    grid = pd.DataFrame(
        [
            ("a", 1, 0.1, 0, 0.9),
            ("b", 1, 0.1, 0, 0.2),
            ("a", 2, 0.1, 0, 0.6),
            ("b", 2, 0.1, 0, 0.6),
        ],
        columns=["kind", "epochs", "learning_rate", "seed", "f1"],
    )
    monkeypatch.setattr(tuning, "results", lambda: grid)
    assert tuning.best(["a", "b"]) == (2, 0.1)
    assert tuning.best(["a"]) == (1, 0.1)


def test_the_best_rate_is_best_on_the_mean_of_its_seeds(monkeypatch):
    rows = [("a", 0.1, 0, 0.9), ("a", 0.1, 1, 0.2), ("a", 0.2, 0, 0.6), ("a", 0.2, 1, 0.6)]
    grid = pd.DataFrame(rows, columns=["kind", "learning_rate", "seed", "f1"])
    monkeypatch.setattr(tuning, "refined_results", lambda: grid)
    assert tuning.best_rate("a") == 0.2


def test_guards_were_trained_further_from_those_of_the_best_settings():
    """Whose F1 the first grid holds as well."""
    grid, refined = tuning.results(), tuning.refined_results()
    epochs, rate = tuning.best(["r_1", "r_full"])
    full = grid[grid["kind"] == "r_full"].set_index(["epochs", "learning_rate", "seed"])["f1"]
    for seed, before in refined[refined["kind"] == "dpo"].groupby("seed")["before"]:
        assert {*before} == {full[epochs, rate, seed]}


def test_settings_are_chosen_on_validation_data_alone():
    studies = [
        *(tuning._study(Profile(), it) for it in (("nr", 6, 1e-3), ("r_full", 3, 1e-3))),
        *(tuning._refined(Profile(), kind, 1e-3) for kind in tuning.REFINED_RATES),
    ]
    for study in studies:
        assert {value.cell.split for value in study.generations()} == {"validation"}


@pytest.mark.parametrize("kind", tuning.REFINED_RATES)
def test_a_tried_rate_reaches_what_goes_on_from_the_guard_that_it_is_compared_with(kind):
    profile = Profile()
    recipes = tuning._refined(profile, kind, 7e-4).recipes()
    assert [recipe.refinement.sft.learning_rate for recipe in recipes] == [7e-4, 7e-4]
    starts = tuning._starts(tuning._tried(profile))[kind]
    assert [recipe.start for recipe in recipes] == list(starts.values())
    assert {recipe.start.sft.learning_rate for recipe in recipes} == {
        profile.learning_rate_reasoning
    }


def test_the_page_shows_what_further_training_changed_and_marks_one_rate_of_each(monkeypatch):
    table = settings.refined_grid()
    for label in settings._REFINED.values():
        rows = table[table.index.str.startswith(f"{label},")]
        assert rows["After"].str.endswith("*").sum() == 1
    rows = [("dpo", 0.1, 0, 0.9, 0.5), ("dpo", 0.1, 1, 0.7, 0.6), ("grpo", 0.2, 0, 0.3, 0.4)]
    grid = pd.DataFrame(rows, columns=["kind", "learning_rate", "seed", "f1", "before"])
    monkeypatch.setattr(tuning, "refined_results", lambda: grid)
    assert settings.refined_grid().to_dict("index") == {
        "DPO, 0.1": {"Before": "0.550", "After": "0.800 *", "Change": "+0.250"},
        "GRPO, 0.2": {"Before": "0.400", "After": "0.300 *", "Change": "-0.100"},
    }


def test_the_page_says_on_which_edges_of_the_grid_a_setting_lies(monkeypatch):
    monkeypatch.setattr(tuning, "best", lambda kinds: (8 if kinds == ["nr"] else 6, 4e-3))
    said = settings.numbers()
    assert said["settings_non_reasoning"] == "8 epochs at 0.004 (the highest learning rate tried)"
    assert said["settings_reasoning"] == (
        "6 epochs at 0.004 (the highest number of epochs tried and the highest learning rate tried)"
    )
    monkeypatch.setattr(tuning, "best", lambda _: (8, 2e-3))
    assert settings.numbers()["settings_non_reasoning"] == "8 epochs at 0.002 (inside its grid)"


def test_the_page_marks_one_setting_of_each_kind_as_used():
    table = settings.grid()
    for label in settings._LABELS.values():
        rows = table[table.index.str.startswith(f"{label},")]
        assert rows.stack().str.endswith("*").sum() == 1
