"""Numbers that prose quotes: put under a name by the notebook, looked up by the pages."""

from collections.abc import Mapping, Sequence

import pandas as pd

from reasoning_guards import claims, decisions, scoring
from reasoning_guards.study import Study


def glue(values: Mapping[str, object]) -> None:
    """Store each value under its name in the executed notebook, showing nothing."""
    from myst_nb import glue as store

    for name, value in values.items():
        store(name, value, display=False)


def averages(
    study: Study,
    judged: Mapping[str, pd.DataFrame],
    average: str = "safety",
    quoted: Sequence[str] = (),
) -> dict[str, str]:
    """`<variant>_<average>` → that average with three decimals, for all that were judged on it.

    Args:
        study: whose cells, and how it counts what cannot be parsed.
        judged: judgements by variant.
        average: which.
        quoted: variants that prose quotes and not every study has: "not run" without judgements.
    """
    cells = claims.cells(average, study.profile.world)
    policy = study.profile.parse_policy
    found = {
        f"{name}_{average}": f"{scoring.average(scoring.scores(frame, policy), cells):.3f}"
        for name, frame in judged.items()
        if {*cells} <= {*frame["cell"]}
    }
    lacking = [f"{name}_{average}" for name in quoted if name not in judged]
    return found | dict.fromkeys(lacking, "not run")


def findings(found: Mapping[str, decisions.Finding], prefix: str = "") -> dict[str, str]:
    """`<claim>_difference`, `_low`, `_high` and `_verdict` for each claim tested."""
    glued: dict[str, str] = {}
    for name, finding in found.items():
        glued[f"{prefix}{name}_verdict"] = finding.verdict
        if finding.difference is not None:
            glued[f"{prefix}{name}_difference"] = f"{finding.difference.estimate:+.3f}"
            glued[f"{prefix}{name}_low"] = f"{finding.difference.low:+.3f}"
            glued[f"{prefix}{name}_high"] = f"{finding.difference.high:+.3f}"
    return glued
