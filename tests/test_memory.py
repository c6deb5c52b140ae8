"""Memory: formulas against the true classes, and what has no room is refused before it starts."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
import yaml
from accelerate import FullyShardedDataParallelPlugin
from torch.autograd.graph import saved_tensors_hooks
from transformers import AutoModelForCausalLM

from reasoning_guards import (
    access,
    architectures,
    chapters,
    cli,
    devices,
    local,
    memory,
    params,
    plan,
    scheduler,
)
from reasoning_guards.architectures import Architecture
from reasoning_guards.cards import CARDS
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Recipe, with_needed
from reasoning_guards.resources import Resources
from reasoning_guards.training import grpo, sft

PARAMS = Path(__file__).parents[1] / "params"
KNOWN = architectures.known()
LLAMA, GEMMA = KNOWN["Llama-3.1-8B"], KNOWN["Gemma-3-4B"]
EMBEDDED = {"embedded-llama", "embedded-qwen3"}
FAMILIES = {"Gemma3": "Gemma3Text"}  # where the class of a text model is named otherwise
SIGLIP = {
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
    "num_attention_heads": 16, "image_size": 896, "patch_size": 14, "vision_use_head": False,
}  # fmt: skip


def config(shape: Architecture, **more):
    """The configuration that a shape is of, in the true class."""
    family = shape.layer.removesuffix("DecoderLayer")
    return getattr(transformers, FAMILIES.get(family, family) + "Config")(
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
        **more,
    )


def whole(shape: Architecture):
    """The model as it is loaded, on the meta device: with a vision tower, or all its experts."""
    full = config(shape)
    if shape.layer.startswith("Gemma3"):
        full = transformers.Gemma3Config(text_config=full.to_dict(), vision_config=SIGLIP)
    if shape.layer.startswith("GptOss"):
        full.num_local_experts, full.intermediate_size = 32, shape.mlp // full.num_experts_per_tok
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(full)


@pytest.mark.parametrize("shape", KNOWN.values(), ids=lambda shape: shape.name)
def test_parameters_are_those_of_the_true_class_and_of_the_card(shape):
    model = whole(shape)
    assert shape.parameters == model.num_parameters()
    assert shape.parameters == pytest.approx(shape.card, rel=0.004)
    assert shape.layer in model._no_split_modules
    assert sum(type(part).__name__ == shape.layer for part in model.modules()) == shape.layers


def test_fsdp_wraps_the_decoder_layers_that_memory_is_reckoned_by():
    """The shipped configuration names no class, so that each model's own list decides."""
    path = PARAMS / "accelerate" / "fsdp.yaml"
    sharing = yaml.safe_load(path.read_text())["fsdp_config"]
    assert sharing["fsdp_auto_wrap_policy"] == "TRANSFORMER_BASED_WRAP"
    assert "fsdp_transformer_layer_cls_to_wrap" not in sharing
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="transformer_based_wrap"
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config(tiny("Llama")))
    plugin.set_auto_wrap_policy(model)
    wrapped = plugin.auto_wrap_policy.keywords["transformer_layer_cls"]
    assert {part.__name__ for part in wrapped} == {LLAMA.layer}


def test_what_is_loaded_is_all_but_the_part_for_images():
    seeing = whole(GEMMA)
    with torch.device("meta"):
        text = AutoModelForCausalLM.from_config(seeing.config.get_text_config())
    assert GEMMA.loaded == text.num_parameters() == seeing.num_parameters() - GEMMA.images
    assert GEMMA.images > 0


def test_every_model_that_profiles_name_is_known():
    profiles = [params.load(path) for path in sorted(PARAMS.glob("*.yaml"))]
    assert profiles
    named = {name for each in profiles for name in (each.backbone, each.second_backbone)}
    released = {guard.hub_id for guard in chapters.released.guards.GUARDS.values()}
    for model in ("synthetic/qwen3-48-2", *named, *released):
        assert architectures.of(model) is not None, model
    assert architectures.of("mine/unheard-of-3b") is None


def tiny(name: str) -> Architecture:
    return Architecture(
        name="tiny", source="", card=0, models=(), layer=f"{name}DecoderLayer", layers=2,
        width=256, mlp=896, heads=4, kv_heads=2, head=64, vocabulary=512,
        norms=4 if name == "Gemma3" else 2, query_norms=name != "Llama",
        tied=name == "Gemma3",
    )  # fmt: skip


def settings(**changed) -> SFT:
    return SFT(
        **{
            "epochs": 1, "learning_rate": 1e-6, "batch_size": 32, "warmup_ratio": 0,
            "weight_decay": 0, "max_length": 4096, "precision": "bfloat16", **changed,
        }
    )  # fmt: skip


def kept_by_autograd(shape: Architecture, tokens: int) -> int:
    """Bytes of all that has an axis of tokens."""
    model, kept = AutoModelForCausalLM.from_config(config(shape)), {}
    noted = saved_tensors_hooks(lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t), id)
    with noted, torch.autocast("cpu", torch.bfloat16):
        model.base_model(torch.arange(tokens)[None], use_cache=False)
    return sum(t.untyped_storage().nbytes() for t in kept.values() if tokens in t.shape)


@pytest.mark.parametrize("family", ["Llama", "Qwen3", "Gemma3"])
def test_a_layer_keeps_what_autograd_keeps(family):
    two, three = (replace(tiny(family), layers=layers) for layers in (2, 3))
    found = kept_by_autograd(three, 60) - kept_by_autograd(two, 60)
    assert 60 * memory.kept_by_layer(two, settings()) == pytest.approx(found, rel=0.05)


def test_weights_gradients_and_optimiser_are_what_torch_holds():
    shape = tiny("Llama")
    model = AutoModelForCausalLM.from_config(config(shape))
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.arange(8)[None], labels=torch.arange(8)[None]).loss.backward()
    optimiser.step()
    states = [s for state in optimiser.state.values() for s in state.values() if s.dim()]
    parts = memory.training(shape, settings(precision="float32"), Resources())
    for part, held in (
        ("weights", [*model.parameters()]),
        ("gradients", [p.grad for p in model.parameters()]),
        ("optimiser", states),
    ):
        assert parts[part] * memory.GIB == sum(t.untyped_storage().nbytes() for t in held)


def test_keys_and_values_are_what_transformers_keeps():
    shape = tiny("Llama")
    model = AutoModelForCausalLM.from_config(config(shape))
    layers = model(torch.arange(40)[None], use_cache=True).past_key_values.layers
    held = sum(part.nbytes for layer in layers for part in (layer.keys, layer.values))
    assert shape.cache(40, "float32") == held


def test_layers_with_a_window_keep_no_more_than_it():
    full = GEMMA.layers // 6
    more = GEMMA.cache(4096, "bfloat16") - GEMMA.cache(2048, "bfloat16")
    assert more == 2 * 2 * GEMMA.of_keys * full * 2048
    assert LLAMA.cache(1, "bfloat16") == 131_072  # of one token, as often quoted


GPU = Resources(device="cuda", train_batch_per_device=1, gradient_checkpointing=True)


def gib(shape, **options):
    return sum(memory.training(shape, settings(), GPU, **options).values())


def test_full_fine_tuning_of_8b_takes_several_gpus_or_adapters():
    held = memory.training(LLAMA, settings(precision="float32"), GPU)
    of_adam = held["weights"] + held["gradients"] + held["optimiser"]
    assert of_adam * memory.GIB == pytest.approx(128e9, rel=0.01)
    assert gib(LLAMA) > CARDS["H200"].gib
    assert gib(LLAMA, gpus=8) < 0.5 * CARDS["A100 80GB"].gib
    assert gib(LLAMA, rank=64) < CARDS["RTX 4090"].gib
    assert gib(LLAMA, gpus=8) < gib(LLAMA, gpus=4) < gib(LLAMA, gpus=2) < gib(LLAMA)


def test_gpus_that_share_a_training_gather_what_they_compute_with():
    """Two layers, the gradient of one, and embedding and output layer with theirs, in bfloat16."""
    shared = memory.training(LLAMA, settings(), GPU, gpus=8)["weights"] * memory.GIB
    gathered = 2 * (3 * 218_112_000 + 2 * 2 * 128_256 * 4096)
    assert shared == pytest.approx(4 * LLAMA.loaded / 8 + gathered)


def test_checkpointing_longer_texts_and_a_reference_count():
    without = GPU.model_copy(update={"gradient_checkpointing": False})
    kept = memory.training(LLAMA, settings(), without)["activations"]
    assert kept > 5 * memory.training(LLAMA, settings(), GPU)["activations"]
    short = memory.training(LLAMA, settings(max_length=1024), GPU)["activations"]
    assert memory.training(LLAMA, settings(), GPU)["activations"] == 4 * short
    pairs = memory.training(LLAMA, settings(), GPU, answers=2, reference=2)
    assert pairs["activations"] == 8 * short
    assert pairs["reference"] == pytest.approx(2 * LLAMA.parameters / memory.GIB)
    assert "reference" not in memory.training(LLAMA, settings(), GPU)


HUB = Profile(
    world="hub",
    backbone="meta-llama/Llama-3.1-8B-Instruct",
    train_set="allenai/wildguardmix",
    other_train_set="nvidia/Aegis-AI-Content-Safety-Dataset-2.0",
    dialogues="nvidia/CantTalkAboutThis-Topic-Control-Dataset",
    teacher="deepseek-ai/DeepSeek-R1",
    template="paper",
    engine="vllm",
    precision="bfloat16",
    batch_size=32,
    train_batch_per_device=1,
    gradient_checkpointing=True,
    device="cuda",
    card="A100 80GB",
)
STUDY = chapters.rq1_efficacy(HUB)


def needs(profile=HUB, chapter=chapters.rq6_difficult_samples):
    study = chapter(profile)
    found = memory.of_all(with_needed(study.values()), study.resources())
    assert len({need.what for need in found}) == len(found), "a name for each"
    return {need.what: need for need in found}


def test_splitting_and_adapters_of_a_profile_count():
    name = "Training of meta-llama/Llama-3.1-8B-Instruct"
    whole = needs()[name]
    split = needs(HUB.model_copy(update={"gpus_per_training": 4}))[name]
    assert split.parts["optimiser"] == whole.parts["optimiser"] / 4
    adapted = needs(HUB.model_copy(update={"lora_rank": 32}))
    assert adapted[name].gib < 0.2 * whole.gib
    assert "reference" not in adapted[name.replace("Training", "DPO")].parts
    assert "reference" in needs()[name.replace("Training", "DPO")].parts
    held = needs(HUB.model_copy(update={"lora_rank": 32, "dpo_reference": "backbone"}))
    assert held[name.replace("Training", "DPO")].parts["reference"] == pytest.approx(
        LLAMA.weights("bfloat16") / memory.GIB
    )


def test_adapters_are_as_many_as_peft_makes():
    from peft import LoraConfig, get_peft_model

    shape = tiny("Llama")
    model = AutoModelForCausalLM.from_config(config(shape))
    made = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
    trained = sum(p.numel() for p in made.parameters() if p.requires_grad)
    assert trained == shape.adapters(8)


def test_a_gpu_is_reckoned_with_as_many_sequences_as_the_trainer_gives_it(tmp_path):
    many = GPU.model_copy(update={"train_batch_per_device": 16, "gpus_per_training": 8})
    given = sft.arguments(settings(batch_size=32), 0, many, tmp_path)
    at_once = given["per_device_train_batch_size"]
    assert at_once == 4
    one = memory.training(LLAMA, settings(batch_size=32), GPU, gpus=8)["activations"]
    found = memory.training(LLAMA, settings(batch_size=32), many, gpus=8)["activations"]
    assert found == at_once * one


def test_runs_of_grpo_that_take_something_else_are_told_apart():
    trying = {"grpo_groups": [4, 8], "grpo_betas": [0.01, 0], "grpo_engine": "vllm"}
    profile = HUB.model_copy(update=trying)
    name = "GRPO of meta-llama/Llama-3.1-8B-Instruct, groups of {}"
    found = needs(profile, chapters.appendix_grpo)
    runs = [name.format(4), f"{name.format(4)}, no reference", name.format(8)]
    assert [what for what in found if what.startswith("GRPO")] == runs
    assert ["reference" in found[run].parts for run in runs] == [True, False, True]
    adapted = needs(profile.model_copy(update={"lora_rank": 8}), chapters.appendix_grpo)
    assert [what for what in adapted if what.startswith("GRPO")] == [name.format(4), name.format(8)]


def of_grpo(**changes):
    """What GRPO and, if that is by vLLM, the writing of its answers take."""
    found = needs(HUB.model_copy(update=changes), chapters.appendix_grpo)
    named = f"GRPO of {HUB.backbone}, groups of 4"
    return found[named].parts, found.get(f"vllm within {named}")


def test_what_writes_grpos_answers_counts_as_far_as_a_step_takes_less():
    served, _ = of_grpo(grpo_engine="vllm", lora_rank=8)
    awake = LLAMA.weights("bfloat16") + 4 * LLAMA.cache(HUB.max_length, "bfloat16")
    passing = served["gradients"] + served["logits"] + served["activations"]
    assert served["rollouts"] > 0
    assert served["rollouts"] + passing == pytest.approx(awake / memory.GIB + 2)
    full, _ = of_grpo(grpo_engine="vllm")
    assert full["rollouts"] == 0
    # Here all answers of a step are written at once, with the weights that are trained.
    many, _ = of_grpo(lora_rank=8, grpo_batch_size=1024)
    passing = many["gradients"] + many["logits"] + many["activations"]
    cache = 1024 * LLAMA.cache(HUB.max_length, "bfloat16")
    assert many["rollouts"] + passing == pytest.approx(cache / memory.GIB)


def test_vllm_within_grpo_has_the_share_that_it_is_given(tmp_path):
    _, awake = of_grpo(grpo_engine="vllm")
    assert awake.share == 0.3
    assert awake.parts["weights"] == LLAMA.weights("bfloat16") / memory.GIB
    assert memory.require(awake, [79.2])
    with pytest.raises(memory.TooLittleMemoryError, match=r"30% of 44 GiB: use grpo_engine trans"):
        memory.require(awake, [44.0])
    assert of_grpo()[1] is None
    values = with_needed(chapters.appendix_grpo(HUB).values())
    recipe = next(one for one in values if isinstance(one, Recipe) and one.refinement)
    told = grpo.settings(recipe, recipe.refinement, GPU, tmp_path)
    assert told["vllm_gpu_memory_utilization"] == awake.share


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_two_rows_of_a_profiles_plan_have_one_name(path):
    profile = params.load(path)
    studies = [chapter(profile) for chapter in chapters.CHAPTERS.values()]
    assert plan.room(profile, studies).index.is_unique


def test_each_distinct_need_is_there_once():
    assert list(needs()) == [
        "DPO of meta-llama/Llama-3.1-8B-Instruct",
        "Training of meta-llama/Llama-3.1-8B-Instruct",
        "vllm with meta-llama/Llama-3.1-8B-Instruct, 512 tokens",
    ]
    assert needs(HUB.model_copy(update={"backbone": "mine/unheard-of-3b"})) == {}


def test_an_engine_spans_gpus_or_has_rows_beside_each_other():
    name = "{} with meta-llama/Llama-3.1-8B-Instruct, 512 tokens"
    one = needs()[name.format("vllm")]
    two = needs(HUB.model_copy(update={"tensor_parallel": 2}))[name.format("vllm")]
    assert two.parts["weights"] == one.parts["weights"] / 2
    others = needs(HUB.model_copy(update={"engine": "transformers"}))
    for answers in (1, HUB.mining_generations):
        rows = HUB.generate_batch * answers
        other = others[f"{name.format('transformers')}, {rows} at once"]
        assert other.parts["cache"] == pytest.approx(rows * one.parts["cache"])


def test_what_does_not_fit_is_refused_in_a_sentence_that_says_what_to_do():
    need = needs()["Training of meta-llama/Llama-3.1-8B-Instruct"]
    assert memory.require(need, []) is None
    assert memory.require(need, [179.1]) == f"{need.gib:.0f} of 179 GiB"
    with pytest.raises(memory.TooLittleMemoryError) as refused:
        memory.require(need, [179.1, 80.0])
    sentence = str(refused.value)
    assert sentence.startswith("Training of meta-llama/Llama-3.1-8B-Instruct takes ")
    assert "can have 92% of 80 GiB: " in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_run_on_gpus_that_are_too_small_is_refused_before_anything_starts(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(devices, "memories", lambda: [80.0, 80.0])
    monkeypatch.setattr(local, "Worker", lambda *_: pytest.fail("a worker was started"))
    monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", "/there/python")
    with pytest.raises(memory.TooLittleMemoryError, match="Training of meta-llama"):
        scheduler.run(STUDY.generations(["nr"])[:1], STUDY.resources(), 1)
    monkeypatch.setattr(devices, "memories", lambda: [179.1])
    with pytest.raises(pytest.fail.Exception, match="a worker was started"):
        scheduler.run(STUDY.generations(["nr"])[:1], STUDY.resources(), 1)


def test_cards_are_those_seen_else_the_profiles(monkeypatch):
    monkeypatch.setattr(devices, "memories", list)
    assert memory.cards(HUB) == [80.0]
    assert memory.cards(HUB.model_copy(update={"card": None})) == []
    monkeypatch.setattr(devices, "memories", lambda: [24.0])
    assert memory.cards(HUB) == [24.0]
    assert memory.cards(Profile()) == []


def test_the_plans_check_says_what_fits_and_what_does_not(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "memories", list)
    monkeypatch.setenv("REASONING_GUARDS_MIRROR", str(tmp_path))
    profile = tmp_path / "mine.yaml"
    profile.write_text("".join(f"{k}: {v!r}\n" for k, v in HUB.model_dump().items() if v))
    assert cli.main(["plan", "--check", "--profile", str(profile)]) == 1
    lines = capsys.readouterr().out.splitlines()
    about = [line for line in lines if "memory for" in line]
    assert any(line.startswith("NO  memory for Training of meta-llama") for line in about)
    assert any(line.startswith("ok  memory for vllm with") for line in about)


def test_the_plans_check_looks_at_the_answers_that_difficult_examples_are_found_by(monkeypatch):
    monkeypatch.setattr(devices, "memories", list)
    monkeypatch.setattr(access, "_found", lambda what, *_: what)
    found = access.check(HUB.model_copy(update={"engine": "transformers"}))
    rows = HUB.generate_batch * HUB.mining_generations
    assert any(str(what).endswith(f" tokens, {rows} at once") for what in found)
