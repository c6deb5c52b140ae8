"""Models in folders: found by their path, known by their files, refused in one sentence."""

import shutil
from pathlib import Path

import pytest
import tiny_guards

from reasoning_guards import artifacts, backbones, chapters, generation, prompts
from reasoning_guards.chapters import arms, benchmarks, released
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone
from reasoning_guards.synthetic import tokenizer as words


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_guards.build(tmp_path_factory.mktemp("models") / "mine")


def test_names_of_the_hub_and_of_the_package_stay_as_they_are() -> None:
    for name in ("meta-llama/Llama-3.1-8B-Instruct", "synthetic/llama-64"):
        assert backbones.located(name, "v1") == (name, "v1")


def test_a_folder_is_known_by_its_whole_path_and_by_what_is_in_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = backbones.located(str(model), "main")
    assert whole[0] == str(model)
    monkeypatch.chdir(model.parent)
    assert backbones.located("mine", "main") == backbones.located("./mine", "other") == whole
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    assert backbones.located("mine", "main") != whole


def test_a_folder_is_loaded_whatever_its_revision(model: Path) -> None:
    name, revision = backbones.located(str(model), "main")
    assert backbones.source(Backbone(name=name, revision=revision)) == (str(model), None)


def test_what_is_trained_from_a_folder_is_made_anew_when_its_files_change(model: Path) -> None:
    profile = Profile(backbone=str(model))
    (before,) = arms.guards(profile, None).values()
    assert artifacts.key(before) == artifacts.key(arms.guards(profile, None)[0])
    (model / "generation_config.json").write_text("{}")
    assert artifacts.key(before) != artifacts.key(arms.guards(profile, None)[0])


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ((), "lacks a config.json"),
        (("config.json",), "lacks weights as safetensors"),
        (("config.json", "pytorch_model.bin", "tokenizer.json"), "lacks weights as safetensors"),
        (("config.json", "model.safetensors"), "lacks a tokenizer"),
    ],
)
def test_a_folder_without_a_whole_model_is_refused_in_one_sentence(
    tmp_path: Path, kept: tuple[str, ...], said: str
) -> None:
    for name in kept:
        (tmp_path / name).touch()
    with pytest.raises(backbones.NoModelError, match=said) as caught:
        chapters.rq1_efficacy(Profile(backbone=str(tmp_path)))
    assert "\n" not in str(caught.value)
    with pytest.raises(backbones.NoModelError, match=r"no model in \./nowhere"):
        backbones.located("./nowhere", "main")


def test_weights_that_are_a_pickle_are_not_loaded(model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    given = AutoModelForCausalLM.from_pretrained(model)
    given.config.save_pretrained(tmp_path)
    torch.save(given.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        backbones.load(str(tmp_path), None, "float32")


def test_an_own_model_is_a_row_beside_the_guards_in_each_mode(model: Path) -> None:
    profile = Profile(released=[f"own:{model}", f"wildguard:{model}", "wildguard"])
    cells = benchmarks.scored(profile)
    rows = {row.name: row for row in released.variants(profile, cells)}
    assert list(rows) == ["own_mine", "own_mine_r", "wildguard_mine", "wildguard"]
    (own,), (as_released,) = (
        rows["own_mine_r"].guards.values(),
        rows["wildguard_mine"].guards.values(),
    )
    assert isinstance(own, Backbone)
    assert (own.name, own.format, own.template) == (str(model), "", profile.template)
    assert isinstance(as_released, Backbone)
    assert (as_released.name, as_released.format) == (str(model), "wildguard")
    assert rows["own_mine_r"].label == "mine, reasoning"
    study = chapters.rq1_efficacy(profile)
    assert {"own_mine", "own_mine_r"} < set(chapters.efficacy.rows(study))
    assert not {"null_nr", "null_r"} & set(chapters.efficacy.rows(study))


def test_two_models_whose_rows_would_have_one_name_are_refused(model: Path, tmp_path: Path) -> None:
    other = shutil.copytree(model, tmp_path / "elsewhere" / model.name)
    with pytest.raises(released.NoReleasedGuardsError, match="both be the row 'own_mine': give"):
        chapters.rq1_efficacy(Profile(released=[f"own:{model}", f"own:{other}"]))


def test_own_without_a_model_is_refused() -> None:
    for name in ("own", "own_dual"):
        with pytest.raises(released.NoReleasedGuardsError, match=f"write {name}: and its folder"):
            chapters.rq1_efficacy(Profile(released=[name]))


def test_an_own_dual_mode_model_is_told_its_mode(model: Path) -> None:
    profile = Profile(released=[f"own_dual:{model}", f"own:{model}"])
    rows = {row.name: row for row in released.variants(profile, benchmarks.scored(profile))}
    assert list(rows) == ["own_dual_mine", "own_dual_mine_r", "own_mine", "own_mine_r"]
    study = chapters.rq1_efficacy(profile)
    tokenizer = words.build()
    for name, token in (
        ("own_dual_mine", prompts.MODE_TOKENS["non-reasoning"]),
        ("own_dual_mine_r", prompts.MODE_TOKENS["reasoning"]),
        ("own_mine_r", "policy"),
    ):
        asked = study.generations([name])[0]
        request, _, _ = generation.requests(asked, tokenizer)[0]
        assert tokenizer.decode(request.prompt).split()[:2] == ["<bos>", token]
