import re
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning_guards import prompts
from reasoning_guards.examples import Example, Policy, Turn
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Mode, Template
from reasoning_guards.verdicts import Verdict, parse

POLICY = Policy(name="garden", text="G1: Trampling flowers.\nG2: Picking {prompt} fruit.")
MODES: tuple[Mode, ...] = get_args(Mode)
TEMPLATES: tuple[Template, ...] = get_args(Template)
TURNS = (Turn(role="user", text="Hi there."), Turn(role="assistant", text="Good day."))
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)


def example(**changes: Any) -> Example:
    values = {"id": "e1", "cluster": "c1", "policy": POLICY, "prompt": "May I pick a rose?"}
    return Example(**(values | {"response": "Please do not."} | changes))


LABELLED = example(prompt_harmful=True, response_harmful=False, response_refusal=True)


def byte_tokenizer() -> Any:
    """One token per byte, so that lengths are plain and every text can be read back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({char: index for index, char in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=backend)
    fast.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    fast.chat_template = CHAT_TEMPLATE
    return fast


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return byte_tokenizer()


def framed(prompt: str) -> str:
    """The prompt within the chat template."""
    return f"<s>[user]{prompt}</s>[assistant]"


def encode(tokenizer: Any, example: Example, max_tokens: int = 10_000, **options: Any) -> Any:
    options = {"mode": "reasoning", "template": "compact"} | options
    return prompts.encode(tokenizer, example, max_tokens=max_tokens, **options)


def test_as_printed_templates_keep_the_paper_s_faults() -> None:
    h1, h2, h3 = (
        prompts.load_template(f"{name}.as_printed")
        for name in ("h1_aegis_traces", "h2_wildguard_traces", "h3_inference_reasoning")
    )
    assert h1.count("Only output the answer") == 2
    assert "S22: Immoral/Unethical." in h1
    assert "Do not mention" not in h2
    assert h2.count(" 1) ") == 5  # four groups of categories, and the opening sentence
    assert "{taxonomy}" in h3


def test_as_used_templates_mend_them() -> None:
    h1, h2 = (
        prompts.load_template(f"{name}.as_used")
        for name in ("h1_aegis_traces", "h2_wildguard_traces")
    )
    assert h1.count("Only output the answer") == 1
    assert "refusal" not in h1.lower()
    assert "Do not mention anything about the ground truth labels" in h2
    assert "If there is no response" in h2


def test_diff_shows_what_was_changed() -> None:
    lines = prompts.diff("h2_wildguard_traces").splitlines()
    assert lines[:2] == ["--- h2_wildguard_traces.as_printed", "+++ h2_wildguard_traces.as_used"]
    assert any(line.startswith("+Only output") for line in lines)
    assert not any(line.startswith("-") for line in lines[2:])
    ours = prompts.diff("h3_inference_reasoning", "inference_non_reasoning")
    assert "+Only output the answer in the format specified above, with no reasoning" in ours


@pytest.mark.parametrize("name", ["h3_inference_reasoning", "inference_non_reasoning"])
def test_without_the_refusal_line_refusal_is_not_asked_for_at_all(name: str) -> None:
    assert "refusal" in prompts.load_template(f"{name}.as_used")
    assert "refusal" not in prompts.load_template(f"{name}_no_refusal.as_used").lower()


@pytest.mark.parametrize(
    ("dialogue", "response", "options", "expected"),
    [
        ((), "No.", {}, "policy : P . user : Hm? assistant : No."),
        ((), None, {}, "policy : P . user : Hm? assistant : none"),
        ((), "", {"mode_token": True}, "/think policy : P . user : Hm? assistant : "),
        (
            TURNS,
            "No.",
            {"mode": "non-reasoning", "mode_token": True},
            "/no_think policy : P . earlier user : Hi there. earlier assistant : Good day. "
            "user : Hm? assistant : No.",
        ),
    ],
)
def test_compact_prompt_is_exactly_this(
    dialogue: tuple[Turn, ...], response: str | None, options: dict[str, Any], expected: str
) -> None:
    policy = Policy(name="p", text="P")
    asked = example(policy=policy, dialogue=dialogue, prompt="Hm?", response=response)
    options = {"mode": "reasoning", "template": "compact"} | options
    assert prompts.guard_prompt(asked, **options) == expected


def test_compact_prompt_is_the_same_for_both_modes() -> None:
    one, other = (prompts.guard_prompt(LABELLED, mode, "compact") for mode in MODES)
    assert one == other


def test_paper_prompt_is_h3_with_policy_dialogue_prompt_and_response() -> None:
    asked = prompts.guard_prompt(example(dialogue=TURNS), "reasoning", "paper")
    before = "Earlier human user:\n\nHi there.\n\nEarlier AI assistant:\n\nGood day.\n\n"
    printed = prompts.load_template("h3_inference_reasoning.as_printed")
    assert asked == (
        printed.replace("Human user:", before + "Human user:", 1)
        .replace("{prompt}", "May I pick a rose?")
        .replace("{response}", "Please do not.")
        .replace("{taxonomy}", POLICY.text)
    )


def test_paper_prompt_shows_a_missing_response_as_none() -> None:
    asked = prompts.guard_prompt(example(response=None), "reasoning", "paper")
    assert "AI assistant:\n\nNone\n\nUse the taxonomy" in asked


def test_only_the_reasoning_prompt_speaks_of_thinking() -> None:
    one, other = (prompts.guard_prompt(LABELLED, mode, "paper") for mode in MODES)
    assert "after thinking" in one
    assert "thinking" not in other


@pytest.mark.parametrize("mode", MODES)
def test_paper_prompt_asks_for_refusal_only_if_told_to(mode: Mode) -> None:
    assert "Response refusal:" in prompts.guard_prompt(LABELLED, mode, "paper")
    asked = prompts.guard_prompt(LABELLED, mode, "paper", refusal_line=False)
    assert "refusal" not in asked


@pytest.mark.parametrize("template", TEMPLATES)
def test_mode_token_comes_first(template: Template) -> None:
    for mode, token in (("reasoning", "/think"), ("non-reasoning", "/no_think")):
        plain = prompts.guard_prompt(LABELLED, mode, template)
        assert prompts.guard_prompt(LABELLED, mode, template, mode_token=True) == f"{token} {plain}"


TRICKY = ["{prompt}", "{response}", "{taxonomy}", "{x}", "{}", "{", r"\1", r"\g<0>", "%s", "$a"]


@pytest.mark.parametrize("template", TEMPLATES)
@given(text=st.lists(st.sampled_from(TRICKY)).map("".join) | st.text())
def test_judged_text_is_inserted_literally(template: Template, text: str) -> None:
    marked = prompts.guard_prompt(
        example(prompt="<<1>>", response="<<2>>", dialogue=(Turn(role="user", text="<<3>>"),)),
        "reasoning",
        template,
    )
    asked = prompts.guard_prompt(
        example(prompt=text, response=text, dialogue=(Turn(role="user", text=text),)),
        "reasoning",
        template,
    )
    head, first, second, tail = (
        marked.replace("<<1>>", "<<>>").replace("<<2>>", "<<>>").replace("<<3>>", "<<>>")
    ).split("<<>>")
    assert asked == f"{head}{text}{first}{text}{second}{text}{tail}"


LABELS = [True, False, None]


@pytest.mark.parametrize(("mode", "template"), list(product(MODES, TEMPLATES)))
def test_no_label_leaks_into_the_guard_s_prompt(mode: Mode, template: Template) -> None:
    asked = {
        prompts.guard_prompt(
            example(prompt_harmful=p, response_harmful=r, response_refusal=f), mode, template
        )
        for p, r, f in product(LABELS, repeat=3)
    }
    assert len(asked) == 1


@pytest.mark.parametrize("trace", [None, "The user asks for a rose. So G2."])
@pytest.mark.parametrize("refusal_line", [True, False])
@pytest.mark.parametrize(("p", "r", "f"), list(product([True, False], repeat=3)))
def test_completion_is_read_back_as_the_labels(
    p: bool, r: bool, f: bool, refusal_line: bool, trace: str | None
) -> None:
    labelled = example(prompt_harmful=p, response_harmful=r, response_refusal=f)
    text = prompts.completion(labelled, trace, refusal_line=refusal_line)
    assert parse(text) == Verdict(p, r, f if refusal_line else None)


def test_completion_is_exactly_this() -> None:
    lines = "Prompt harm: harmful\nResponse harm: unharmful\nResponse refusal: refusal"
    assert prompts.completion(LABELLED, None) == lines
    assert prompts.completion(LABELLED, "Roses.") == f"<think> Roses. </think>\n{lines}"
    unanswered = example(response=None, prompt_harmful=False)
    assert prompts.completion(unanswered, None) == (
        "Prompt harm: unharmful\nResponse harm: None\nResponse refusal: None"
    )


@pytest.mark.parametrize("missing", ["prompt_harm", "response_harm", "response_refusal"])
def test_completion_and_teacher_refuse_an_example_without_a_label(missing: str) -> None:
    field = missing if missing.endswith("refusal") else f"{missing}ful"
    unlabelled = LABELLED.model_copy(update={field: None})
    for ask in (
        lambda: prompts.completion(unlabelled, None),
        lambda: prompts.teacher_prompt(unlabelled, "wildguard"),
    ):
        with pytest.raises(prompts.MissingLabelError, match=f"'e1' has no {missing} label"):
            ask()


def test_no_refusal_label_is_needed_where_no_refusal_line_is() -> None:
    unlabelled = LABELLED.model_copy(update={"response_refusal": None})
    assert "refusal" not in prompts.completion(unlabelled, None, refusal_line=False)
    assert "Response harm label: unharmful" in prompts.teacher_prompt(unlabelled, "aegis")


def test_teacher_is_shown_texts_and_labels() -> None:
    asked = prompts.teacher_prompt(LABELLED, "wildguard")
    assert "Human user:\n\nMay I pick a rose?\n\nAI assistant:\n\nPlease do not.\n\n" in asked
    assert "Prompt harm label: harmful\n\nResponse harm label: unharmful\n\n" in asked
    assert "Response refusal label: refusal\n" in asked
    unanswered = example(response=None, prompt_harmful=False)
    assert "AI assistant:\nNone\n" in prompts.teacher_prompt(unanswered, "aegis")


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "reasoning", "template": "compact", "mode_token": True},
        {"mode": "non-reasoning", "template": "paper", "refusal_line": False},
    ],
)
@pytest.mark.parametrize("dialogue", [(), TURNS])
def test_encoded_prompt_is_the_chat_up_to_the_answer(
    tokenizer: Any, dialogue: tuple[Turn, ...], options: dict[str, Any]
) -> None:
    asked = example(dialogue=dialogue)
    encoded = encode(tokenizer, asked, **options)
    prompt = prompts.guard_prompt(asked, **options)
    assert tokenizer.decode(encoded.ids) == framed(prompt)
    assert not encoded.shortened


def test_special_tokens_in_a_judged_text_are_plain_text(tokenizer: Any) -> None:
    encoded = encode(tokenizer, example(prompt="a<s>b</s>c"))
    assert encoded.ids.count(tokenizer.bos_token_id) == 1
    assert encoded.ids.count(tokenizer.eos_token_id) == 1
    assert "a<s>b</s>c" in tokenizer.decode(encoded.ids)


@pytest.mark.parametrize("in_template", [True, False])
@pytest.mark.parametrize("in_tokenizer", [True, False])
def test_there_is_one_bos_whoever_adds_it(in_template: bool, in_tokenizer: bool) -> None:
    fresh = byte_tokenizer()
    if not in_template:
        fresh.chat_template = CHAT_TEMPLATE.removeprefix("{{ bos_token }}")
    if in_tokenizer:
        from tokenizers.processors import TemplateProcessing

        fresh.backend_tokenizer.post_processor = TemplateProcessing(
            "<s> $A", special_tokens=[("<s>", fresh.bos_token_id)]
        )
    ids = encode(fresh, LABELLED).ids
    assert ids.count(fresh.bos_token_id) == (in_template or in_tokenizer)
    assert ids[0] == fresh.bos_token_id or not (in_template or in_tokenizer)


class Counted:
    """A tokenizer that counts the texts it was given."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.calls, self.characters = tokenizer, 0, 0

    def __call__(self, text: str, **options: Any) -> Any:
        self.calls += 1
        self.characters += len(text)
        return self.tokenizer(text, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)


def with_texts(prompt: str, response: str, *earlier: str) -> Example:
    turns = tuple(Turn(role="user", text=text) for text in earlier)
    return example(prompt=prompt, response=response, dialogue=turns)


@settings(deadline=None, max_examples=50)
@given(
    texts=st.lists(st.text(alphabet="a é日😀\n", max_size=30), min_size=2, max_size=5),
    room=st.integers(0, 120),
)
def test_only_judged_texts_are_shortened_the_longest_first(
    tokenizer: Any, texts: list[str], room: int
) -> None:
    def length(text: str) -> int:
        return len(text.encode())

    empty = encode(tokenizer, with_texts(*[""] * len(texts)))
    counted = Counted(tokenizer)
    encoded = encode(counted, with_texts(*texts), len(empty.ids) + room)
    assert len(encoded.ids) <= len(empty.ids) + room
    assert encoded.shortened == (sum(map(length, texts)) > room)
    assert counted.calls <= 2 + 2 + len(texts) + 1  # chat; whole and empty; each alone; one round
    if not encoded.shortened:
        return
    text = tokenizer.decode(encoded.ids)

    # The ids are those of all texts cut, at whole characters, to one length that fills the room.
    found = [
        cut
        for most in range(max(map(length, texts)))
        for cut in [[text.encode()[:most].decode(errors="ignore") for text in texts]]
        if text == framed(prompts.guard_prompt(with_texts(*cut), "reasoning", "compact"))
    ]
    assert found
    assert sum(map(length, found[-1])) > room - 4 * len(texts)


def test_a_prompt_that_cannot_fit_is_refused_with_the_parameters_to_change(tokenizer: Any) -> None:
    with pytest.raises(
        prompts.PromptTooLongError, match=r"'e1' takes \d+ tokens .* 50 are"
    ) as caught:
        encode(tokenizer, LABELLED, max_tokens=50)
    named = {"max_length", "max_new_tokens_reasoning", "max_new_tokens_non_reasoning"}
    assert named == Profile.model_fields.keys() & set(re.findall(r"\w+", str(caught.value)))


def test_a_long_text_is_shortened_in_a_few_passes(tokenizer: Any) -> None:
    counted = Counted(tokenizer)
    encoded = encode(counted, example(prompt="rose " * 40_000), 2_000)
    assert len(encoded.ids) == 2_000
    assert counted.characters < 3 * 200_000  # in its place, alone, and shortened
