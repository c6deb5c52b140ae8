"""How long reasoning is: of the traces that guards learn from, and of what they then write."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from reasoning_guards import artifacts
from reasoning_guards.intervals import Interval
from reasoning_guards.recipes import Recipe
from reasoning_guards.report import frames
from reasoning_guards.study import Study
from reasoning_guards.training import data

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_TRACE = re.compile(r"<think>(.*?)(?:</think>|$)", re.DOTALL)
DRAWS = 2000


def taught(study: Study) -> pd.DataFrame:
    """The traces of each reasoning variant's first guard; see `_lengths` for the columns.

    Full traces have no budget. Examples are the same under each budget.
    """
    parts = []
    for name, variant in study.variants.items():
        guard = next(iter(variant.guards.values()))
        if not isinstance(guard, Recipe) or guard.traces is None:
            continue
        tokens = _counter(guard)
        lessons = [lesson for lesson in data.lessons(guard) if lesson.trace is not None]
        frame = _lengths([lesson.trace or "" for lesson in lessons], tokens)
        parts.append(
            frame.assign(
                variant=name,
                budget=guard.traces.sentences,
                example=[lesson.example.id for lesson in lessons],
            )
        )
    return pd.concat(parts, ignore_index=True)


def written(study: Study) -> pd.DataFrame:
    """The same of what each reasoning variant writes before its verdict."""
    parts = []
    for name, variant in study.variants.items():
        guard = next(iter(variant.guards.values()))
        if not isinstance(guard, Recipe) or guard.traces is None:
            continue
        traces = [match[1] for text in study.texts(name) if (match := _TRACE.search(text))]
        frame = _lengths(traces, _counter(guard))
        parts.append(frame.assign(variant=name, budget=guard.traces.sentences))
    return pd.concat(parts, ignore_index=True)


def table(study: Study, taught: pd.DataFrame, written: pd.DataFrame) -> pd.DataFrame:
    """A row per variant: mean sentences, words, words a sentence, tokens; taught and written."""
    rows: dict[str, dict[str, str]] = {}
    for name in taught["variant"].unique():
        row: dict[str, str] = {}
        for label, frame in (("taught", taught), ("written", written)):
            mine = frame[frame["variant"] == name]
            row |= {
                f"Sentences, {label}": f"{mine['sentences'].mean():.1f}",
                f"Words, {label}": f"{mine['words'].mean():.1f}",
                f"Words per sentence, {label}": f"{(mine['words'] / mine['sentences']).mean():.1f}",
                f"Tokens, {label}": f"{mine['tokens'].mean():.1f}",
            }
        rows[study.variants[name].label] = row
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Variant")
    return frames.of_run(shown, study, "lengths")


def measures(taught: pd.DataFrame, seed: int = 0) -> dict[str, Interval]:
    """What the claims of section 5.3 and Appendix E say of training traces, with 95 % intervals.

    Bootstraps over examples, each of which brings its traces under all budgets.
    """
    full = taught[taught["budget"].isna()]
    one = taught[taught["budget"] == 1]
    found = {
        "rq3_sentences": _mean(full["sentences"]),
        "rq3_tokens_full": _mean(full["tokens"]),
        "rq3_tokens_one": _mean(one["tokens"]),
    }
    short = taught[taught["budget"].notna()]
    found["rq3_budgets_kept"] = _mean((short["sentences"] <= short["budget"]).astype(float))
    words = short.pivot(index="example", columns="budget", values="words").dropna()
    sentences = short.pivot(index="example", columns="budget", values="sentences").loc[words.index]
    budgets = words.columns.to_numpy(float)
    per_sentence = (words / sentences).to_numpy()
    if len(budgets) > 1:
        found["rq3_words_per_trace"] = _bootstrap(
            words.to_numpy(), lambda means: float(np.diff(means).min()), seed
        )
        found["rq3_words_per_sentence"] = _bootstrap(
            per_sentence, lambda means: float(np.polyfit(budgets, means, 1)[0]), seed
        )
    if len(budgets) > 3:
        found["rq3_words_linear"] = _bootstrap(
            per_sentence,
            lambda means: _r_squared(budgets, means, 2) - _r_squared(budgets, means, 1),
            seed,
        )
    return found


def _lengths(traces: list[str], tokens: Callable[[str], int]) -> pd.DataFrame:
    """A row per trace: sentences (at least one), words (no punctuation), tokens."""
    return pd.DataFrame(
        {
            "sentences": [max(1, len(_SENTENCE_END.findall(trace))) for trace in traces],
            "words": [len(re.findall(r"\w+(?:['’-]\w+)*", trace)) for trace in traces],
            "tokens": [tokens(trace) for trace in traces],
        }
    )


def _counter(guard: Recipe) -> Callable[[str], int]:
    """Counts a text's tokens with the guard's tokenizer, without loading a model library."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(artifacts.folder(guard) / "tokenizer.json"))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _mean(values: "pd.Series[float]") -> Interval:
    mean, se = float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
    return Interval(mean, mean - 1.96 * se, mean + 1.96 * se, se, 0.95)


def _bootstrap(
    values: npt.NDArray[np.float64],
    statistic: Callable[[npt.NDArray[np.float64]], float],
    seed: int,
) -> Interval:
    """A statistic of the column means, rows drawn anew."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(values), size=(DRAWS, len(values)))
    replicates = np.array([statistic(values[rows].mean(0)) for rows in drawn])
    low, high = np.quantile(replicates, [0.025, 0.975])
    found = statistic(values.mean(0))
    return Interval(found, float(low), float(high), float(replicates.std(ddof=1)), 0.95)


def _r_squared(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], degree: int) -> float:
    rest = y - np.polyval(np.polyfit(x, y, degree), x)
    return float(1 - (rest**2).sum() / ((y - y.mean()) ** 2).sum())
