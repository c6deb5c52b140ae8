"""Models in folders, and as adapters: found, known by their files, refused in one sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import fake_hub
import pytest
import tiny_guards

from reasoning_guards import artifacts, backbones, chapters, engines, generation, prompts
from reasoning_guards.chapters import arms, benchmarks, released
from reasoning_guards.engines import Request
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Decoding
from reasoning_guards.resources import Resources
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


# Adapters


PROMPT = tiny_guards.tokenizer()("May goats sing?")["input_ids"]


def model_of(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def logits(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model.eval()(torch.tensor([PROMPT])).logits


def changed_config(adapters: Path, **fields: object) -> None:
    file = adapters / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.fixture
def adapters(model: Path, tmp_path: Path) -> Path:
    return tiny_guards.adapters(tmp_path / "adapters", model)


def test_adapters_are_loaded_as_their_base_with_them_in_its_weights(
    model: Path, adapters: Path
) -> None:
    import torch
    from peft import PeftModel

    expected = logits(PeftModel.from_pretrained(model_of(model), adapters))
    loaded = backbones.load(str(adapters), None, "float32")
    assert type(loaded).__name__ == "LlamaForCausalLM"
    torch.testing.assert_close(logits(loaded), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(model_of(model)), expected, atol=0.1)
    in_halves = backbones.load(str(adapters), None, "bfloat16")
    assert {weight.dtype for weight in in_halves.parameters()} == {torch.bfloat16}


def test_an_engine_is_given_adapters_as_a_folder_that_is_a_whole_model(
    model: Path, adapters: Path
) -> None:
    import torch
    from transformers import AutoTokenizer

    expected = logits(backbones.load(str(adapters), None, "float32"))
    with backbones.for_text(str(adapters), None, "float32") as folder:
        assert not list(Path(folder).glob("adapter_*"))
        assert torch.equal(logits(model_of(Path(folder))), expected)
        assert AutoTokenizer.from_pretrained(folder)("May goats sing?")["input_ids"] == PROMPT
    assert not Path(folder).exists()
    with backbones.for_text(str(model), None, "float32") as folder:
        assert folder == str(model)


def test_an_engine_answers_as_adapters_beside_their_base_do(model: Path, adapters: Path) -> None:
    import torch
    from peft import PeftModel

    beside = PeftModel.from_pretrained(model_of(model), adapters).eval()
    ids = beside.generate(input_ids=torch.tensor([PROMPT]), do_sample=False, max_new_tokens=8)
    expected = tiny_guards.tokenizer().decode(ids[0, len(PROMPT) :], skip_special_tokens=True)
    greedy = Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=8, max_length=512)
    said = []
    for folder in (adapters, model):
        asked = Backbone(name=str(folder))
        engine = engines.load("transformers", asked, None, 512, Resources())
        ((_, (answer,)),) = engine.answer([Request("e", PROMPT)], greedy)
        said.append(answer.text)
    assert said[0] == expected != said[1]


def test_adapters_have_a_tokenizer_of_their_own_or_that_of_their_base(adapters: Path) -> None:
    given = backbones.tokenizer(str(adapters), None)
    assert given.chat_template == tiny_guards.CHAT_TEMPLATE
    own = tiny_guards.tokenizer()
    own.chat_template = "mine"
    own.save_pretrained(adapters)
    assert backbones.tokenizer(str(adapters), None).chat_template == "mine"


def test_adapters_in_a_folder_are_known_by_their_files_and_by_those_of_their_base(
    model: Path, adapters: Path
) -> None:
    first = backbones.located(str(adapters), "main")
    assert first[0] == str(adapters)
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    second = backbones.located(str(adapters), "main")
    changed_config(adapters, revision="v2")
    assert len({first, second, backbones.located(str(adapters), "main")}) == 3


def test_adapters_that_are_a_pickle_are_not_loaded(adapters: Path) -> None:
    (adapters / "adapter_model.safetensors").rename(adapters / "adapter_model.bin")
    for look in (
        lambda: backbones.located(str(adapters), "main"),
        lambda: backbones.load(str(adapters), None, "float32"),
    ):
        with pytest.raises(backbones.NoModelError, match="safetensors") as caught:
            look()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("base", [None, "itself"])
def test_adapters_that_name_no_other_model_are_refused(adapters: Path, base: str | None) -> None:
    changed_config(adapters, base_model_name_or_path=base and str(adapters))
    with pytest.raises(backbones.AdaptersError, match="set base_model_name_or_path in their"):
        backbones.load(str(adapters), None, "float32")


def test_adapters_whose_base_is_a_folder_without_a_model_are_refused(adapters: Path) -> None:
    changed_config(adapters, base_model_name_or_path="/home/somebody/llama")
    with pytest.raises(backbones.NoModelError, match="no model in /home/somebody/llama"):
        backbones.load(str(adapters), None, "float32")


@pytest.mark.parametrize("shape", [{"hidden_size": 96}, {"num_hidden_layers": 4}])
def test_adapters_that_do_not_fit_their_base_are_refused_and_not_left_out(
    model: Path, adapters: Path, tmp_path: Path, shape: dict[str, int]
) -> None:
    from transformers import AutoConfig, LlamaForCausalLM

    other = LlamaForCausalLM(AutoConfig.from_pretrained(model, **shape))
    other.save_pretrained(tmp_path / "other")
    tiny_guards.tokenizer().save_pretrained(tmp_path / "other")
    changed_config(adapters, base_model_name_or_path=str(tmp_path / "other"))
    with pytest.raises(backbones.AdaptersError, match="do not fit") as caught:
        backbones.load(str(adapters), None, "float32")
    assert "\n" not in str(caught.value)


def test_adapters_of_the_hub_and_their_base_are_each_of_their_own_revision(
    model: Path, adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    expected = logits(backbones.load(str(adapters), None, "float32"))
    changed_config(adapters, base_model_name_or_path="a/base", revision="whole")
    (adapters / "adapter_model.bin").touch()
    commits = {"whole": "a" * 40, "adapted": "b" * 40}
    with fake_hub.serve(monkeypatch, tmp_path / "caches") as served:
        served.revisions = commits
        served.repositories = {
            name: {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
            for name, files in (("a/base", model), ("a/guard", adapters))
        }
        assert backbones.base("a/guard", "adapted") == ("a/base", "whole")
        loaded = backbones.load("a/guard", "adapted", "float32")
        given = backbones.tokenizer("a/guard", "adapted")
    assert torch.equal(logits(loaded), expected)
    assert given("May goats sing?")["input_ids"] == PROMPT
    asked = [path.split("/", 5)[2:] for _, path, _ in served.asked if "/resolve/" in path]
    assert {(name, revision) for name, _, revision, _ in asked} <= {
        ("base", "whole"), ("base", commits["whole"]),
        ("guard", "adapted"), ("guard", commits["adapted"]),
    }  # fmt: skip
    assert {"model.safetensors", "adapter_model.safetensors"} < {file for *_, file in asked}
    assert "adapter_model.bin" not in {file for *_, file in asked}
