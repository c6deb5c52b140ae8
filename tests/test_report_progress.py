"""What trainers logged: by seed and step, with a column for whatever was logged at all."""

import json

import pytest

from reasoning_guards import artifacts, chapters
from reasoning_guards.params import Profile
from reasoning_guards.report import progress
from reasoning_guards.study import NotRunError

STUDY = chapters.appendix_grpo(Profile(seeds=[0, 1], grpo_seeds=2))
LOGGED = {
    0: [
        {"step": 1, "reward": 0.25, "entropy": 1.5, "loss": 3.0},
        {"step": 2, "reward": 0.75, "entropy": 0.5, "recall": 1.0},
        {"step": 2, "train_runtime": 9.0},
    ],
    1: [{"step": 1, "reward": 0.5, "entropy": 1.0}],
}


def train(seed):
    text = json.dumps(LOGGED[seed])
    guard = STUDY.variants["grpo"].guards[seed]
    artifacts.make(guard, lambda folder: (folder / "log_history.json").write_text(text) and None)


def test_each_logged_step_is_a_row_and_what_was_never_logged_has_no_column():
    train(0)
    with pytest.raises(NotRunError, match="not trained yet"):
        progress.history(STUDY, "grpo", progress.GRPO)
    train(1)
    table = progress.history(STUDY, "grpo", progress.GRPO)
    assert list(table.columns) == ["seed", "step", "Reward", "Entropy", "Recall"]
    assert table[["seed", "step", "Reward"]].to_numpy().tolist() == [
        [0, 1, 0.25],
        [0, 2, 0.75],
        [1, 1, 0.5],
    ]
    assert table["Recall"].isna().tolist() == [True, False, True]


def test_the_figure_says_where_the_mean_over_seeds_begins_and_ends():
    for seed in LOGGED:
        train(seed)
    said = progress.figure(STUDY, "grpo", progress.GRPO).alt
    assert "mean over 2 seeds" in said
    assert "Reward goes from 0.375 at step 1 to 0.750 at step 2" in said
    assert "Recall goes from 1.000 at step 2 to 1.000 at step 2" in said
