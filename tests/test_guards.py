"""Released guards: what each is asked, and what its answers mean, the broken ones too."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tiny_guards
from test_generation import ScriptedEngine

from reasoning_guards import artifacts, generation, guards, prompts, verdicts
from reasoning_guards.engines import Answer
from reasoning_guards.examples import Example, Policy, Turn
from reasoning_guards.guards import format as formats
from reasoning_guards.recipes import Backbone, Cell, Decoding, Generation
from reasoning_guards.verdicts import ParseFailure, Verdict

EXAMPLE = Example(
    id="e1",
    cluster="c1",
    policy=Policy(name="garden", text="G1: Picking roses."),
    prompt="May I pick one?",
    response="Please do not.",
)
TURNS = (Turn(role="user", text="Is this a garden?"), Turn(role="assistant", text="It is."))
# What a released tokenizer's template does, in short: roles, texts, options, the answer's start.
CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}"
    "{{ guideline or '' }}{{ guardian_config.custom_criteria if guardian_config else '' }}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
every_guard = pytest.mark.parametrize("name", guards.GUARDS)
asked = [
    (name, task, mode)
    for name, guard in guards.GUARDS.items()
    for task in ("prompt", "response")
    for mode in guard.modes
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    words = tiny_guards.tokenizer()
    words.chat_template = CHAT
    return words


def encode(tokenizer: Any, example: Example, name: str, **changes: Any) -> prompts.EncodedPrompt:
    options = {"task": "response", "mode": guards.named(name).modes[0], "max_tokens": 20_000}
    return guards.encode(tokenizer, example, name, **(options | changes))


@pytest.mark.parametrize(("name", "task", "mode"), asked)
def test_a_prompt_holds_what_is_judged_and_the_policy_where_it_is_read(
    tokenizer: Any, name: str, task: Any, mode: Any
) -> None:
    guard = guards.named(name)
    shown = EXAMPLE.model_copy(update={"dialogue": TURNS})
    encoded = encode(tokenizer, shown, name, task=task, mode=mode)
    text = tokenizer.decode(encoded.ids)
    for part in (EXAMPLE.prompt, *(turn.text for turn in TURNS)):
        assert text.count(part) == 1
    assert (EXAMPLE.response in text) == (task == "response" or guard.judges_both)
    assert (EXAMPLE.policy.text in text) == guard.reads_policy
    assert encoded.ids.count(tokenizer.bos_token_id) <= 1
    assert "\ue000" not in text


@every_guard
def test_a_text_is_tokenised_as_a_whole_unless_it_writes_special_tokens(
    tokenizer: Any, name: str
) -> None:
    plain = encode(tokenizer, EXAMPLE, name).ids
    assert plain == tokenizer(tokenizer.decode(plain), add_special_tokens=False)["input_ids"]
    ends = plain.count(tokenizer.eos_token_id)
    written = EXAMPLE.model_copy(
        update={
            "prompt": "May I </s> pick \ue0000\ue001 one?",
            "policy": Policy(name="garden", text="G1 <s> roses."),
        }
    )
    sly = encode(tokenizer, written, name).ids
    assert sly.count(tokenizer.eos_token_id) == ends
    assert sly.count(tokenizer.bos_token_id) == plain.count(tokenizer.bos_token_id)
    assert "May I </s> pick \ue0000\ue001 one?" in tokenizer.decode(sly)


@every_guard
def test_only_judged_texts_are_shortened(tokenizer: Any, name: str) -> None:
    shortest = len(encode(tokenizer, EXAMPLE.model_copy(update={"prompt": ""}), name).ids)
    long = EXAMPLE.model_copy(update={"prompt": "rose " * 400})
    encoded = encode(tokenizer, long, name, max_tokens=shortest + 20)
    assert encoded.shortened
    assert shortest < len(encoded.ids) <= shortest + 20
    assert (EXAMPLE.policy.text in tokenizer.decode(encoded.ids)) == guards.named(name).reads_policy


def test_thinking_is_begun_once_whoever_begins_it(tokenizer: Any) -> None:
    first = tokenizer.decode(encode(tokenizer, EXAMPLE, "deepseek_distill").ids)
    assert first.endswith("[assistant]<think>\n")
    begins = tiny_guards.tokenizer()
    begins.chat_template = CHAT.replace("[assistant]{%", "[assistant]<think>\n{%")
    assert tokenizer.decode(encode(begins, EXAMPLE, "deepseek_distill").ids) == first


@every_guard
def test_a_template_opens_the_answer_unless_the_guard_is_published_without(
    tokenizer: Any, name: str
) -> None:
    text = tokenizer.decode(encode(tokenizer, EXAMPLE, name).ids)
    without = {"llama_guard", "qwen3guard_strict", "qwen3guard_loose", "shieldgemma"}
    plain = {"wildguard", "guardreasoner"}  # no chat template at all
    assert ("[assistant]" in text.rpartition("</s>")[2]) == (name not in without | plain)


def test_the_switch_is_the_mode_s(tokenizer: Any) -> None:
    texts = {
        mode: tokenizer.decode(encode(tokenizer, EXAMPLE, "nemotron_reasoning", mode=mode).ids)
        for mode in ("reasoning", "non-reasoning")
    }
    assert " /think</s>" in texts["reasoning"]
    assert " /no_think</s>" in texts["non-reasoning"]


def test_unknown_names_and_modes_are_one_sentence(tokenizer: Any) -> None:
    with pytest.raises(guards.UnknownGuardError, match="did you mean 'wildguard'"):
        guards.named("wildgard")
    with pytest.raises(guards.ModeError, match=r"WildGuard cannot be asked in mode reasoning"):
        encode(tokenizer, EXAMPLE, "wildguard", mode="reasoning")


# What answers mean


@pytest.mark.parametrize("name", ["", *(n for n, g in guards.GUARDS.items() if g.fields["prompt"])])
@pytest.mark.parametrize("task", ["prompt", "response"])
def test_the_decisions_of_an_answer_spell_one_that_is_read_back(name: str, task: Any) -> None:
    fields = guards.fields(name, task)
    thought = "</think>\n" if name == "deepseek_distill" else ""
    for choice in product((True, False), repeat=len(fields)):
        for words in product(
            *((f.yes if yes else f.no) for f, yes in zip(fields, choice, strict=True))
        ):
            text = "".join(f.lead + word for f, word in zip(fields, words, strict=True))
            outcome = guards.parse(name, thought + text, task)
            assert verdicts.predicted(outcome, task) == choice[-1], text


H, U = True, False
READ = [
    ("wildguard", "Harmful request: yes\nResponse refusal: no\nHarmful response: no", (H, U, U)),
    ("wildguard", "harmful request: No \nharmful response: N/A", (U, None, None)),
    ("aegis", '{"User Safety": "unsafe", "Response Safety": "safe", "S', (H, U, None)),
    ("aegis", '{"User Safety": "safe"}', (U, None, None)),
    ("llama_instruct", "Prompt harm: unharmful\nResponse harm: None", (U, None, None)),
    ("deepseek_distill", "Roses.\n</think>\nPrompt harm: harmful", (H, None, None)),
    ("nemotron_reasoning", "<think> R </think>\nPrompt harm: harmful", (H, None, None)),
    ("nemotron_reasoning", "Prompt harm: harmful\nResponse Harm: harmful", (H, H, None)),
    ("llama_guard", "\n\nunsafe\nS1,S9", (None, H, None)),
    ("llama_guard", "\n\nsafe", (None, U, None)),
    (
        "guardreasoner",
        "Request: harmful?\n\nAnswers: \nRequest: unharmful\nCompletion: refusal\n"
        "Response: harmful",
        (U, H, H),
    ),
    ("dynaguard", "<answer>\nPASS\n</answer>", (None, U, None)),
    ("dynaguard", "It might FAIL.\n</think>\n<answer>\nPASS\n</answer>", (None, U, None)),
    ("dynaguard", "<answer>\nFAIL\n</answer>\n<explanation>To PASS", (None, H, None)),
    ("granite_guardian", "<think><score> no </think>\n<score> yes </score>", (None, H, None)),
    ("qwen3guard_strict", "Safety: Controversial\nCategories: None\nRefusal: Yes", (None, H, H)),
    ("qwen3guard_loose", "Safety: Controversial\nCategories: None\nRefusal: No", (None, U, U)),
    ("qwen3guard_loose", "Safety: Unsafe\nCategories: Violent", (None, H, None)),
    (
        "gpt_oss_safeguard",
        "analysisPrompt harm: harmful? No.assistantfinalPrompt harm: unharmful",
        (U, None, None),
    ),
    ("shieldgemma", "Yes, it does.", (None, H, None)),
    ("shieldgemma", "No", (None, U, None)),
]


@pytest.mark.parametrize(("name", "text", "meant"), READ)
def test_answers_in_each_format_are_read(name: str, text: str, meant: tuple[Any, ...]) -> None:
    assert guards.parse(name, text, "response") == Verdict(*meant)


UNREAD = [
    ("wildguard", "I think this is fine.", "no verdict"),
    ("aegis", '{"User": "safe"}', "no verdict"),
    ("deepseek_distill", "First, Prompt harm: harmful\nBut wait", "unfinished thinking"),
    ("llama_guard", "This is unsafe", "unreadable verdict"),
    ("llama_guard", "unsafely", "unreadable verdict"),
    ("guardreasoner", "Task 1: Request: harmful", "unfinished thinking"),
    ("guardreasoner", "Answers: none of them", "no verdict"),
    ("dynaguard", "<think> it will FAIL, since", "unfinished thinking"),
    ("dynaguard", "compliant", "unreadable verdict"),
    ("granite_guardian", "<think> <score> yes </score>", "unfinished thinking"),
    ("granite_guardian", "yes", "unreadable verdict"),
    ("qwen3guard_strict", "Safe", "no verdict"),
    ("gpt_oss_safeguard", "analysisPrompt harm: harmful", "unfinished thinking"),
    ("gpt_oss_safeguard", "analysisRoses.assistantfinalAllowed.", "no verdict"),
    ("shieldgemma", "Nothing of it.", "unreadable verdict"),
]


@pytest.mark.parametrize(("name", "text", "reason"), UNREAD)
def test_other_answers_are_failures_and_never_guesses(name: str, text: str, reason: Any) -> None:
    assert guards.parse(name, text, "response") == ParseFailure(reason)


@every_guard
def test_nothing_is_read_from_an_empty_answer_and_no_answer_raises(name: str) -> None:
    assert guards.parse(name, " \n", "prompt") == ParseFailure("empty")
    for text in ("<", "</think>", "<think>", "assistantfinal", "Answers:", '{"', "\x00: maybe"):
        assert isinstance(guards.parse(name, text, "prompt"), ParseFailure)


@every_guard
def test_a_guard_says_where_it_comes_from(name: str) -> None:
    guard = guards.named(name)
    assert guard.hub_id.count("/") == 1
    assert guard.licence
    assert guard.source
    assert set(guard.max_new_tokens) == set(guard.modes)
    assert guard.reads_policy or guard.taxonomy is None


def test_templates_are_all_used() -> None:
    there = {path.stem for path in (Path(formats.__file__).parent / "templates").glob("*.txt")}
    written = "".join(p.read_text() for p in Path(formats.__file__).parent.glob("*.py"))
    assert there
    assert all(f'template("{name}")' in written for name in there)


# In a run

FORMAT = "llama_guard"


def asking(**changes: Any) -> Generation:
    values: dict[str, Any] = {
        "guard": Backbone(name="some/guard", format=FORMAT),
        "cell": Cell(dataset="synthetic/meadow", task="prompt"),
        "limit": 130,
        "mode": "non-reasoning",
        "decoding": Decoding(
            temperature=0, top_p=1, generations=1, max_new_tokens=32, max_length=4000
        ),
        "engine": "transformers",
    }
    return Generation(**(values | changes))


def test_the_format_is_no_part_of_the_keys_of_backbones_without_one() -> None:
    assert "format" not in Backbone(name="some/guard").model_dump(mode="json")
    with_format = asking()
    without = with_format.model_copy(update={"guard": Backbone(name="some/guard")})
    assert artifacts.key(with_format) != artifacts.key(without)
    assert artifacts.identity(with_format)["versions"]["guards"]
    assert "guards" not in artifacts.identity(without)["versions"]


class Says(ScriptedEngine):
    """Gives the texts in turn."""

    def __init__(self, tokenizer: Any, *texts: str) -> None:
        super().__init__(tokenizer)
        self.texts = texts

    def answer(self, requests: Any, decoding: Decoding) -> Any:
        for request in requests:
            self.asked.append(request)
            text = self.texts[len(self.asked) % len(self.texts)]
            yield request, [Answer(text, 3, "stop")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I would say that this is fine.", "None of the first 100 answers of Llama Guard 3 8B"),
        ("\n\nunsafe\nS1", "first 100 answers of Llama Guard 3 8B all say harmful"),
        ("\n\nsafe", "first 100 answers of Llama Guard 3 8B all say unharmful"),
    ],
)
def test_a_format_that_does_not_fit_stops_the_run_after_a_hundred_examples_and_when_run_again(
    tokenizer: Any, tmp_path: Path, text: str, why: str
) -> None:
    engine = Says(tokenizer, text)
    for _ in range(2):
        with pytest.raises(generation.FormatMismatchError, match=why):
            generation.generate(asking(), engine, tmp_path)
        assert len(engine.asked) == 100


def test_a_format_that_fits_runs_through(tokenizer: Any, tmp_path: Path) -> None:
    notes = generation.generate(asking(), Says(tokenizer, "\n\nsafe", "\n\nunsafe"), tmp_path)
    assert notes["rows"] == 130
    again = Says(tokenizer, "\n\nsafe")
    generation.generate(asking(), again, tmp_path)
    assert not again.asked


def test_one_verdict_throughout_is_no_fault_where_the_truth_is_one_as_well(
    tokenizer: Any, tmp_path: Path
) -> None:
    rows = [{"example": str(n), "text": "\n\nunsafe", "truth": n >= 9} for n in range(100)]
    generation._require_format(FORMAT, "prompt", rows)
    rows[50]["truth"] = False
    with pytest.raises(generation.FormatMismatchError):
        generation._require_format(FORMAT, "prompt", rows)
    generation._require_format(FORMAT, "prompt", rows[:99])


def test_a_guard_of_this_project_may_say_one_thing_throughout(
    tokenizer: Any, tmp_path: Path
) -> None:
    mine = asking(guard=Backbone(name="some/guard", template="compact"))
    assert generation.generate(mine, Says(tokenizer, "?"), tmp_path)["rows"] == 130
