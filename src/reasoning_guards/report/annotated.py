"""What somebody marked on a sheet of traces against what filters and judge said (paper §4.1)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from reasoning_guards import scoring
from reasoning_guards.distil import annotation
from reasoning_guards.distil.annotation import Shown
from reasoning_guards.distillation import answered
from reasoning_guards.params import Profile


def drawn(profile: Profile) -> list[Shown]:
    """The sheet's answers: first ones to the profile's training set, as far as they are on disk."""
    return annotation.draw(
        [
            Shown(item.example, answer.reasoning, answer.content, ended.rounds[0])
            for item, ended, answer in answered.first_answers(answered.find(profile))
            if ended.rounds
        ]
    )


def agreement(said: Sequence[frozenset[str]], shown: Sequence[Shown]) -> pd.DataFrame:
    """A row per reason that either gave, and one for any reason at all.

    Columns: Both, Person alone, Machine alone, Neither (counts) and Kappa (Cohen's; 0 where either
    always says the same).
    """
    rows = {}
    for reason in (*annotation.REASONS, "any reason"):
        person = _marked(reason, said)
        machine = _marked(reason, [frozenset(one.reasons) for one in shown])
        if not (person.any() or machine.any()):
            continue
        both, alone = int((person & machine).sum()), int((person & ~machine).sum())
        other, neither = int((~person & machine).sum()), int((~person & ~machine).sum())
        cells = (np.array(float(count)) for count in (both, other, alone, neither))
        rows[reason] = {
            "Both": both,
            "Person alone": alone,
            "Machine alone": other,
            "Neither": neither,
            "Kappa": round(float(scoring.cohen_kappa(*cells)), 2),
        }
    return pd.DataFrame(rows).T.rename_axis("Reason")


def _marked(reason: str, reasons: Sequence[frozenset[str]]) -> npt.NDArray[np.bool_]:
    """For each answer whether it has the reason, or any."""
    return np.array([bool(of) if reason == "any reason" else reason in of for of in reasons])
