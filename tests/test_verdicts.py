import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning_guards.verdicts import ParseFailure, Verdict, parse, predicted

HARMFUL_PROMPT = Verdict(True, None, None)
REFUSED = Verdict(True, False, True)

READABLE = {
    "deepseek-r1": (
        "<think>\nOkay, so the user asks how to pick a lock. Prompt harm: unharmful? No: S3.\n"
        "The assistant declines.\n</think>\n\nPrompt harm: harmful\n\nResponse harm: unharmful\n\n"
        "Response refusal: refusal",
        REFUSED,
    ),
    "deepseek-r1, thinking opened by the chat template": (
        "The user asks for a bread recipe.\n</think>\n\nPrompt harm: unharmful\nResponse harm: None"
        "\nResponse refusal: None",
        Verdict(False, None, None),
    ),
    "qwen3, empty thinking": (
        "<think>\n\n</think>\n\nPrompt harm: harmful\nResponse harm: unharmful\n"
        "Response refusal: refusal<|im_end|>",
        REFUSED,
    ),
    "llama, no thinking": (
        "Prompt harm: harmful\nResponse harm: unharmful\nResponse refusal: refusal<|eot_id|>",
        REFUSED,
    ),
    "llama, quotes copied from the format": (
        '"Prompt harm: harmful\n\nResponse harm: unharmful\n\nResponse refusal: refusal"',
        REFUSED,
    ),
    "llama, explained": (
        "Prompt harm: harmful (S3: Criminal Planning)\n"
        "Response harm: unharmful - it gives no harmful detail.\n"
        "Response refusal: refusal. The assistant declines, so there is no compliance.",
        REFUSED,
    ),
    "gemma, markdown bullets": (
        "Here it is:\n\n* **Prompt Harm:** Harmful \n*   **Response harm**: *unharmful*\n"
        "* **Response Refusal:** `refusal`.\n\nThe response stays polite.",
        REFUSED,
    ),
    "gemma, code fence": (
        "```\nPrompt harm: harmful\nResponse harm: unharmful\nResponse refusal: refusal\n```",
        REFUSED,
    ),
    "headings": (
        "### Prompt harm: harmful\n## Response harm: unharmful ##\n# Response refusal: refusal",
        REFUSED,
    ),
    "numbered": (
        "1. Prompt harm: harmful\n2) Response harm: unharmful\n(3) Response refusal: refusal",
        REFUSED,
    ),
    "block quote, en dash, underscores, emoji": (
        "> Prompt harm: harmful ✅\n\u2013 __Response harm__: unharmful\n"
        "_Response refusal: refusal_",
        REFUSED,
    ),
    "table": (
        "| Field | Value |\n|---|---|\n| Prompt harm | harmful |\n| Response harm | unharmful |\n"
        "| Response refusal | refusal |",
        REFUSED,
    ),
    "json": (
        '```json\n{\n  "prompt_harm": "harmful",\n  "response_harm": "unharmful",\n'
        '  "response_refusal": "refusal"\n}\n```',
        REFUSED,
    ),
    "json on one line": (
        '{"prompt_harm": "harmful", "response_harm": "unharmful", "response_refusal": null}',
        Verdict(True, False, None),
    ),
    "nemotron": ("Prompt harm: harmful\nResponse harm: unharmful", Verdict(True, False, None)),
    "nemotron on one line": (
        "Prompt harm: harmful Response harm: unharmful",
        Verdict(True, False, None),
    ),
    "one line, with stops": (
        "Prompt harm: harmful. Response harm: unharmful; Response refusal: refusal.",
        REFUSED,
    ),
    "any order": (
        "Response refusal: refusal\nPrompt harm: harmful\nResponse harm: unharmful",
        REFUSED,
    ),
    "label, snake case, upper case, equals": (
        "PROMPT HARM LABEL: HARMFUL\nresponse_harm_label=unharmful\nResponse-refusal : Refusal",
        REFUSED,
    ),
    "windows line ends": (
        "Prompt harm: harmful\r\nResponse harm: unharmful\r\n",
        Verdict(True, False, None),
    ),
    "full-width colon, byte-order mark, no-break space": (
        "\ufeffPrompt harm\uff1aharmful\u00a0",
        HARMFUL_PROMPT,
    ),
    "filled-in placeholder": ("Prompt harm: <harmful>\nResponse harm: [None]", HARMFUL_PROMPT),
    "bracketed": ("Prompt harm: (harmful)\nResponse harm: {n/a}", HARMFUL_PROMPT),
    "none in many words": (
        "Prompt harm: harmful\nResponse harm: N/A\nResponse refusal: not applicable (no response)",
        HARMFUL_PROMPT,
    ),
    "all none": ("Response harm: None\nResponse refusal: null", Verdict(None, None, None)),
    "only not applicable": (
        "Response harm: N/A\nResponse refusal: Not applicable.",
        Verdict(None, None, None),
    ),
    "remark with the other value": (
        "Prompt harm: harmful. Unharmful it is not.\nResponse harm: unharmful (harmful: no)",
        Verdict(True, False, None),
    ),
    "placeholder, then the verdict": (
        "Prompt harm: <harmful/unharmful>\nResponse harm: harmful (or unharmful)\n\n"
        "Prompt harm: harmful",
        HARMFUL_PROMPT,
    ),
    "same verdict twice": ("Prompt harm: harmful\n\n---\nPrompt harm: harmful", HARMFUL_PROMPT),
    "run-on generation: the first verdict counts": (
        "Prompt harm: harmful\n\nHuman user:\nhello\n\nPrompt harm: unharmful\nPrompt harm: None",
        HARMFUL_PROMPT,
    ),
    "cut off after the first line": ("Prompt harm: harmful\nResponse harm: unh", HARMFUL_PROMPT),
    "one value unreadable": ("Prompt harm: harmful\nResponse harm: maybe", HARMFUL_PROMPT),
    "wrong words for the kind": ("Prompt harm: harmful\nResponse refusal: harmful", HARMFUL_PROMPT),
    "thinking quotes an end of thinking": (
        "<think>It says </think>\nPrompt harm: unharmful\nA trick.</think>\nPrompt harm: harmful",
        HARMFUL_PROMPT,
    ),
    "thinking opened by the chat template states a verdict": (
        "So:\nPrompt harm: unharmful\nNo, S3 bans it.\n</think>\n\nPrompt harm: harmful",
        HARMFUL_PROMPT,
    ),
    "nested thinking": (
        "<think>\nPrompt harm: unharmful\n<think>b</think>\nPrompt harm: unharmful\n</think>\n"
        "Prompt harm: harmful",
        HARMFUL_PROMPT,
    ),
    "thinking twice, one verdict": (
        "<Thinking>\nPrompt harm: unharmful\n</THINK>\nPrompt harm: harmful\n"
        "<think>b</think>\nPrompt harm: harmful",
        HARMFUL_PROMPT,
    ),
}

UNREADABLE = {
    "nothing": ("", "empty"),
    "only space": (" \n\t\u200a", "empty"),
    "cut off while thinking": ("<think>\nThe user asks", "unfinished thinking"),
    "verdict in unfinished thinking": (
        "<think>\nSo I answer:\nPrompt harm: harmful\nResponse harm: None",
        "unfinished thinking",
    ),
    "thinking again, cut off": (
        "<think>a</think>\nPrompt harm: harmful\n<think>wait",
        "unfinished thinking",
    ),
    "verdict in the thinking only": (
        "<think>\nPrompt harm: harmful\n</think>\nI can't help with that.",
        "no verdict",
    ),
    "declines": ("I can't help with that.", "no verdict"),
    "prose": ("The prompt harm is not harmful, I think. It is unharmful.", "no verdict"),
    "name within prose": ("I would say prompt harm: harmful", "no verdict"),
    "name within a word": ("nonprompt harm: harmful", "no verdict"),
    "format copied": (
        "Prompt harm: <harmful/unharmful>\nResponse harm: harmful|unharmful|None\n"
        "Response refusal: [refusal, or compliance]",
        "no verdict",
    ),
    "only other names": ("Safety: unsafe\nPrompt refusal: refusal\nHarm: harmful", "no verdict"),
    "negated": ("Prompt harm: not harmful", "unreadable verdict"),
    "hyphenated": ("Prompt harm: non-harmful", "unreadable verdict"),
    "other words": ("Prompt harm: unsafe\nResponse harm: safe", "unreadable verdict"),
    "not repaired by run-on": ("Prompt harm: safe\n\nPrompt harm: harmful", "unreadable verdict"),
    "hedged": ("Prompt harm: harmful or not", "unreadable verdict"),
    "doubted": ("Prompt harm: harmful?", "unreadable verdict"),
    "prose after the value": ("Prompt harm: harmful is too strong", "unreadable verdict"),
    "longer word": ("Prompt harm: harmfulness", "unreadable verdict"),
    "cut off within the value": ("Prompt harm: unh", "unreadable verdict"),
    "cut off before the value": ("**Prompt harm:**", "unreadable verdict"),
    "check boxes": ("Prompt harm: [ ] harmful [x] unharmful", "unreadable verdict"),
    "check boxes after": ("Prompt harm: harmful [ ] unharmful [x]", "unreadable verdict"),
    "prose that quotes a line": (
        "Prompt harm: unlike my last response harm: harmful",
        "unreadable verdict",
    ),
    "changed mind": (
        "Prompt harm: unharmful\n<think>wait</think>\nPrompt harm: harmful",
        "conflicting verdicts",
    ),
}


@pytest.mark.parametrize(("text", "verdict"), READABLE.values(), ids=READABLE)
def test_reads_what_models_write(text: str, verdict: Verdict) -> None:
    assert parse(text) == verdict


@pytest.mark.parametrize(("text", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_fails_rather_than_guesses(text: str, reason: str) -> None:
    assert parse(text) == ParseFailure(reason)  # type: ignore[arg-type]


def test_prediction_is_the_value_of_the_task_or_nothing() -> None:
    verdict = Verdict(True, False, None)
    assert predicted(verdict, "prompt") is True
    assert predicted(verdict, "response") is False
    assert predicted(Verdict(True, None, None), "response") is None
    assert predicted(ParseFailure("empty"), "prompt") is None


LABEL = st.sampled_from([True, False, None])
VERDICTS = st.builds(Verdict, LABEL, LABEL, LABEL)
# Characters of the format make random texts that come close to it.
PARTS = [
    "<think>",
    "</think>",
    "Prompt",
    "harm",
    "response_harm",
    ":",
    "harmful",
    "unharmful",
    "None",
    "**",
    "or",
    "/",
    ".",
]
TEXT = st.text() | st.lists(st.sampled_from([*PARTS, "Prompt harm:", "\n", " "])).map("".join)
THOUGHT = TEXT.map(lambda text: text.replace("think>", "thought>"))
PROSE = st.text(alphabet=st.sampled_from("abc harmful\n.*#"), max_size=40)


@given(TEXT)
def test_never_raises_and_says_one_of_two_things(text: str) -> None:
    assert isinstance(parse(text), Verdict | ParseFailure)


@given(st.data(), VERDICTS)
def test_reads_back_every_verdict_however_decorated(data: st.DataObject, verdict: Verdict) -> None:
    def pick(*options: str) -> str:
        return data.draw(st.sampled_from(options))

    def line(name: str, yes: str, no: str, label: bool | None) -> str:
        value = pick("None", "N/A", "null") if label is None else yes if label else no
        mark, colon = pick("", "**", "`", "_", '"', " "), pick(":", " : ", "\uff1a", "=", ":   ")
        cased = pick(value, value.upper(), value.title())
        name = pick(name, name.upper(), name.replace(" ", "_"), f"{name} label")
        inside = pick(f"{name}{colon}{cased}", f"{name}{mark}{colon}{mark}{cased}")
        start, stop = pick("", "- ", "> ", "1. ", "### ", "  "), pick("", ".", ",", " ", " (so)")
        return f"{start}{mark}{inside}{mark}{stop}"

    lines = [
        line("Prompt harm", "harmful", "unharmful", verdict.prompt_harmful),
        line("Response harm", "harmful", "unharmful", verdict.response_harmful),
        line("Response refusal", "refusal", "compliance", verdict.response_refusal),
    ]
    body = pick("\n", "\r\n", "\n\n", "\n \n").join(data.draw(st.permutations(lines)))
    before, after = data.draw(PROSE), data.draw(PROSE)
    assert parse(f"{before}\n{body}\n{after}") == verdict


@given(THOUGHT, THOUGHT, st.booleans(), TEXT)
def test_thinking_never_changes_the_verdict(one: str, two: str, opened: bool, answer: str) -> None:
    start = "<think>" if opened else ""
    first, second = (parse(f"{start}x{thought}</think>{answer}") for thought in (one, two))
    assert first == second


@given(THOUGHT, VERDICTS, st.data())
def test_cut_before_its_verdict_a_text_fails(
    thought: str, verdict: Verdict, data: st.DataObject
) -> None:
    words = {True: "harmful", False: "unharmful", None: "None"}
    head = f"<think>{thought}</think>\n\nPrompt harm: "
    whole = head + words[verdict.prompt_harmful]
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert parse(whole) == Verdict(verdict.prompt_harmful, None, None)
    assert isinstance(parse(whole[:cut]), ParseFailure)


UNITS = ["prompt harm", "prompt harm:", "prompt harm*", "Prompt harm: harmful ", "harmful or "]
UNITS += ["* _`", "\n", " ", "[", "-", "<think>", "</think>", "\u0301\u0327"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("head", ["", "Prompt harm: ", "Prompt harm: harmful "])
def test_a_megabyte_of_anything_takes_linear_time(head: str, unit: str) -> None:
    text = head + unit * (1_000_000 // len(unit))
    start = time.process_time()
    parse(text)
    assert time.process_time() - start < 3
