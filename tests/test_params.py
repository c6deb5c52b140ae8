"""Profiles: known names, right kinds, and one sentence on what is wrong before anything starts."""

import types
from pathlib import Path

import pytest
import yaml

from reasoning_guards import params
from reasoning_guards.errors import UserError
from reasoning_guards.params import ParameterError, Profile

PROFILES = sorted((Path(__file__).parents[1] / "params").glob("*.yaml"))


def refusal(**values):
    with pytest.raises(ParameterError) as caught:
        params.check(values, "here")
    sentence = str(caught.value)
    assert isinstance(caught.value, UserError)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


def test_an_unknown_name_is_answered_with_the_nearest_known_one():
    assert refusal(n_trian=5) == "There is no parameter 'n_trian' in here: did you mean 'n_train'?"
    assert "'learning_rate_reasoning'" in refusal(learning_rate=1e-3)
    assert refusal(difficult=2).endswith(
        "did you mean 'difficult_least' or 'difficult_most' or 'difficult_copies'?"
    )
    assert "see params/" in refusal(zzzzz=1)


def test_a_name_that_is_no_text_is_unknown():
    with pytest.raises(ParameterError, match="no parameter 'True' in here"):
        params.check({True: 1}, "here")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("n_train", "many", "valid integer"),
        ("n_train", 0, "greater than or equal to 1"),
        ("n_train", 1.5, "integer"),
        ("n_train", True, "should not be yes or no"),
        ("seeds", True, "should not be yes or no"),
        ("seeds", [], "at least 1"),
        ("seeds", ["a"], "valid integer"),
        ("seeds", [-1], "greater than or equal to 0"),
        ("seeds", [3, 3], "each seed should be there once"),
        ("grpo_betas", [0, 0.0], "each value should be there once"),
        ("budgets", [2, 5], "1 should be among them"),
        ("grpo_groups", [1], "greater than or equal to 2"),
        ("learning_rate_reasoning", 2, "less than 1"),
        ("learning_rate_reasoning", "fast", "valid number"),
        ("temperature", float("nan"), "finite number"),
        ("world", "mars", "'embedded' or 'hub'"),
        ("engine", "llama.cpp", "'transformers' or 'vllm'"),
        ("profile", None, "valid string"),
        ("gradient_checkpointing", "perhaps", "valid boolean"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_name_and_value(name, value, why):
    sentence = refusal(**{name: value})
    assert f"The parameter {name!r} in here is " in sentence
    assert why in sentence


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"generations": 4}, "set generations to 1"),
        ({"batch_size": 8, "train_batch_per_device": 3}, "multiple of train_batch_per_device"),
        (
            {"batch_size": 32, "train_batch_per_device": 16, "gpus_per_training": 3},
            "multiple of train_batch_per_device times gpus_per_training",
        ),
        ({"batch_size": 2, "gpus_per_training": 4}, "times gpus_per_training"),
        ({"grpo_groups": [4, 6], "grpo_batch_size": 16}, "multiple of each of grpo_groups"),
        ({"grpo_batch_size": 24}, "multiple of train_batch_per_device"),
        ({"max_length": 100}, "max_new_tokens_reasoning should be below max_length"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(values, why):
    sentence = refusal(**values)
    assert sentence.startswith("In here, ")
    assert why in sentence


def test_a_batch_smaller_than_a_device_takes_is_fine():
    assert params.check({"batch_size": 4, "train_batch_per_device": 16}, "here").batch_size == 4


def test_numbers_written_as_text_are_numbers():
    profile = params.check({"learning_rate_reasoning": "1e-6", "n_train": "12"}, "here")
    assert profile.learning_rate_reasoning == 1e-6
    assert profile.n_train == 12


def test_one_seed_or_one_value_to_try_becomes_a_list():
    assert params.check({"seeds": 7}, "here").seeds == [7]
    assert params.check({"grpo_temperatures": 0.6}, "here").grpo_temperatures == [0.6]
    assert params.check({"learning_rates_grpo": "1e-6"}, "here").learning_rates_grpo == [1e-6]


def test_parameters_a_chapter_does_not_use_pass():
    assert params.check({"tensor_parallel": 8, "gpu_memory": 0.5}, "here").tensor_parallel == 8


def test_none_means_all():
    profile = params.check({"n_train": None, "eval_examples": None}, "here")
    assert (profile.n_train, profile.eval_examples) == (None, None)


def test_a_notebook_is_read_without_what_ipython_and_imports_put_there():
    ipython = {"In": [""], "Out": {}, "exit": exit, "open": open, "_ih": [""], "__name__": "a"}
    namespace = ipython | {"params": params, "yaml": yaml, "n_train": 9, "seeds": 1}
    assert params.from_notebook(namespace) == Profile(n_train=9, seeds=[1])


def test_a_notebook_is_read_again_after_its_other_cells_ran():
    namespace = {"profile": "mine", "n_train": 9, "eval_examples": None}
    first = namespace["profile"] = params.from_notebook(namespace)
    namespace |= {"study": object(), "judged": {"nr": object()}, "table": types, "check": len}
    assert (
        params.from_notebook(namespace)
        == first
        == Profile(profile="mine", n_train=9, eval_examples=None)
    )


@pytest.mark.parametrize("value", [types, {}, object()])
def test_a_parameter_that_an_import_or_a_result_has_overwritten_is_refused(value):
    with pytest.raises(ParameterError, match="The parameter 'world' in the notebook's"):
        params.from_notebook({"world": value})


@pytest.mark.parametrize("value", [9, 1.5, True, "a", [0], None])
def test_a_notebook_with_an_unknown_name_is_refused(value):
    with pytest.raises(ParameterError, match="'n_trains' in the notebook's parameters"):
        params.from_notebook({"n_trains": value, "types": types})


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_lists_every_parameter_so_that_it_fits_every_chapter(path):
    assert params.load(path).profile == path.stem
    assert set(yaml.safe_load(path.read_text())) == set(Profile.model_fields)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_names_a_configuration_that_is_there(path):
    named = params.load(path).accelerate_config
    assert (path.parents[1] / named).is_file()


def test_the_smoke_profile_is_the_default():
    smoke = next(path for path in PROFILES if path.stem == "smoke")
    assert params.load(smoke) == Profile()


def test_a_missing_profile_is_answered_with_those_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=r"there are none here, so go to .* root first\.$"):
        params.load(Path("params", "cpu.yaml"))
    Path("params").mkdir()
    for name in ("tiny", "little"):
        Path("params", f"{name}.yaml").touch()
    for path in ("params/cpu.yaml", "smoke.yml", "params", "params/tiny.yaml/cpu"):
        with pytest.raises(ParameterError, match=f"no file {path}: .* there are little, tiny"):
            params.load(Path(path))


def test_what_is_wrong_with_a_change_is_not_looked_for_in_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("n_train: 8")
    with pytest.raises(ParameterError, match="'n_train' in the changes by -p is 0"):
        params.load(path, {"n_train": "0"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "is not YAML"),
        ("- 1", "must hold `name: value` lines"),
        ("", "must hold"),
        ("n_trian: 5", "did you mean 'n_train'"),
        ("# first\nn_trian: 5", r"'n_trian' in .*odd\.yaml, line 2: did you mean"),
        ("seeds: [0]\n\nn_train: 0", r"'n_train' in .*odd\.yaml, line 3 is 0: "),
        ("profile: a\nn_train: [\nseeds: [0]", r"is not YAML: .* \(line \d\)"),
        ("n_train: 8\nseeds: [0]\nn_train: 9", "gives 'n_train' in lines 1 and 3: leave"),
    ],
)
def test_a_file_that_is_no_profile_is_refused_by_its_path(tmp_path, text, why):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=why) as caught:
        params.load(path)
    assert "odd.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
