"""The shape of the paper's study: its cells, how large they are, and the F1s printed for them.

Each answer has a latent normal score and is right where the score lies below a threshold, which
depends on cell, guard and label alone. Scores are correlated: of one guard's answers to one
example, of two guards' answers to it, and of answers to two examples that share a prompt.

What is assumed beyond these correlations: a guard calls as many examples harmful as are harmful,
so that precision and recall are its F1 (but on the set without negatives); prompt and response of a
pair have labels of their own; every answer can be parsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from reasoning_guards import claims, paper
from reasoning_guards.datasets import (
    aegis2,
    cosapien,
    dynaguardrail,
    jailbreakbench,
    openai_moderation,
    simple_safety_tests,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.datasets.rows import Count
from reasoning_guards.resampling import FloatArray

ROWS = ("L3.1-8B-WILDGUARDMIX-R (Full)", "L3.1-8B-WILDGUARDMIX (NR)")
"""The treatment and the control whose F1s a made-up study has, as the paper's tables name them."""

HIGHEST_F1 = 0.995
"""What stands for a printed 1.000, which no population value equals."""

PUBLISHED = {
    f"{dataset.HUB_ID}:{task}": count
    for dataset in (wildguardmix, openai_moderation, simple_safety_tests, toxic_chat, xstest,
                    jailbreakbench)
    for (_, task), count in dataset.PUBLISHED.items()
}  # fmt: skip
"""Examples of each cell whose counts are published."""

ROWS_PUBLISHED = {
    # The test split's rows. How many are redacted, or harmful, is a guess.
    f"{aegis2.HUB_ID}:prompt": Count(1964, 1030),
    # 40 each. F1s such as 36/37 and 34/36 on language learning speak of 18 harmful ones there.
    **{f"{cosapien.HUB_ID}/{part}:prompt": Count(40, 18) for part in cosapien.PARTS},
}
"""Examples of the cells whose rows are published, and with them a guess of how many are harmful."""

ASSUMED = {
    # How many of the test split's rows have a response, and how many are harmful, is a guess.
    f"{aegis2.HUB_ID}:response": Count(850, 400),
    # 2,362 rows in all, which is published; that the four parts are alike is a guess.
    **{f"{dynaguardrail.HUB_ID}/{part}:prompt": Count(rows, rows // 2)
       for part, rows in zip(dynaguardrail.PARTS, (591, 591, 590, 590), strict=True)},
}  # fmt: skip
"""Examples of the others: guesses."""

_PER_CLUSTER = {jailbreakbench.HUB_ID: 2}
"""Examples of one cell that share a source, where it is not one: a goal is asked about in several
ways. Two is a guess."""


@dataclass(frozen=True)
class Correlations:
    """Of latent scores. None is printed; `generations` follows from the paper's Table 3.

    Attributes:
        generations: of one guard's answers to one example.
        guards: of two guards' answers to one example.
        prompt: the share of both that is left between two examples of one prompt.
    """

    generations: float = 0.97
    guards: float = 0.80
    prompt: float = 0.30


@dataclass(frozen=True)
class CellShape:
    """One cell.

    Attributes:
        name: as `claims.cells` names it on the hub.
        rows: how many examples it has.
        harmful: which share of them is harmful.
        clusters: how many sources its set has; example i of a cell is of source i modulo clusters.
        f1: of the treatment and of the control, in the population.
    """

    name: str
    rows: int
    harmful: float
    clusters: int
    f1: tuple[float, float]

    @property
    def set(self) -> str:
        """The set whose clusters it shares."""
        return self.name.rsplit(":", 1)[0]

    @property
    def right(self) -> FloatArray:
        """The chance of a right answer, (guards, labels): unharmful first, then harmful."""
        if self.harmful == 1:
            return np.array([[0.5, f1 / (2 - f1)] for f1 in self.f1])  # no unharmful one to judge
        odds = self.harmful / (1 - self.harmful)
        return np.array([[1 - odds * (1 - f1), f1] for f1 in self.f1])

    @property
    def thresholds(self) -> FloatArray:
        """The score below which an answer is right, (guards, labels)."""
        normal = NormalDist()
        return np.array([[normal.inv_cdf(chance) for chance in of] for of in self.right.tolist()])


def shapes(cells: Iterable[str], limit: int | None = None) -> list[CellShape]:
    """The hub's cells as the paper's tables and the sets' publishers have them.

    Args:
        cells: names as in `claims.cells`.
        limit: the most examples taken of a cell; None takes all.
    """
    found = []
    for cell in cells:
        dataset = cell.rsplit(":", 1)[0]
        rows = {name: min(count.rows, limit or count.rows) for name, count in _counts().items()}
        treatment, control = (min(value, HIGHEST_F1) for value in _printed()[cell])
        count = _counts()[cell]
        sources = max(of for name, of in rows.items() if name.rsplit(":", 1)[0] == dataset)
        found.append(
            CellShape(
                name=cell,
                rows=rows[cell],
                harmful=count.harmful / count.rows,
                clusters=-(-sources // _PER_CLUSTER.get(dataset, 1)),
                f1=(treatment, control),
            )
        )
    return found


def _counts() -> dict[str, Count]:
    return PUBLISHED | ROWS_PUBLISHED | ASSUMED


@cache
def _printed() -> dict[str, tuple[float, ...]]:
    """Each cell's F1 in the two `ROWS`; Tables 5 to 7 print them."""
    printed = paper.results()
    of_cells = printed[printed["table"].isin([5, 6, 7]) & ~printed["column"].str.endswith("_avg")]
    wide = of_cells.pivot(index="column", columns="row", values="value")
    return {claims.cells(str(column), "hub")[0]: tuple(wide.loc[column, list(ROWS)])
            for column in wide.index}  # fmt: skip
