"""Predictions as a file: exported without any text, scored again anywhere, or made elsewhere.

A file is parquet or CSV with a row per variant, seed, cell, example and generation:

    cell         str: a set and the task, such as "allenai/wildguardmix:prompt"
    example      str: its id, which is that of this project
    predicted    bool: is it harmful? empty where the answer had no verdict
    probability  float from 0 to 1, optional: of harmful; may be empty
    variant      str, optional: whose; "predictions" without it
    seed         int, optional: the training run; 0 without it
    generation   int, optional; 0 without it
    truth        bool, optional: the label, and
    cluster      str, optional: the source; both are looked up in the sets without them
    tokens       int, optional: that were written; and truncated, whether the cap was reached

`predicted` may be left out where there is a probability and scoring is told a threshold.
"""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from reasoning_guards import artifacts, claims, generation, intervals, probability, ranking, scoring
from reasoning_guards.chapters import benchmarks, equal_rates
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Probability
from reasoning_guards.scoring import ParsePolicy
from reasoning_guards.study import Study

COLUMNS = [
    "variant", "seed", "cell", "example", "cluster", "generation", "truth", "predicted",
    "probability", "tokens", "truncated",
]  # fmt: skip
KEYS = ["variant", "seed", "cell", "example", "generation"]
AVERAGES = ("prompt", "response", "safety", "custom")
_DEFAULTS: dict[str, str | int] = {"variant": "predictions", "seed": 0, "generation": 0}


class PredictionsError(UserError):
    """A file of predictions cannot be used."""


def exported(study: Study) -> pd.DataFrame:
    """Every answer of the study that is there, with `COLUMNS`; nothing of what was said.

    A probability stands beside each answer after whose reasoning it was read; that of a guard that
    answers at once beside all its answers.
    """
    frames = [
        study.judgements(name).assign(variant=name).pipe(_with_probabilities, study, name)
        for name in study.variants
        if study.has_answers(name)
    ]
    if not frames:
        raise PredictionsError("No answers of this study are there yet: run it before exporting.")
    return pd.concat(frames, ignore_index=True)[COLUMNS]


def _with_probabilities(frame: pd.DataFrame, study: Study, name: str) -> pd.DataFrame:
    variant = study.variants[name]
    found = []
    for seed, guard in variant.guards.items():
        for cell in variant.cells:
            folder = artifacts.find(Probability.of(study.generation(variant, guard, cell)))
            if folder is not None:
                rows = pd.DataFrame(generation.read_rows(folder / probability.ROWS))
                found.append(rows.assign(cell=cell.name, seed=seed))
    if not found:
        return frame.assign(probability=float("nan"))
    keys = ["seed", "cell", "example"] + (["generation"] if variant.mode == "reasoning" else [])
    read = pd.concat(found, ignore_index=True)[[*keys, "probability"]]
    return frame.merge(read.astype({"probability": float}), on=keys, how="left")


def check_name(path: Path) -> None:
    """Refuse a file that cannot be written, before there is anything to write.

    Raises:
        PredictionsError: if its name does not end in .parquet.
    """
    if path.suffix != ".parquet":
        raise PredictionsError(f"{path}: predictions are written as parquet; name the file so.")


def write(frame: pd.DataFrame, path: Path) -> None:
    """The rows as parquet.

    Raises:
        PredictionsError: as `check_name`.
    """
    check_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def read(path: Path, profile: Profile, threshold: float | None = None) -> pd.DataFrame:
    """The rows of a file, checked, with labels and sources looked up where they are missing.

    Args:
        path: parquet or CSV.
        profile: whose cells they are, and how their sets are read.
        threshold: harmful is what has at least this probability, whatever was predicted.

    Raises:
        PredictionsError: on the first thing that is wrong, in one sentence.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise PredictionsError(f"The threshold is {threshold:g}: give one from 0 to 1.")
    rows = _file(path)
    if rows.empty:
        raise PredictionsError(f"{path.name} has no rows: write one for each prediction.")
    for column, value in _DEFAULTS.items():
        rows[column] = rows[column].fillna(value) if column in rows else value
    for column in ("cell", "example"):
        if column not in rows:
            raise PredictionsError(f"{path.name} has no column {column!r}: add it.")
        if (empty := rows[column].isna()).any():
            raise PredictionsError(
                f"{path.name}, row {_first(empty)}, column {column!r}: nothing stands there; name "
                "one."
            )
        rows[column] = rows[column].map(str)  # parquet may hold ids as numbers
    for column in ("seed", "generation", "tokens"):
        if column in rows:
            rows[column] = _whole_numbers(rows, column, path)
    if "probability" in rows:
        given = rows["probability"]
        rows["probability"] = pd.to_numeric(given, errors="coerce")
        if (wrong := given.notna() & ~rows["probability"].between(0, 1)).any():
            raise PredictionsError(
                f"{path.name}, row {_first(wrong)}: a probability lies from 0 to 1, and is written "
                "as 0.73."
            )
    if threshold is not None:
        if "probability" not in rows:
            raise PredictionsError(f"{path.name} has no column 'probability' to be cut: add it.")
        said = (rows["probability"] >= threshold).astype("boolean")
        rows["predicted"] = said.mask(rows["probability"].isna())
    elif "predicted" not in rows:
        raise PredictionsError(
            f"{path.name} has no column 'predicted': add it, or give a threshold."
        )
    for column in ("predicted", "truth", "truncated"):
        if column in rows:
            rows[column] = _booleans(rows, column, path)
    if (twice := rows.duplicated(KEYS)).any():
        raise PredictionsError(
            f"{path.name}, row {_first(twice)}: variant, seed, cell, example and "
            "generation stand there a second time; keep one."
        )
    return _labelled(rows, path, profile)


def table(
    rows: pd.DataFrame, profile: Profile, policy: ParsePolicy, averages: tuple[str, ...] = AVERAGES
) -> pd.DataFrame:
    """A row per variant: the averages whose cells are all there, with 95 % intervals.

    Columns: F1 of each average; Precision and Recall (means over cells); Unparsable (answers);
    AUPRC, where every example has a probability.
    """
    found = {}
    for name, mine in rows.groupby("variant", sort=False):
        scored = scoring.scores(mine, policy)
        row: dict[str, str] = {}
        for average in averages:
            cells = claims.cells(average, profile.world)
            row[average.capitalize()] = "–"
            if {*cells} <= {*mine["cell"]}:
                within = mine[mine["cell"].isin(cells)]
                interval = intervals.bootstrap_average(
                    within, cells, profile.bootstrap_replicates, policy=policy
                )
                row[average.capitalize()] = (
                    f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
                )
        row["Mean of cells"] = f"{scored['f1'].mean():.3f}"
        row["Precision"] = f"{scored['precision'].mean():.3f}"
        row["Recall"] = f"{scored['recall'].mean():.3f}"
        row["Unparsable"] = f"{scored['unparsable'].sum()} of {len(mine)}"
        area = float("nan")
        if "probability" in mine and mine["probability"].notna().any():
            asked = ranking.answered(mine, policy)
            area = ranking.bootstrap([asked], [1], ranking.average_precision, 2).estimate
        row["AUPRC"] = "–" if pd.isna(area) else f"{area:.3f}"
        found[name] = row
    return pd.DataFrame.from_dict(found, orient="index")


def cells(rows: pd.DataFrame, policy: ParsePolicy) -> pd.DataFrame:
    """F1 by variant and cell."""
    scored = {name: scoring.scores(mine, policy)["f1"] for name, mine in rows.groupby("variant")}
    return pd.DataFrame(scored).T.round(3)


def _file(path: Path) -> pd.DataFrame:
    if path.suffix not in (".parquet", ".csv"):
        raise PredictionsError(f"{path} is neither .parquet nor .csv: convert it.")
    try:
        if path.suffix == ".csv":  # ids may be digits alone, with zeros before them
            rows = pd.read_csv(path, dtype={"cell": str, "example": str})
        else:
            rows = pd.read_parquet(path)
    except FileNotFoundError:
        raise PredictionsError(f"There is no file {path}: give the path of one.") from None
    except Exception as error:  # whatever the parser raises of a broken file
        raise PredictionsError(f"{path} cannot be read ({type(error).__name__}).") from None
    return rows


def _first(wrong: pd.Series) -> int:
    """The number of the first row that is wrong, counted from 1."""
    return int(wrong.to_numpy(dtype=bool).argmax()) + 1


def _whole_numbers(rows: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """The column as numbers; empty cells stay empty."""
    given = rows[column]
    numbers = pd.to_numeric(given, errors="coerce")
    if (wrong := given.notna() & ~(numbers % 1 == 0)).any():  # inf % 1 is no number
        raise PredictionsError(
            f"{path.name}, row {_first(wrong)}, column {column!r}: no whole number; write one."
        )
    return numbers


def _booleans(rows: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """The column as nullable booleans; CSV has them as words."""
    words = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    given = rows[column]
    known = given.map(
        lambda value: pd.NA if pd.isna(value) else words.get(str(value).lower(), "unknown")
    )
    if (wrong := known.map(lambda value: isinstance(value, str))).any():
        raise PredictionsError(
            f"{path.name}, row {_first(wrong)}, column {column!r}: neither true, false "
            "nor empty; write one of these."
        )
    return known.astype("boolean")


def _known(profile: Profile) -> dict[str, Cell]:
    """Every cell that a chapter's export may hold, by name; of two splits the test split."""
    validation: tuple[Cell, ...] = ()
    with suppress(equal_rates.NoValidationError):
        validation = equal_rates.validation_cells(profile)
    return {cell.name: cell for cell in (*validation, *benchmarks.all_cells(profile))}


def _labelled(rows: pd.DataFrame, path: Path, profile: Profile) -> pd.DataFrame:
    """The rows with truth and cluster, looked up in the profile's cells where they are missing."""
    known = _known(profile)
    if (unknown := ~rows["cell"].isin(list(known))).any():
        row = _first(unknown)
        raise PredictionsError(
            f"{path.name}, row {row}, column 'cell': {rows['cell'].iloc[row - 1]!r} is none of "
            f"the cells of the profile {profile.profile!r}: choose another by --profile, or write "
            f"one of {', '.join(known)}."
        )
    if {"truth", "cluster"} <= {*rows} and rows[["truth", "cluster"]].notna().all().all():
        return rows.astype({"truth": bool})
    labels = pd.DataFrame(
        [
            (name, example.id, example.cluster, bool(example.label(known[name].task)))
            for name in rows["cell"].unique()
            for example in generation.examples(known[name])
        ],
        columns=["cell", "example", "cluster", "truth"],
    )
    bare = rows.drop(columns=["cluster", "truth"], errors="ignore")
    joined = bare.merge(labels, on=["cell", "example"], how="left")
    if (lacking := joined["truth"].isna()).any():
        row = _first(lacking)
        first = joined.iloc[row - 1]
        raise PredictionsError(
            f"{path.name}, row {row}, has the example {first['example']!r}, which {first['cell']} "
            "has not: use this project's ids, as an export has them."
        )
    return joined.astype({"truth": bool})
