"""Chat templates as the hub has them: what is asked, what is learnt, and what ends an answer."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import chat_models
import pytest
import torch
from chat_models import FAMILIES, Family

from reasoning_guards import artifacts, backbones, chat, engines, generation, guards, prompts
from reasoning_guards.engines import Question
from reasoning_guards.examples import Example, Policy
from reasoning_guards.recipes import SFT, Backbone, Cell, Decoding, Generation, Recipe, TraceSpec
from reasoning_guards.resources import Resources
from reasoning_guards.training import data, sft
from reasoning_guards.worker import Builder, Job

EXAMPLE = Example(
    id="e1",
    cluster="c1",
    policy=Policy(name="garden", text="G1: Picking roses."),
    prompt="May I pick one?",
    response="Please do not.",
)
REASONING = Recipe(
    backbone=Backbone(name="the/backbone", template="compact"),
    train_set="synthetic/meadow",
    n_train=8,
    traces=TraceSpec(teacher="rule", sentences=1),
    dual="both",
    sft=SFT(
        epochs=80,
        learning_rate=5e-3,
        batch_size=2,
        warmup_ratio=0.1,
        weight_decay=0,
        max_length=512,
        precision="float32",
    ),
)
each = pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, id=name)
        for name, family in FAMILIES.items()
        if name != "gemma that sees"  # whose tokenizer is the other's
    ],
)


def asked(words: Any, **changes: Any) -> list[int]:
    options = {"mode": "reasoning", "template": "paper", "max_tokens": 5000} | changes
    return prompts.encode(words, EXAMPLE, **options).ids


def templated(name: str) -> Any:
    """Llama's tokens with a template of TRL's."""
    words = chat_models.tokenizer(FAMILIES["llama"])
    words.chat_template = chat_models.template(name)
    return words


# What is asked


@each
@pytest.mark.parametrize("template", ["paper", "compact"])
def test_a_prompt_is_what_the_template_makes_of_it_with_one_bos(
    family: Family, template: Any
) -> None:
    words = chat_models.tokenizer(family)
    ids = asked(words, template=template)
    message = {"role": "user", "content": prompts.guard_prompt(EXAMPLE, "reasoning", template)}
    text = words.apply_chat_template([message], add_generation_prompt=True, tokenize=False)
    assert ids == words(text.removesuffix("<think>\n"), add_special_tokens=False)["input_ids"]
    assert ids.count(words.bos_token_id) == (family.bos is not None)
    assert family.bos is None or ids[0] == words.bos_token_id


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("llama3_1", "Today Date: 26 Jul 2024\n"),
        ("llama3_2", "Today Date: 26 Jul 2024\n"),  # its own default is today
        ("gptoss", "Current date: 2024-07-26\n"),
    ],
)
def test_the_date_is_the_same_whenever_a_guard_is_asked(name: str, line: str) -> None:
    words = templated(name)
    assert line in words.decode(asked(words))
    assert line in words.decode(
        guards.encode(
            words, EXAMPLE, "llama_guard", task="prompt", mode="non-reasoning", max_tokens=5000
        ).ids
    )


def test_thinking_that_a_template_begins_is_left_to_guards_of_ours_and_kept_for_released_ones() -> (
    None
):
    words = chat_models.tokenizer(FAMILIES["deepseek"])
    assert words.decode(asked(words)).endswith(chat_models.DEEPSEEK[3])
    released = guards.encode(
        words, EXAMPLE, "deepseek_distill", task="prompt", mode="reasoning", max_tokens=5000
    )
    assert words.decode(released.ids).endswith(f"{chat_models.DEEPSEEK[3]}<think>\n")
    assert words.decode(released.ids).count("<think>") == 1


def test_no_guard_of_ours_needs_a_system_message() -> None:
    words = templated("gemma")
    with pytest.raises(Exception, match="System role not supported"):
        chat.rendered(words, [{"role": "system", "content": "Hm."}])
    assert asked(words)


def test_a_tokenizer_without_a_template_is_one_sentence() -> None:
    words = chat_models.tokenizer(FAMILIES["llama"])
    words.chat_template = None
    with pytest.raises(chat.NoChatTemplateError, match="has no chat template to ask with: choose"):
        asked(words)
    assert chat.end_ids(words) == [words.eos_token_id]


# What is learnt


@each
def test_what_is_learnt_begins_with_what_is_asked_and_keeps_its_thinking(family: Family) -> None:
    words = chat_models.tokenizer(family)
    model = settled(family, words)
    learnt = data.tokenise(REASONING, words)
    lessons = data.lessons(REASONING)
    assert {lesson.mode for lesson in lessons} == {"reasoning", "non-reasoning"}
    for lesson, ids, mask in zip(lessons, learnt.input_ids, learnt.completion_mask, strict=True):
        prompt = prompts.encode(
            words,
            lesson.example,
            mode=lesson.mode,
            template="compact",
            mode_token=True,
            max_tokens=512,
        ).ids
        assert ids[: len(prompt)] == prompt
        assert mask == [0] * len(prompt) + [1] * (len(ids) - len(prompt))
        answer = ids[len(prompt) :]
        text = prompts.completion(lesson.example, lesson.trace)
        assert words.decode(answer[:-1], skip_special_tokens=True) == text
        assert text.startswith("<think> ") == (lesson.mode == "reasoning")
        assert words.decode(answer[-1:]) == family.turn_end
        assert not {*answer[:-1]} & {*chat.end_ids(words, model.generation_config.eos_token_id)}
    if family.plain:  # one token each, as the model knows them
        assert words.convert_tokens_to_ids("</think>") in learnt.input_ids[0]


@each
def test_an_answer_without_thinking_is_learnt_as_the_template_writes_it(family: Family) -> None:
    words = chat_models.tokenizer(family)
    settled(family, words)
    learnt = data.tokenise(REASONING.model_copy(update={"dual": None, "traces": None}), words)
    example = data.lessons(REASONING)[0].example
    said = [
        {"role": "user", "content": prompts.guard_prompt(example, "non-reasoning", "compact")},
        {"role": "assistant", "content": prompts.completion(example, None)},
    ]
    text = words.apply_chat_template(said, tokenize=False).removesuffix("\n")
    # Qwen3's writes an empty thinking into the last answer, which nothing asks for.
    text = text.replace("<think>\n\n</think>\n\n", "")
    assert learnt.input_ids[0] == words(text, add_special_tokens=False)["input_ids"]


def test_special_tokens_that_a_trace_writes_are_plain_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = chat_models.tokenizer(FAMILIES["llama"])
    monkeypatch.setattr(prompts, "completion", lambda *_, **__: "<think> <|eot_id|> </think>\nNo")
    ids = data.tokenise(REASONING, words).input_ids[0]
    assert ids.count(words.eos_token_id) == asked(words).count(words.eos_token_id) + 1
    assert words.decode(ids).endswith("<think> <|eot_id|> </think>\nNo<|eot_id|>")


# What ends an answer, and what pads


def settled(family: Family, words: Any) -> Any:
    """A model that agrees with the tokenizer, as before a training."""
    model = family.model(len(words) + 3)
    model.generation_config.eos_token_id = words.convert_tokens_to_ids(list(family.ends))
    chat.prepare(words, model)
    return model


@each
def test_before_a_training_all_ends_stay_ends_and_padding_is_none_of_the_learnt(
    family: Family,
) -> None:
    words = chat_models.tokenizer(family)
    model = settled(family, words)
    ends = {*family.ends, family.eos, family.turn_end}
    listed = model.generation_config.eos_token_id
    listed = listed if isinstance(listed, list) else [listed]
    assert {*words.convert_ids_to_tokens(listed)} == ends
    assert chat.end_ids(words, listed) == listed
    assert words.eos_token == family.turn_end
    assert words.pad_token == family.padding != words.eos_token
    assert words.pad_token_id < model.get_input_embeddings().num_embeddings


def test_the_template_s_end_ends_an_answer_though_the_model_s_settings_do_not_list_it(
    tmp_path: Path,
) -> None:
    """As of a base model with a chat template; Llama's tokenizer names another end there."""
    folder = chat_models.build(FAMILIES["llama"], tmp_path)
    words = chat_models.tokenizer(FAMILIES["llama"])
    words.eos_token = chat_models.LLAMA[1]
    words.save_pretrained(folder)
    (folder / "generation_config.json").write_text('{"eos_token_id": 7}')
    engine: Any = engines.load("transformers", Backbone(name=str(folder)), None, 512, Resources())
    named = words.convert_tokens_to_ids([chat_models.LLAMA[1], "<|eot_id|>"])
    assert [*engine.ends] == sorted([7, *named])


# A model that sees images


def test_the_part_for_text_of_a_model_that_sees_says_what_the_whole_says(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, Gemma3ForCausalLM

    folder = chat_models.build(FAMILIES["gemma that sees"], tmp_path / "whole")
    whole = AutoModelForCausalLM.from_pretrained(folder)
    text = backbones.load(str(folder), None, "float32")
    assert type(whole).__name__ == "Gemma3ForConditionalGeneration"
    assert isinstance(text, Gemma3ForCausalLM)
    text.save_pretrained(tmp_path / "text")
    again = backbones.load(str(tmp_path / "text"), None, "float32")
    ids = torch.randint(10, 500, (2, 50))
    with torch.inference_mode():
        expected = whole(ids).logits
        assert torch.equal(text(ids).logits, expected)
        assert torch.equal(again(ids).logits, expected)
    assert again.generation_config.eos_token_id == whole.generation_config.eos_token_id
    assert sum(p.numel() for p in again.parameters()) < sum(p.numel() for p in whole.parameters())


def test_a_model_that_sees_and_has_no_part_for_text_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    folder = chat_models.build(FAMILIES["gemma that sees"], tmp_path)

    def unknown(*_: Any, **__: Any) -> None:
        raise ValueError("Unrecognized configuration class")

    monkeypatch.setattr(AutoModelForCausalLM, "from_config", unknown)
    with pytest.raises(backbones.NotForTextError, match="whose part for text cannot be loaded"):
        backbones.load(str(folder), None, "float32")


@pytest.mark.parametrize("name", ["gemma", "qwen", "deepseek"])
def test_probabilities_read_through_a_cache_are_those_of_one_pass(
    name: str, tmp_path: Path
) -> None:
    """Prompts of several lengths, beyond Gemma's window of 32 tokens, with leads or without."""
    folder = chat_models.build(FAMILIES[name], tmp_path)
    engine: Any = engines.load("transformers", Backbone(name=str(folder)), None, 512, Resources())
    asked = [
        Question(tuple(range(10, 10 + length)), lead, (5, 7, 11))
        for length in (40, 75, 110)
        for lead in ((), (20, 30, 40, 50))
    ]
    for question, found in zip(asked, engine.read(asked), strict=True):
        with torch.inference_mode():
            scores = engine.model(torch.tensor([[*question.prompt, *question.lead]])).logits[0, -1]
        expected = scores.double().log_softmax(-1)[list(question.tokens)]
        assert found == pytest.approx(expected.tolist(), abs=1e-5)


# From training to answers


def answers(folder: Path, **changes: Any) -> Generation:
    """What a guard in a folder is asked, greedily."""
    decoding = Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=128, max_length=512)
    values = {
        "guard": Backbone(name=str(folder), template="compact"),
        "cell": Cell(dataset="synthetic/meadow", task="prompt"),
        "limit": 6,
        "mode": "reasoning",
        "decoding": decoding,
        "engine": "transformers",
    }
    return Generation(**(values | changes))


@pytest.fixture(scope="module")
def guards_by_family(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A guard of each family, trained on two examples until it has their form."""
    places = {}
    for name in ("llama", "gemma that sees", "qwen", "deepseek"):
        start = chat_models.build(FAMILIES[name], tmp_path_factory.mktemp("start"))
        places[name] = tmp_path_factory.mktemp("trained")
        backbone = Backbone(name=str(start), template="compact")
        recipe = REASONING.model_copy(update={"backbone": backbone, "dual": None, "n_train": 2})
        sft.train(recipe, places[name], Resources())
    return places


@pytest.mark.slow
def test_a_trained_guard_of_each_family_thinks_and_stops_at_the_template_s_end(
    guards_by_family: dict[str, Path], tmp_path: Path
) -> None:
    for name, folder in guards_by_family.items():
        engine: Any = engines.load("transformers", answers(folder).guard, None, 512, Resources())
        (place := tmp_path / name).mkdir()
        generation.generate(answers(folder), engine, place)
        texts = [row["text"] for row in generation.read_rows(place / generation.ROWS)]
        assert any(text.startswith("<think> ") and "</think>" in text for text in texts), name
        assert engine.tokenizer.eos_token == FAMILIES[name].turn_end
        assert {*FAMILIES[name].ends} == {*engine.tokenizer.convert_ids_to_tokens(engine.ends)}


@pytest.mark.slow
def test_adapters_leave_the_ends_that_full_fine_tuning_leaves(tmp_path: Path) -> None:
    family = replace(FAMILIES["gemma"], ends=("<unk>",))  # neither the tokenizer's nor the turn's
    start = chat_models.build(family, tmp_path / "start")
    listed = []
    for rank in (None, 2):
        settings = {"epochs": 1, "lora_rank": rank}
        recipe = REASONING.model_copy(
            update={
                "backbone": Backbone(name=str(start), template="compact"),
                "n_train": 2,
                "sft": REASONING.sft.model_copy(update=settings),
            }
        )
        (folder := tmp_path / str(rank)).mkdir()
        sft.train(recipe, folder, Resources())
        listed.append(json.loads((folder / "generation_config.json").read_text())["eos_token_id"])
    words = chat_models.tokenizer(family)
    assert {*words.convert_ids_to_tokens(listed[0])} == {"<unk>", "<eos>", "<end_of_turn>"}
    assert {*listed[1]} == {*listed[0]}


@pytest.mark.slow
@pytest.mark.vllm
def test_both_engines_answer_alike_and_stop_at_every_listed_end(
    guards_by_family: dict[str, Path], tmp_path: Path
) -> None:
    """vLLM in a child process: a guard of each family, of which the last lists an end more; and
    one that was not trained and sees."""
    python = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
    if not python:
        pytest.skip("REASONING_GUARDS_VLLM_PYTHON names no Python that has vLLM (`make vllm`)")
    sees = chat_models.build(FAMILIES["gemma that sees"], tmp_path / "sees")
    *others, last = guards_by_family.values()
    ending = shutil.copytree(last, tmp_path / "ending")
    settings = json.loads((ending / "generation_config.json").read_text())
    thought = chat_models.tokenizer(FAMILIES["deepseek"]).convert_tokens_to_ids("</think>")
    settings["eos_token_id"].append(thought)
    (ending / "generation_config.json").write_text(json.dumps(settings))
    folders = [*others, sees, ending]
    served = [answers(folder, engine="vllm") for folder in folders]
    job = tmp_path / "job.json"
    job.write_text(Job(values=tuple(served), resources=Resources()).model_dump_json())
    subprocess.run([python, "-m", "reasoning_guards.worker", str(job)], check=True)
    builder = Builder()
    columns = ("text", "tokens", "prompt_tokens", "finish")
    for folder, other in zip(folders, served, strict=True):
        here, there = (
            {
                row["example"]: [row[name] for name in columns]
                for row in generation.read_rows(place / generation.ROWS)
            }
            for place in (builder.make(answers(folder), Resources()), artifacts.folder(other))
        )
        assert here == there, folder
    assert "stop" in {finish for *_, finish in here.values()}
    assert all("</think>" not in text for text, *_ in here.values())
