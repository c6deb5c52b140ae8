"""Predictions leave without any text, come back the same, and are scored as if made here."""

import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reasoning_guards import artifacts, chapters, cli, generation, predictions, probability, scoring
from reasoning_guards.chapters import benchmarks, equal_rates, released
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Probability
from reasoning_guards.study import Study, Variant

ROOT = Path(__file__).parents[1]
PROFILE = Profile(eval_examples=4, bootstrap_replicates=100)
SAID = "mild words of a guard"


@pytest.fixture
def study(cache: Path) -> Study:
    """Two guards whose answers and probabilities are there, as if they had been run."""
    cells = benchmarks.safety_cells(PROFILE)
    backbone = Backbone(name="some/guard", template="compact")
    variants = {
        name: Variant(name, name, {0: backbone}, mode, cells)  # type: ignore[arg-type]
        for name, mode in (("direct", "non-reasoning"), ("thinks", "reasoning"))
    }
    made = Study("rq1_efficacy", PROFILE, variants, read=tuple(variants))
    for number, value in enumerate(made.generations()):
        examples = generation.examples(value.cell, value.limit)
        answers = [
            {
                "example": example.id, "cluster": example.cluster, "generation": 0,
                "truth": example.label(value.cell.task), "tokens": 7 + place, "finish": "stop",
                "text": f"{SAID}\nPrompt harm: harmful\nResponse harm: unharmful"
                if place else SAID,
            }
            for place, example in enumerate(examples)
        ]  # fmt: skip
        leave(value, generation.ROWS, answers)
        read = [
            {**{k: row[k] for k in ("example", "cluster", "generation", "truth")},
             "probability": None if not place else place / 4 - number / 100}
            for place, row in enumerate(answers)
        ]  # fmt: skip
        leave(Probability.of(value), probability.ROWS, read)
    return made


def leave(value: Any, name: str, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    artifacts.make(value, lambda folder: (folder / name).write_text(text) and None)


@pytest.fixture
def file(study: Study, tmp_path: Path) -> Path:
    path = tmp_path / "out" / "predictions.parquet"
    predictions.write(predictions.exported(study), path)
    return path


def test_what_is_exported_holds_ids_and_numbers_and_no_text(study: Study, file: Path) -> None:
    rows = pd.read_parquet(file)
    assert list(rows) == predictions.COLUMNS
    assert len(rows) == 2 * 9 * 4
    assert SAID.encode() not in file.read_bytes()
    one = generation.examples(study.variants["direct"].cells[0], 4)[0]
    assert one.prompt.encode() not in file.read_bytes()
    assert rows["predicted"].isna().sum() == rows["probability"].isna().sum() == 2 * 9
    assert rows.loc[rows["variant"] == "direct", "probability"].max() == 0.75
    assert set(rows["tokens"]) == {7, 8, 9, 10}


@pytest.mark.parametrize("policy", ["wrong", "harmful", "dropped"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_what_comes_back_is_scored_as_the_study_is_under_any_policy(
    study: Study, file: Path, tmp_path: Path, policy: Any, suffix: str
) -> None:
    if suffix == ".csv":
        pd.read_parquet(file).to_csv(tmp_path / "all.csv", index=False)
        file = tmp_path / "all.csv"
    rows = predictions.read(file, PROFILE)
    for name in study.variants:
        pd.testing.assert_frame_equal(
            scoring.scores(rows[rows["variant"] == name], policy),
            scoring.scores(study.judgements(name), policy),
            check_dtype=False,
        )
    shown = predictions.table(rows, PROFILE, policy)
    assert set(shown.index) == set(study.variants)
    assert shown.loc["direct", "Safety"].startswith(
        f"{scoring.scores(study.judgements('direct'), policy)['f1'].mean():.3f} ["
    )
    assert shown.loc["direct", "Custom"] == "–"
    assert "nan" not in shown.loc["direct", "AUPRC"]


def test_a_threshold_decides_anew_and_what_has_no_probability_stays_open(file: Path) -> None:
    rows = predictions.read(file, PROFILE, threshold=0.5)
    said = rows["predicted"]
    assert (said == (rows["probability"] >= 0.5)).loc[rows["probability"].notna()].all()
    assert said.isna().equals(rows["probability"].isna())


def elsewhere(tmp_path: Path, **changes: Any) -> Path:
    """Predictions of somebody's own guard for one cell, with nothing that is not needed."""
    cell = benchmarks.safety_cells(PROFILE)[0]
    found = generation.examples(cell)
    columns = {
        "cell": cell.name,
        "example": [example.id for example in found],
        "predicted": [example.prompt_harmful for example in found],
    }
    path = tmp_path / "mine.csv"
    pd.DataFrame(columns | changes).to_csv(path, index=False)
    return path


def test_predictions_made_elsewhere_are_given_labels_and_sources(tmp_path: Path) -> None:
    rows = predictions.read(elsewhere(tmp_path), PROFILE)
    assert scoring.scores(rows)["f1"].tolist() == [1.0]
    assert predictions.table(rows, PROFILE, "wrong").loc["predictions", "Mean of cells"] == "1.000"
    cell = benchmarks.safety_cells(PROFILE)[0]
    assert rows["cluster"].tolist() == [example.cluster for example in generation.examples(cell)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"cell": "synthetic/moon:prompt"},
            "row 1, column 'cell': 'synthetic/moon:prompt' is none of the cells of the profile "
            "'smoke': choose another by --profile",
        ),
        ({"cell": ""}, "row 1, column 'cell': nothing stands there"),
        ({"example": ""}, "row 1, column 'example': nothing stands there"),
        ({"example": "e1"}, "a second time"),
        ({"predicted": "perhaps"}, "row 1, column 'predicted': neither true, false nor empty"),
        ({"seed": "one"}, "mine.csv, row 1, column 'seed': no whole number"),
        ({"generation": 1.5}, "mine.csv, row 1, column 'generation': no whole number"),
        ({"tokens": "many"}, "mine.csv, row 1, column 'tokens': no whole number"),
        ({"tokens": "inf"}, "mine.csv, row 1, column 'tokens': no whole number"),
        ({"truth": "maybe"}, "mine.csv, row 1, column 'truth': neither true, false nor empty"),
        ({"truncated": "maybe"}, "mine.csv, row 1, column 'truncated': neither true, false"),
        ({"probability": 1.2}, "row 1: a probability lies from 0 to 1"),
        ({"probability": "0,73"}, "row 1: a probability lies from 0 to 1"),
        ({"probability": "high"}, "row 1: a probability lies from 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(predictions.PredictionsError, match=why):
        predictions.read(elsewhere(tmp_path, **changes), PROFILE)


def test_what_brings_its_own_labels_may_name_any_example_and_only_cells_of_the_profile(
    tmp_path: Path,
) -> None:
    count = len(pd.read_csv(elsewhere(tmp_path)))
    ids = [f"mine-{number}" for number in range(count)]
    own = {"example": ids, "cluster": ids, "truth": "true"}
    assert predictions.read(elsewhere(tmp_path, **own), PROFILE)["example"].tolist() == ids
    with pytest.raises(predictions.PredictionsError, match="row 1, column 'cell': 'a/b:prompt' is"):
        predictions.read(elsewhere(tmp_path, **own, cell="a/b:prompt"), PROFILE)


def test_answers_to_validation_data_are_scored_whose_set_no_average_has(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("q,v\nMay I?,bad\n")
    (tmp_path / "mine.yaml").write_text(
        "policy: Ask first.\nfiles: {train: rows.csv, validation: rows.csv}\n"
        "columns: {prompt: q}\nlabels: {prompt: {column: v, harmful: [bad], unharmful: [ok]}}\n"
    )
    profile = PROFILE.model_copy(update={"train_set": str(tmp_path / "mine.yaml")})
    cell = equal_rates.validation_cells(profile)[0]
    [example] = generation.examples(cell)
    rows = {"cell": [cell.name], "example": [example.id], "predicted": [True]}
    pd.DataFrame(rows).to_csv(tmp_path / "said.csv", index=False)
    assert predictions.read(tmp_path / "said.csv", profile)["truth"].tolist() == [True]


def test_predictions_are_scored_where_no_training_set_has_validation_data(tmp_path: Path) -> None:
    hub = {"world": "hub", "train_set": "allenai/wildguardmix"}
    profile = PROFILE.model_copy(update=hub | {"other_train_set": "allenai/wildguardmix"})
    own = {"cell": "allenai/wildguardmix:prompt", "cluster": "one", "truth": "true"}
    assert predictions.read(elsewhere(tmp_path, **own), profile)["truth"].all()


def test_empty_counts_are_no_mistake_and_numbers_may_have_a_decimal_point(tmp_path: Path) -> None:
    path = elsewhere(tmp_path, tokens="", seed="1.0", generation="")
    rows = predictions.read(path, PROFILE)
    assert rows["tokens"].isna().all()
    assert set(rows["seed"]) == {1}
    assert set(rows["generation"]) == {0}


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("cell,example,predicted\n")
    with pytest.raises(predictions.PredictionsError, match=r"^bare\.csv has no rows: "):
        predictions.read(path, PROFILE)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_no_probability_could_meet_is_refused(
    tmp_path: Path, threshold: float
) -> None:
    path = elsewhere(tmp_path, probability=0.5)
    with pytest.raises(predictions.PredictionsError, match=f"^The threshold is {threshold:g}: "):
        predictions.read(path, PROFILE, threshold)
    assert all(len(predictions.read(path, PROFILE, edge)) for edge in (0.0, 1.0))


def test_unknown_examples_columns_and_files_are_one_sentence(tmp_path: Path) -> None:
    path = elsewhere(tmp_path)
    rows = pd.read_csv(path)
    rows.loc[3, "example"] = "nobody's"
    for frame, why in (
        (rows, 'row 4, has the example "nobody\'s", which synthetic/'),
        (rows.drop(columns="example"), "no column 'example'"),
        (rows.drop(columns="predicted"), "no column 'predicted'"),
    ):
        frame.to_csv(path, index=False)
        with pytest.raises(predictions.PredictionsError, match=why):
            predictions.read(path, PROFILE)
    with pytest.raises(predictions.PredictionsError, match="no column 'probability'"):
        predictions.read(elsewhere(tmp_path), PROFILE, threshold=0.5)
    (tmp_path / "broken.parquet").write_text("no parquet")
    for name, why in (
        ("broken.parquet", "cannot be read"),
        ("none.csv", "no file"),
        ("a.txt", "neither .parquet nor .csv"),
    ):
        with pytest.raises(predictions.PredictionsError, match=why):
            predictions.read(tmp_path / name, PROFILE)


def test_an_empty_cell_beside_an_unknown_one_is_refused_with_its_row(tmp_path: Path) -> None:
    path = elsewhere(tmp_path)
    rows = pd.read_csv(path)
    rows.loc[1, "cell"], rows.loc[2, "cell"] = "synthetic/moon:prompt", None
    rows.to_csv(path, index=False)
    with pytest.raises(predictions.PredictionsError, match="row 3, column 'cell'"):
        predictions.read(path, PROFILE)


@pytest.mark.parametrize(("name", "form"), [("mine.csv", "0{}"), ("numbers.parquet", "{}")])
def test_ids_that_are_digits_alone_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    found = generation.examples(benchmarks.safety_cells(PROFILE)[0])
    digits = [one.model_copy(update={"id": form.format(n)}) for n, one in enumerate(found)]
    monkeypatch.setattr(generation, "examples", lambda _: digits)
    pd.read_csv(elsewhere(tmp_path)).to_parquet(tmp_path / "numbers.parquet")
    rows = predictions.read(tmp_path / name, PROFILE)
    assert rows["example"].tolist() == [example.id for example in digits]


def test_nothing_is_exported_that_was_not_run(cache: Path) -> None:
    study = Study("rq1_efficacy", PROFILE, {})
    with pytest.raises(predictions.PredictionsError, match="run it before exporting"):
        predictions.exported(study)


def test_the_command_line_scores_a_file_and_refuses_a_chapter_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = Path(__file__).parents[1] / "params" / "smoke.yaml"
    path = elsewhere(tmp_path)
    assert cli.main(["score", str(path), "--profile", str(profile)]) == 0
    assert "1.000" in capsys.readouterr().out
    where = ["--to", str(tmp_path / "x.parquet"), "--profile", str(profile)]
    assert cli.main(["export", "rq1_efficacz", *where]) == 2
    assert "did you mean 'rq1_efficacy'" in capsys.readouterr().err
    assert cli.main(["export", "claims", *where]) == 2
    assert (
        "No chapter 'claims' has guards of its own: name one of rq1_efficacy, rq2_"
        in capsys.readouterr().err
    )
    assert cli.main(["evaluate", *where]) == 2
    assert "names no released guards" in capsys.readouterr().err


def test_a_file_that_predictions_are_not_written_to_is_refused_before_a_guard_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    asked: list[Study] = []
    monkeypatch.setattr(Study, "run", lambda study, _: asked.append(study))
    where = ["--profile", "gpu-eval", "--to", str(tmp_path / "x.csv")]
    assert cli.main(["evaluate", *where]) == 2
    assert "x.csv: predictions are written as parquet; name the file so." in capsys.readouterr().err
    assert not asked


def commands(page: str) -> list[list[str]]:
    """What a page of the book has readers type of this project's command line."""
    lines = (ROOT / "book" / page).read_text().splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("reasoning-guards ")]


def test_the_commands_of_bring_your_own_do_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    shown = []
    *paths, first, second, third = commands("bring_your_own.md")
    assert [command[0] for command in paths] == [  # and `test_own_paths` runs these
        "chapter", "chapter", "chapter", "chapter", "distil", "chapter"
    ]  # fmt: skip
    for command in (first, second, third):
        assert cli.main(command) == 0
        shown.append(capsys.readouterr().out)
    assert len(set(shown)) == len(shown) == 3
    assert all("my guard" in text and "1 of 24" in text for text in shown)


def test_the_commands_of_rerun_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = [cli._parser().parse_args(command) for command in commands("rerun.md")]
    for parsed in found:
        profile = cli._profile(parsed)
        assert profile.released or parsed.chapter in chapters.CHAPTERS
    assert len(found) == 2


# Released guards as rows


def test_released_guards_are_rows_by_mode_with_a_taxonomy_of_their_own() -> None:
    profile = Profile(released=["wildguard", "aegis", "dynaguard"], seeds=[3, 1])
    cells = benchmarks.safety_cells(profile)
    policies = tuple(cell.model_copy(update={"policy": "wildguardmix"}) for cell in cells)
    rows = {row.name: row for row in released.variants(profile, policies)}
    assert list(rows) == ["wildguard", "aegis", "dynaguard", "dynaguard_r"]
    assert all(list(row.guards) == [3] for row in rows.values())
    assert {cell.policy for cell in rows["wildguard"].cells} == {"wildguardmix"}
    assert {cell.policy for cell in rows["aegis"].cells} == {"aegis2"}
    own = {row.name: row for row in released.variants(profile, cells)}["aegis"]
    assert {cell.policy for cell in own.cells} == {None}


def test_a_released_guard_s_answers_have_room_of_their_own() -> None:
    profile = Profile(released=["deepseek_distill"], max_length=512)
    study = released.released_guards(profile)
    (decoding,) = {value.decoding for value in study.generations()}
    assert decoding.max_new_tokens == 4096
    assert decoding.max_length == 512 + 4096
    assert study.read == ("deepseek_distill",)
