"""Verdict probabilities: what the model itself finds, read once, however it is computed."""

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tiny_guards
import torch
from scipy.stats import chisquare

from reasoning_guards import artifacts, engines, generation, guards, probability
from reasoning_guards.engines import Question, Request
from reasoning_guards.guards.format import Field
from reasoning_guards.recipes import Backbone, Cell, Decoding, Generation, Probability
from reasoning_guards.resources import Resources
from reasoning_guards.worker import Builder, Job

BACKBONE = Backbone(name="synthetic/llama-64-0", template="compact")
GREEDY = Decoding(temperature=0, top_p=1, generations=1, max_new_tokens=16, max_length=512)
ANSWERS = Generation(
    guard=BACKBONE,
    cell=Cell(dataset="synthetic/meadow", task="response"),
    limit=5,
    mode="non-reasoning",
    decoding=GREEDY,
    engine="transformers",
)
NR = Probability.of(ANSWERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_guards.build(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Any:
    return load(folder)


def load(folder: Path, batch: int = 128) -> Any:
    resources = Resources(generate_batch=batch)
    return engines.load("transformers", Backbone(name=str(folder)), None, 512, resources)


def by_hand(engine: Any, ids: list[int]) -> Any:
    """Log-probabilities of the next token, without batch, padding or cache."""
    with torch.inference_mode():
        return engine.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)


def asked(engine: Any) -> list[Question]:
    ids = [tuple(engine.tokenizer(text)["input_ids"]) for text in ("Tea?", "", "A goat sings.")]
    return [
        Question(ids[0], (5, 6, 7), (1, 2)),
        Question(ids[0], (9,), (3, 4, 5)),
        Question(ids[0], (), (8, 200)),
        Question(ids[2], (), (1, 2)),
        Question((*ids[1], 4), (11, 12), (1, 255)),
        Question(ids[2], (7,) * 9, (30, 20)),
    ]


@pytest.mark.parametrize("batch", [1, 2, 128])
def test_what_is_read_is_the_model_s_own_distribution_at_the_place_asked_for(
    engine: Any, folder: Path, batch: int
) -> None:
    questions = asked(engine)
    read = load(folder, batch).read(questions)
    for question, values in zip(questions, read, strict=True):
        known = by_hand(engine, [*question.prompt, *question.lead])
        assert values == pytest.approx(known[list(question.tokens)].tolist(), abs=1e-4)


def test_prompts_without_any_lead_are_read_in_one_pass(engine: Any) -> None:
    questions = [question for question in asked(engine) if not question.lead]
    passes = []
    hook = engine.model.register_forward_hook(lambda *_: passes.append(1))
    read = engine.read(questions)
    hook.remove()
    assert len(passes) == 1
    for question, values in zip(questions, read, strict=True):
        known = by_hand(engine, list(question.prompt))
        assert values == pytest.approx(known[list(question.tokens)].tolist(), abs=1e-4)


def test_a_probability_is_the_share_of_sampled_answers(engine: Any) -> None:
    prompt = tuple(engine.tokenizer("May I?")["input_ids"])
    letters = engine.tokenizer("abcdefghijklmnopqrstuvwxyz")["input_ids"]
    known = by_hand(engine, list(prompt))
    first, second = sorted(letters, key=lambda token: -float(known[token]))[:2]
    share = probability._share(engine.read([Question(prompt, (), (first, second))])[0], 1)
    decoding = Decoding(temperature=1, top_p=1, generations=50, max_new_tokens=1, max_length=512)
    requests = [Request(f"twin{n}", list(prompt)) for n in range(160)]
    said = Counter(
        answer.text for _, answers in engine.answer(requests, decoding) for answer in answers
    )
    seen = [said[engine.tokenizer.decode([token])] for token in (first, second)]
    assert min(seen) > 30
    assert chisquare(seen, [sum(seen) * share, sum(seen) * (1 - share)]).pvalue > 0.01


def test_a_response_s_probability_is_the_mean_over_both_verdicts_on_its_prompt(
    engine: Any,
) -> None:
    """Against whole sequences: every way to come to the last decision, spelt out token by token."""
    tokenizer = engine.tokenizer
    prompt = tokenizer("Tea?[assistant]")["input_ids"]
    fields = guards.fields("", "response")
    read = engine.read(probability.questions(tokenizer, prompt, "", "", "response"))

    def share(text: str) -> float:
        """The first letter of "harmful" against that of "unharmful", after a text."""
        at = by_hand(engine, [*prompt, *tokenizer(f"{text} ")["input_ids"]])
        h, u = (at[tokenizer(letter)["input_ids"][0]].exp().item() for letter in "hu")
        return h / (h + u)

    first = share("Prompt harm:")
    expected = first * share("Prompt harm: harmful\nResponse harm:") + (1 - first) * share(
        "Prompt harm: unharmful\nResponse harm:"
    )
    assert probability.combined(read, fields) == pytest.approx(expected, abs=1e-4)
    assert len(read) == 3


def test_several_words_may_mean_the_same() -> None:
    fields = (Field("", ("a", "b"), ("c",)),)
    read = [[math.log(0.1), math.log(0.2), math.log(0.1)]]
    assert probability.combined(read, fields) == pytest.approx(0.75)
    chain = (Field("", ("a",), ("b",)), Field("", ("a",), ("b",)))
    logs = [[math.log(p), math.log(1 - p)] for p in (0.2, 0.9, 0.4)]
    assert probability.combined(logs, chain) == pytest.approx(0.2 * 0.9 + 0.8 * 0.4)
    far = [[-2000.0, -2001.0]]
    assert probability.combined(far, chain[:1]) == pytest.approx(0.731, abs=1e-3)


@pytest.mark.parametrize("name", [n for n, g in guards.GUARDS.items() if g.fields["prompt"]])
def test_every_format_s_words_are_told_apart_by_one_token(engine: Any, name: str) -> None:
    for task in ("prompt", "response"):
        found = probability.questions(engine.tokenizer, [1], "", name, task)  # type: ignore[arg-type]
        assert len(found) == 2 ** len(guards.fields(name, task)) - 1  # type: ignore[arg-type]


def test_a_format_that_cannot_be_read_is_refused(engine: Any) -> None:
    with pytest.raises(probability.NoProbabilityError, match="gpt-oss"):
        probability.questions(engine.tokenizer, [1], "", "gpt_oss_safeguard", "prompt")


ASKED_TWICE = "<think> Prompt harm: harmful? </think>\n"


@pytest.mark.parametrize(
    ("name", "text", "before"),
    [
        ("", f"{ASKED_TWICE}Prompt harm: harmful", ASKED_TWICE),
        ("", "<think> R </think>\nPROMPT  HARM: safe\nPrompt", "<think> R </think>\n"),
        ("", "<think> R </think>\nIt is fine.", None),
        ("", "<think> Prompt harm: harmful", None),
        ("", "", None),
        ("guardreasoner", "Step 1\nAnswers:\n Request: harmful", "Step 1\n"),
        ("guardreasoner", "Step 1\nRequest: harmful", None),
        ("deepseek_distill", "R\n</think>\n\nPrompt harm: harmful", "R\n</think>\n\n"),
        ("deepseek_distill", "Prompt harm: harmful", None),
    ],
)
def test_a_reasoning_ends_where_the_first_decision_stands(
    name: str, text: str, before: str | None
) -> None:
    assert probability.reasoning(name, text, "prompt") == before


def test_how_answers_are_drawn_is_no_part_of_a_guard_that_is_not_sampled() -> None:
    hot = Decoding(temperature=0.6, top_p=0.9, generations=4, max_new_tokens=16, max_length=512)
    other = ANSWERS.model_copy(update={"decoding": hot})
    assert artifacts.key(Probability.of(other)) == artifacts.key(NR)
    reasoning = other.model_copy(update={"mode": "reasoning"})
    assert Probability.of(reasoning).answers == reasoning
    assert artifacts.identity(NR)["kind"] == "probabilities"


def test_a_guard_that_reasons_is_read_after_each_reasoning(tmp_path: Path) -> None:
    decoding = GREEDY.model_copy(update={"temperature": 0.6, "generations": 3})
    value = Probability.of(ANSWERS.model_copy(update={"mode": "reasoning", "decoding": decoding}))
    loaded = engines.load("transformers", BACKBONE, None, 512, Resources())
    texts = [
        "<think> the user asks . </think>\nPrompt harm: harmful\nResponse harm: harmful",
        "<think> fine . </think>\nPrompt harm: harmful",
        "<think> the user asks",
    ]
    requests = generation.requests(value.answers, loaded.tokenizer)
    with (tmp_path / generation.ROWS).open("w") as file:
        for request, _, _ in reversed(requests):
            for text in texts:
                file.write(json.dumps({"example": request.id, "text": text}) + "\n")
    notes = probability.measure(value, loaded, tmp_path, tmp_path)
    rows = generation.read_rows(tmp_path / probability.ROWS)
    assert notes == {"rows": 15, "unread": 5}
    for (request, example, _), mine in zip(
        requests, (rows[n : n + 3] for n in range(0, 15, 3)), strict=True
    ):
        assert [row["example"] for row in mine] == [example.id] * 3
        assert {row["truth"] for row in mine} == {example.response_harmful}
        for text, row in zip(texts, mine, strict=True):
            if row["generation"] == 2:
                assert row["probability"] is None
                continue
            before = text[: text.index("Prompt harm")]
            chain = probability.questions(loaded.tokenizer, request.prompt, before, "", "response")
            alone = [loaded.read([question])[0] for question in chain]
            expected = probability.combined(alone, guards.fields("", "response"))
            assert row["probability"] == pytest.approx(expected, abs=1e-5)
    assert len({row["probability"] for row in rows}) == 11


def test_no_verdict_is_read_beyond_the_length_that_the_engine_has_room_for(
    tmp_path: Path,
) -> None:
    loaded = engines.load("transformers", BACKBONE, None, 512, Resources())
    lengths = sorted(
        len(request.prompt) for request, _, _ in generation.requests(NR.answers, loaded.tokenizer)
    )
    tight = GREEDY.model_copy(update={"max_length": lengths[-1] + 3, "max_new_tokens": 3})
    value = Probability(answers=NR.answers.model_copy(update={"decoding": tight}))
    assert probability.measure(value, loaded, None, tmp_path)["unread"] >= 1


@pytest.mark.slow
def test_a_worker_makes_the_answers_that_it_reads(cache: Path) -> None:
    reasons = ANSWERS.model_copy(update={"mode": "reasoning", "limit": 3})
    builder = Builder()
    place = builder.make(Probability.of(reasons), Resources())
    assert artifacts.find(reasons)
    assert len(generation.read_rows(place / probability.ROWS)) == 3
    direct = builder.make(NR, Resources())
    assert not artifacts.find(NR.answers)
    rows = generation.read_rows(direct / probability.ROWS)
    assert all(0 < row["probability"] < 1 for row in rows)


@pytest.mark.slow
@pytest.mark.vllm
def test_both_engines_read_and_answer_alike_in_every_format(
    cache: Path, folder: Path, tmp_path: Path
) -> None:
    """vLLM in a child process, for the embedded backbone and for a released guard's stand-in."""
    python = os.environ.get("REASONING_GUARDS_VLLM_PYTHON")
    if not python:
        pytest.skip("REASONING_GUARDS_VLLM_PYTHON names no Python that has vLLM (`make vllm`)")
    stand_in = ANSWERS.model_copy(
        update={
            "guard": Backbone(name=str(folder), format="wildguard"),
            "decoding": GREEDY.model_copy(update={"max_length": 2000}),
        }
    )
    values = [NR, Probability.of(stand_in), stand_in]
    served = [
        value.model_copy(update={"engine": "vllm"})
        if isinstance(value, Generation)
        else Probability(answers=value.answers.model_copy(update={"engine": "vllm"}))
        for value in values
    ]
    job = tmp_path / "job.json"
    job.write_text(Job(values=tuple(served), resources=Resources()).model_dump_json())
    subprocess.run([python, "-m", "reasoning_guards.worker", str(job)], check=True)
    builder = Builder()
    for value, other in zip(values, served, strict=True):
        name = generation.ROWS if isinstance(value, Generation) else probability.ROWS
        here = generation.read_rows(builder.make(value, Resources()) / name)
        there = {
            row["example"]: row for row in generation.read_rows(artifacts.folder(other) / name)
        }
        assert len(here) == len(there) == 5
        for row in here:
            if isinstance(value, Generation):
                assert row["text"] == there[row["example"]]["text"]
            else:
                assert row["probability"] == pytest.approx(
                    there[row["example"]]["probability"], abs=1e-4
                )
    assert sys.modules.get("vllm") is None
