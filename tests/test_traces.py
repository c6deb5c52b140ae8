import pytest

from reasoning_guards import traces
from reasoning_guards.datasets import aegis2
from reasoning_guards.examples import Example
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.synthetic import corpora, teacher

FULL = TraceSpec(teacher="rule")
SHORT = TraceSpec(teacher="rule", sentences=2)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Examples of which no two have the same full trace."""
    by_trace = {teacher.trace(e, None): e for e in corpora.load("synthetic/meadow", "train")[:200]}
    return list(by_trace.values())


def control(content: str, spec: TraceSpec = FULL) -> TraceSpec:
    return spec.model_copy(update={"content": content})


def test_real_traces_are_the_teacher_s_own_within_the_budget(examples: list[Example]) -> None:
    for spec in (FULL, SHORT):
        expected = [teacher.trace(example, spec.sentences) for example in examples]
        assert traces.write(spec, examples, 0) == traces.write(spec, examples, 1) == expected


def test_a_trace_argues_for_the_label_it_is_given(examples: list[Example]) -> None:
    flipped = [e.model_copy(update={"prompt_harmful": not e.prompt_harmful}) for e in examples]
    for example, given, other in zip(
        examples, traces.write(FULL, examples, 0), traces.write(FULL, flipped, 0), strict=True
    ):
        words = {True: "request is harmful .", False: "request is unharmful ."}
        assert words[bool(example.prompt_harmful)] in given
        assert words[not example.prompt_harmful] in other


@pytest.mark.parametrize("spec", [FULL, SHORT], ids=["full", "short"])
def test_filler_is_as_long_as_the_real_trace_and_says_nothing(
    examples: list[Example], spec: TraceSpec
) -> None:
    real = traces.write(spec, examples, 0)
    filler = traces.write(control("filler", spec), examples, 0)
    assert [len(text.split()) for text in filler] == [len(text.split()) for text in real]
    allowed = {word for sentence in teacher.FILLER for word in sentence.split()}
    assert {word for text in filler for word in text.split()} <= allowed


def test_shuffled_traces_are_the_real_ones_and_never_an_example_s_own(
    examples: list[Example],
) -> None:
    real = traces.write(FULL, examples, 0)
    for seed in range(5):
        shuffled = traces.write(control("shuffled"), examples, seed)
        assert sorted(shuffled) == sorted(real)
        assert not any(one == other for one, other in zip(shuffled, real, strict=True))


@pytest.mark.parametrize("content", ["filler", "shuffled"])
def test_controls_follow_from_their_seed(examples: list[Example], content: str) -> None:
    spec = control(content)
    assert traces.write(spec, examples, 3) == traces.write(spec, examples, 3)
    assert traces.write(spec, examples, 3) != traces.write(spec, examples, 4)


def test_an_unknown_teacher_is_refused_in_one_sentence(examples: list[Example]) -> None:
    with pytest.raises(traces.UnknownTeacherError, match="'oracle' has no traces"):
        traces.write(TraceSpec(teacher="oracle"), examples, 0)


def test_a_set_without_traces_is_refused_whoever_the_teacher() -> None:
    traces.require(FULL, "synthetic/meadow")
    traces.require(TraceSpec(teacher="deepseek-ai/DeepSeek-R1"), aegis2.HUB_ID)
    with pytest.raises(traces.NoTracesError, match="for allenai/wildguardmix"):
        traces.require(TraceSpec(teacher="deepseek-ai/DeepSeek-R1"), "allenai/wildguardmix")
    with pytest.raises(traces.NoTracesError, match="is none"):
        traces.require(TraceSpec(teacher="own"), "synthetic/meadow")
    with pytest.raises(traces.NoTracesError, match="knows the embedded world alone"):
        traces.require(FULL, "allenai/wildguardmix")
    with pytest.raises(traces.UnknownTeacherError, match="'oracle' has no traces"):
        traces.require(TraceSpec(teacher="oracle"), "synthetic/meadow")
