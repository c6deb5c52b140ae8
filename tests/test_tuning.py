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


@pytest.mark.parametrize("profile", ["cpu", "cpu-long"])
def test_the_embedded_profiles_use_the_best_of_the_grid(profile):
    used = params.load(PARAMS / f"{profile}.yaml")
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


def test_settings_are_chosen_on_validation_data_alone():
    for setting in (("nr", 6, 1e-3), ("r_full", 3, 1e-3)):
        study = tuning._study(Profile(), setting)
        assert {value.cell.split for value in study.generations()} == {"validation"}


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
