"""The statistical model behind the page on detectable effects: its cells, noise and intervals."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from reasoning_guards import claims, paper
from reasoning_guards.power import coverage, effects, studies
from reasoning_guards.power.shapes import PUBLISHED, ROWS_PUBLISHED, Correlations, shapes
from reasoning_guards.power.variance import Design, decoding_sd, sample_error, standard_error
from reasoning_guards.report import tables
from reasoning_guards.resampling import replicate

LARGEST_SUBSETS_SD = paper.value(4, "5000", "safety_avg_subset_std")
"""What the paper prints for the spread of guards trained on subsets of its largest size."""

PAPERS = Design()  # four generations, one training
VARYING = Design(training_sd=LARGEST_SUBSETS_SD)

DIRECTION = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(effects.POWER)
"""How many standard errors above zero a difference has to lie to be found."""

SEVERAL = 4
"""Trainings of each guard that the paper's one is compared with."""

_TRAININGS = (PAPERS, *(Design(runs=runs, training_sd=times * LARGEST_SUBSETS_SD)
                        for times in (1, 2) for runs in (1, SEVERAL)))  # fmt: skip
_AVERAGES = {
    "safety": "Safety, nine cells",
    "safety_without_all_positive": "Safety, eight cells",
    "dynaguard": "DynaGuardrail, four cells",
    "cosa": "CoSA, five cells",
    "custom": "Custom policies, nine cells",
}
_COVERED = ("simple_safety", "cosa_language", "xstest", "jbb")


def cells() -> pd.DataFrame:
    """One row per cell: its size, what of that is published, its F1s, and their standard errors."""
    rows = {}
    for shape in shapes([*claims.cells("safety", "hub"), *claims.cells("custom", "hub")]):
        rows[tables.cell_label(shape.name)] = {
            "Examples": str(shape.rows),
            "Harmful": f"{shape.harmful:.0%}",
            "Counts": _known(shape.name),
            "F1, R (Full)": f"{shape.f1[0]:.3f}",
            "F1, NR": f"{shape.f1[1]:.3f}",
            "SE of one": f"{sample_error({shape.name: 1.0}, PAPERS, (1, 0)):.4f}",
            "SE of the difference": f"{sample_error({shape.name: 1.0}, PAPERS):.4f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Cell")


def generations() -> pd.DataFrame:
    """Decoding noise by the assumed correlation between generations, and as printed."""
    columns = {"safety": "Safety", "prompt": "Prompt", "response": "Response", "custom": "Custom"}
    rows = {}
    for correlation in (0.90, 0.95, Correlations().generations, 0.98, 0.99):
        design = Design(correlations=Correlations(generations=correlation))
        rows[f"{correlation:.2f}"] = {
            heading: f"{decoding_sd(weights(average), design):.4f}"
            for average, heading in columns.items()
        }
    printed = paper.results().query("table == 3").set_index("column")["value"]
    names = {"safety": "safety_avg", "prompt": "safety_prompt", "response": "safety_response",
             "custom": "custom_avg"}  # fmt: skip
    rows["Table 3, median"] = {
        heading: f"{printed[f'{names[average]}_run_std'].median():.4f}"
        for average, heading in columns.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Correlation")


def training() -> pd.DataFrame:
    """The smallest difference that shows, by average, training variance and number of trainings."""
    rows = {}
    for average, label in _AVERAGES.items():
        row = {}
        for design in _TRAININGS:
            se = standard_error(weights(average), design)
            spread = f"SD {design.training_sd:g}"
            runs = {1: "one run", SEVERAL: "four runs"}[design.runs]
            heading = f"{spread}, {runs}" if design.training_sd else "no variance"
            row[heading] = f"{DIRECTION * se:.4f}"
        rows[label] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Average")


def covered(count: int = 400) -> pd.DataFrame:
    """How often 95 % intervals cover the difference in one cell, of so many made-up studies."""
    rows = {}
    for shape in shapes([claims.cells(name, "hub")[0] for name in _COVERED]):
        rule, bootstrap = coverage.in_cell(shape, count)
        rows[tables.cell_label(shape.name)] = {
            "F1, R (Full)": f"{shape.f1[0]:.3f}",
            "F1, NR": f"{shape.f1[1]:.3f}",
            "Bootstrap": f"{bootstrap:.0%}",
            "Wilson's limits": f"{rule:.0%}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Cell")


def weights(average: str) -> dict[str, float]:
    """The equal weights of an average's cells on the hub."""
    names: Sequence[str] = claims.cells(average, "hub")
    return dict.fromkeys(names, 1 / len(names))


def simulated_error(average: str, count: int) -> float:
    """The standard deviation of the difference over so many made-up studies."""
    of_cells, rng = weights(average), np.random.default_rng(0)
    found = shapes(of_cells)
    drawn = (studies.counted(studies.draw(found, rng), of_cells) for _ in range(count))
    differences = [float(-np.diff(replicate(study, 0, 0)[:, 0])[0]) for study in drawn]
    return float(np.std(differences, ddof=1))


def _known(cell: str) -> str:
    if cell in PUBLISHED:
        return "published"
    return "rows published" if cell in ROWS_PUBLISHED else "assumed"
