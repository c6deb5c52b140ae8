import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hub_rows
import pytest

from reasoning_guards import generation, policies, prompts
from reasoning_guards.datasets import hub, openai_moderation, xstest
from reasoning_guards.engines import Answer, Request
from reasoning_guards.examples import with_random_labels
from reasoning_guards.recipes import Backbone, Cell, Decoding, Generation
from reasoning_guards.synthetic import corpora
from reasoning_guards.synthetic import tokenizer as words

SET = "synthetic/fork"
BACKBONE = Backbone(name="synthetic/llama-64-0", template="compact")


def asking(**changes: Any) -> Generation:
    values: dict[str, Any] = {
        "guard": BACKBONE,
        "cell": Cell(dataset=SET, task="response"),
        "limit": 12,
        "mode": "reasoning",
        "decoding": Decoding(
            temperature=0.6, top_p=0.95, generations=3, max_new_tokens=50, max_length=500
        ),
        "engine": "transformers",
    }
    return Generation(**(values | changes))


class ScriptedEngine:
    """Answers from the request's id alone, the last request first."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.asked: list[Request] = []

    def answer(
        self, requests: list[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, list[Answer]]]:
        for request in reversed(requests):
            self.asked.append(request)
            yield (
                request,
                [
                    Answer(f"{request.id} é {number}", 10 + number, "length" if number else "stop")
                    for number in range(decoding.generations)
                ],
            )


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return words.build()


def content(folder: Path) -> list[dict[str, Any]]:
    return generation.read_rows(folder / generation.ROWS)


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["example"], row["generation"]))


def test_every_example_has_one_row_per_generation(tokenizer: Any, tmp_path: Path) -> None:
    engine = ScriptedEngine(tokenizer)
    notes = generation.generate(asking(), engine, tmp_path)
    examples = corpora.load(SET, "test")[:12]
    lengths = {request.id: len(request.prompt) for request in engine.asked}
    assert in_order(content(tmp_path)) == in_order(
        [
            {
                "example": example.id,
                "cluster": example.cluster,
                "generation": number,
                "truth": example.response_harmful,
                "text": f"{example.id} é {number}",
                "tokens": 10 + number,
                "prompt_tokens": lengths[example.id],
                "finish": "length" if number else "stop",
                "shortened": False,
            }
            for example in examples
            for number in range(3)
        ]
    )
    assert notes == {
        "rows": 36,
        "tokens": 12 * (10 + 11 + 12),
        "prompt_tokens": 3 * sum(lengths.values()),
        "truncated": 24,
        "shortened": 0,
        "dataset_commit": None,
    }


def test_the_commit_of_a_hub_set_is_recorded(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation.datasets, "commit", lambda *asked: asked)
    notes = generation.generate(asking(), ScriptedEngine(tokenizer), tmp_path)
    assert notes["dataset_commit"] == (SET, "main")


def test_prompts_leave_room_for_the_answer_and_shortened_ones_are_counted(
    tokenizer: Any, tmp_path: Path
) -> None:
    whole = ScriptedEngine(tokenizer)
    (tmp_path / "whole").mkdir()
    generation.generate(asking(limit=None), whole, tmp_path / "whole")
    lengths = sorted(len(request.prompt) for request in whole.asked)
    room = lengths[len(lengths) // 2]
    decoding = asking().decoding.model_copy(update={"max_length": room + 50})
    cut = ScriptedEngine(tokenizer)
    notes = generation.generate(asking(limit=None, decoding=decoding), cut, tmp_path)
    assert max(len(request.prompt) for request in cut.asked) == room
    shortened = sum(length > room for length in lengths)
    assert notes["shortened"] == 3 * shortened > 0
    assert sum(row["shortened"] for row in content(tmp_path)) == 3 * shortened


@pytest.mark.parametrize("torn", ["", '{"example": "synth', '{"example": "x"}'])
@pytest.mark.parametrize("half_answered", [0, 1, 2])
def test_after_a_kill_only_what_is_missing_is_asked_and_the_result_is_the_same(
    tokenizer: Any, tmp_path: Path, torn: str, half_answered: int
) -> None:
    (tmp_path / "whole").mkdir()
    whole_notes = generation.generate(asking(), ScriptedEngine(tokenizer), tmp_path / "whole")
    lines = (tmp_path / "whole" / generation.ROWS).read_text().splitlines(keepends=True)
    kept = 5 * 3 + half_answered
    (tmp_path / generation.ROWS).write_text("".join(lines[:kept]) + torn)
    answered = {json.loads(line)["example"] for line in lines[:15]}

    engine = ScriptedEngine(tokenizer)
    notes = generation.generate(asking(), engine, tmp_path)

    asked = Counter(request.id for request in engine.asked)
    assert len(asked) == 7
    assert set(asked.values()) == {1}
    assert not answered & asked.keys()
    assert (tmp_path / generation.ROWS).read_text().startswith("".join(lines[:15]))
    assert in_order(content(tmp_path)) == in_order(content(tmp_path / "whole"))
    assert notes == whole_notes


def test_answers_are_on_disk_before_the_next_ones_come(tokenizer: Any, tmp_path: Path) -> None:
    sizes = []

    class Watching(ScriptedEngine):
        def answer(self, requests: Any, decoding: Any) -> Any:
            for answered in super().answer(requests, decoding):
                sizes.append((tmp_path / generation.ROWS).read_text().count("\n"))
                yield answered

    generation.generate(asking(limit=4), Watching(tokenizer), tmp_path)
    assert sizes == [0, 3, 6, 9]


def test_requests_reach_the_engine_in_parts_small_enough_to_lose(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "REQUESTS_PER_PART", 5)
    sizes = []

    class Watching(ScriptedEngine):
        def answer(self, requests: Any, decoding: Any) -> Any:
            sizes.append(len(requests))
            return super().answer(requests, decoding)

    generation.generate(asking(), engine := Watching(tokenizer), tmp_path)
    assert sizes == [5, 5, 2]
    assert len({request.id for request in engine.asked}) == 12


def test_cells_that_are_asked_together_get_the_rows_that_each_gets_alone(
    tokenizer: Any, tmp_path: Path
) -> None:
    class ByPrompt(ScriptedEngine):
        """What it answers to one cell shows which."""

        def answer(self, requests: Any, decoding: Any) -> Any:
            for request, answers in super().answer(requests, decoding):
                yield request, [Answer(f"{request.prompt}", a.tokens, a.finish) for a in answers]

    # Of one set, whose examples have one id in both cells, and of another.
    cells = [(SET, "response"), (SET, "prompt"), ("synthetic/meadow", "prompt")]
    asked = [asking(cell=Cell(dataset=name, task=task)) for name, task in cells]
    alone, together = tmp_path / "alone", tmp_path / "together"
    notes = []
    for number, value in enumerate(asked):
        for place in (alone, together):
            (place / str(number)).mkdir(parents=True)
        notes.append(generation.generate(value, ByPrompt(tokenizer), alone / str(number)))
    # What a killed run left of one of them.
    first_rows = (alone / "0" / generation.ROWS).read_text().splitlines(keepends=True)[:7]
    (together / "0" / generation.ROWS).write_text("".join(first_rows))
    engine = ByPrompt(tokenizer)
    folders = {value: together / str(number) for number, value in enumerate(asked)}
    assert generation.generate_together(folders, engine) == notes
    assert len(engine.asked) == sum(note["rows"] for note in notes) / 3 - 2
    for number in range(len(asked)):
        rows = [in_order(content(place / str(number))) for place in (alone, together)]
        assert rows[0] == rows[1]


def test_nothing_is_asked_when_all_is_answered(tokenizer: Any, tmp_path: Path) -> None:
    notes = generation.generate(asking(), ScriptedEngine(tokenizer), tmp_path)
    before = (tmp_path / generation.ROWS).read_bytes()
    again = ScriptedEngine(tokenizer)
    assert generation.generate(asking(), again, tmp_path) == notes
    assert again.asked == []
    assert (tmp_path / generation.ROWS).read_bytes() == before


def test_the_mode_s_token_is_shown_to_dual_guards_only(tokenizer: Any, tmp_path: Path) -> None:
    from test_training import DUAL, REASONING

    for guard, mode, opening in (
        (DUAL, "reasoning", f"<bos> {prompts.MODE_TOKENS['reasoning']} policy"),
        (DUAL, "non-reasoning", f"<bos> {prompts.MODE_TOKENS['non-reasoning']} policy"),
        (REASONING, "reasoning", "<bos> policy"),
        (BACKBONE, "non-reasoning", "<bos> policy"),
    ):
        folder = tmp_path / f"{guard.__class__.__name__}-{mode}-{guard is DUAL}"
        folder.mkdir()
        engine = ScriptedEngine(tokenizer)
        generation.generate(asking(guard=guard, mode=mode, limit=2), engine, folder)
        assert all(tokenizer.decode(r.prompt).startswith(opening) for r in engine.asked)


# Which examples a cell stands for


def test_a_limit_keeps_the_first_examples() -> None:
    cell = Cell(dataset=SET, task="response")
    everything = generation.examples(cell)
    assert len(everything) == 300
    assert generation.examples(cell, 7) == everything[:7]


def test_the_prompt_task_hides_the_response_and_the_response_task_shows_it() -> None:
    for task, shown in (("prompt", False), ("response", True)):
        found = generation.examples(Cell(dataset=SET, task=task), 50)  # type: ignore[arg-type]
        assert all((example.response is not None) == shown for example in found)
        assert all(example.label(task) is not None for example in found)  # type: ignore[arg-type]


def test_null_labels_are_the_null_world_s_and_nothing_else_changes() -> None:
    given = generation.examples(Cell(dataset=SET, task="response"))
    null = generation.examples(Cell(dataset=SET, task="response", labels="random"))
    assert null == [with_random_labels(example) for example in given]
    changed = sum(
        a.response_harmful != b.response_harmful for a, b in zip(given, null, strict=True)
    )
    assert 100 < changed < 200


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")
@pytest.mark.parametrize("policy", ["wildguardmix", "aegis2"])
def test_hub_cells_name_their_split_and_are_judged_by_the_policy_named(
    mirror: Path, policy: str
) -> None:
    hub_rows.write(mirror / openai_moderation.HUB_ID / "train.jsonl", hub_rows.openai(H=1))
    hub_rows.write(mirror / xstest.HUB_ID / "response_harmfulness.jsonl", hub_rows.xstest())
    for cell, truth in (
        (Cell(dataset=openai_moderation.HUB_ID, task="prompt", split="train", policy=policy), True),
        (
            Cell(
                dataset=xstest.HUB_ID, task="response", split="response_harmfulness", policy=policy
            ),
            False,
        ),
    ):
        (example,) = generation.examples(cell)
        assert example.policy == policies.load(policy)
        assert example.label(cell.task) is truth


def test_synthetic_examples_keep_their_own_policy() -> None:
    bare = generation.examples(Cell(dataset=SET, task="prompt"))
    assert generation.examples(Cell(dataset=SET, task="prompt", policy="aegis2")) == bare
