"""What the paper's design could detect, as its page shows it."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from reasoning_guards import claims, paper
from reasoning_guards.claims import Claim
from reasoning_guards.power import studies
from reasoning_guards.power.effects import (
    detectable_effect,
    error_of,
    power_as_printed,
    smallest_provable_margin,
)
from reasoning_guards.power.shapes import PUBLISHED, Correlations, shapes
from reasoning_guards.power.variance import (
    Design,
    agreement,
    decoding_sd,
    sample_error,
    standard_error,
)
from reasoning_guards.report import figures, tables
from reasoning_guards.resampling import replicate

TRAINING_SDS = (0.0, 0.005, 0.01)
"""Standard deviations of a guard's average over trainings that are looked at. The second is what
the paper's Table 4 prints for four training sets of 5,000."""

_PAPERS = Design()  # four generations, one training
_VARYING = Design(training_sd=TRAINING_SDS[1])
_ALIKE = Design(correlations=Correlations(guards=0.95))
_AVERAGES = {
    "safety": "Safety, nine cells",
    "safety_without_all_positive": "Safety, eight cells",
    "dynaguard": "DynaGuardrail, four cells",
    "cosa": "CoSA, five cells",
    "custom": "Custom policies, nine cells",
}


def cells() -> pd.DataFrame:
    """One row per cell: its size, where that is known from, its F1s, and their standard errors."""
    rows = {}
    for shape in shapes([*claims.cells("safety", "hub"), *claims.cells("custom", "hub")]):
        rows[tables.cell_label(shape.name)] = {
            "Examples": str(shape.rows),
            "Harmful": f"{shape.harmful:.0%}",
            "Counts": "published" if shape.name in PUBLISHED else "assumed",
            "F1, R (Full)": f"{shape.f1[0]:.3f}",
            "F1, NR": f"{shape.f1[1]:.3f}",
            "SE of one": f"{sample_error({shape.name: 1.0}, _PAPERS, (1, 0)):.4f}",
            "SE of the difference": f"{sample_error({shape.name: 1.0}, _PAPERS):.4f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Cell")


def generations() -> pd.DataFrame:
    """Decoding noise by the assumed correlation between generations, and as printed."""
    columns = {"safety": "Safety", "prompt": "Prompt", "response": "Response", "custom": "Custom"}
    rows = {}
    for correlation in (0.90, 0.95, 0.97, 0.98, 0.99):
        design = Design(correlations=Correlations(generations=correlation))
        rows[f"{correlation:.2f}"] = {
            heading: f"{decoding_sd(_weights(average), design):.4f}"
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


def correlations() -> pd.DataFrame:
    """How the safety average's paired standard error depends on the two other correlations."""
    rows = {}
    for guards in (0.60, 0.70, 0.80, 0.90, 0.95):
        designs = {
            prompt: Design(correlations=Correlations(guards=guards, prompt=prompt))
            for prompt in (0.0, 0.3, 0.6)
        }
        middle = designs[0.3]
        se = sample_error(_weights("safety"), middle)
        rows[f"{guards:.2f}"] = {
            "Same verdict": f"{_agreement(middle.correlations):.1%}",
            **{f"SE, prompt {prompt:.1f}": f"{sample_error(_weights('safety'), design):.4f}"
               for prompt, design in designs.items()},
            "Detectable": f"{detectable_effect(_CLAIMS['rq1_average'], middle):.4f}",
            "Provable margin": f"{smallest_provable_margin(se):.4f}",
            "Not to be shown": f"{len(_not_shown(middle))} of {len(_with_effect())}",
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Correlation of guards")


def training() -> pd.DataFrame:
    """The smallest difference that shows, by average, training variance and number of trainings."""
    rows = {}
    for average, label in _AVERAGES.items():
        row = {}
        for design in _trainings():
            se = standard_error(_weights(average), design)
            spread = f"SD {design.training_sd:g}"
            runs = {1: "one run", 4: "four runs"}[design.runs]
            heading = f"{spread}, {runs}" if design.training_sd else "no variance"
            row[heading] = f"{_DIRECTION * se:.4f}"
        rows[label] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Average")


def table() -> pd.DataFrame:
    """One row per claim: what the paper's number leaves of room, and what its design detects."""
    rows = {claim.id: _row(claim) for claim in _CLAIMS.values()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Claim's id")


def assumptions() -> pd.DataFrame:
    """The smallest detectable effect of each claim with a number, if other things are assumed."""
    designs = {
        "as assumed": _PAPERS,
        "guards 0.95 alike": _ALIKE,
        "training SD 0.005": _VARYING,
        "the same, four runs": replace(_VARYING, runs=4),
        "one generation": replace(_PAPERS, generations=1),
    }
    rows = {
        claim.id: {"Claimed": f"{claim.claimed_effect():.3g}"}
        | {name: _shown(detectable_effect(claim, design)) for name, design in designs.items()}
        for claim in _with_effect()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Claim's id")


def verdict(claim: Claim) -> str:
    """Could the paper's design have shown a claim, were the paper's number the truth?"""
    claimed = claim.claimed_effect()
    if claim.measure is not None:
        return "not computed"
    if claimed is None:
        return "contradicted by the paper's number" if claim.rooms() else "no number given"
    if detectable_effect(claim, _PAPERS) > claimed:
        return "could not have been shown"
    if detectable_effect(claim, _VARYING) > claimed:
        return "not if training varies"
    return "could have been shown"


def figure() -> Any:
    """By claim, how far inside its region the paper's number lies, and how far it would have to."""
    rows = {
        claim.id: {
            "claimed": claim.claimed_effect(),
            "detectable": detectable_effect(claim, _PAPERS),
            "varying": detectable_effect(claim, _VARYING),
        }
        for claim in _with_effect()
    }
    return figures.detectable(pd.DataFrame.from_dict(rows, orient="index"))


def numbers(simulated: int = 400) -> dict[str, str]:
    """What the page's prose quotes, by name; the simulated ones from this many made-up studies."""
    safety, se = _weights("safety"), sample_error(_weights("safety"), _PAPERS)
    verdicts = [verdict(claim) for claim in _CLAIMS.values()]
    glued = {
        "power_se": f"{se:.4f}",
        "power_se_simulated": f"{_simulated_error('safety', simulated):.4f}",
        "power_studies": str(simulated),
        "power_se_one": f"{sample_error(safety, _PAPERS, (1, 0)):.4f}",
        "power_direction": f"{_DIRECTION * se:.3f}",
        "power_margin": f"{smallest_provable_margin(se):.3f}",
        "power_agreement": f"{_agreement(Correlations()):.0%}",
        "power_claims": str(len(verdicts)),
        "power_with_effect": str(len(_with_effect())),
        "power_not_shown": str(verdicts.count("could not have been shown")),
        "power_if_varying": str(verdicts.count("not if training varies")),
        "power_shown": str(verdicts.count("could have been shown")),
        "power_not_computed": str(verdicts.count("not computed")),
        "power_no_effect": str(
            len(verdicts) - verdicts.count("not computed") - len(_with_effect())
        ),
        "power_primary": str(sum(claim.primary for claim in _with_effect())),
        "power_primary_not_shown": str(sum(claim.primary for claim in _not_shown(_PAPERS))),
        "power_not_shown_alike": str(len(_not_shown(_ALIKE))),
        "power_rq1": f"{power_as_printed(_CLAIMS['rq1_average'], _PAPERS):.0%}",
        "power_rq1_claimed": f"{_CLAIMS['rq1_average'].claimed_effect():.3f}",
    }
    for runs, name in ((1, "one"), (4, "four")):
        total = standard_error(safety, Design(runs=runs, training_sd=TRAINING_SDS[1]))
        covered = 2 * NormalDist().cdf(NormalDist().inv_cdf(0.975) * se / total) - 1
        glued[f"power_covered_{name}"] = f"{covered:.0%}"
    return glued


_CLAIMS = claims.load()
_DIRECTION = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.80)


def _row(claim: Claim) -> dict[str, str]:
    claimed = claim.claimed_effect()
    row = {
        "Rule": claim.kind.replace("_", "-"),
        "Measured on": "another measure",
        "Paper's difference": tables.paper_difference(claim),
        "Claimed": "–" if claimed is None else f"{claimed:.3g}",
        "SE": "not computed",
        "Detectable": "not computed",
        "Power as printed": "not computed",
    }
    if claim.measure is None:
        beyond = f" beyond {claim.beyond}" if claim.beyond else ""
        errors = [error_of(test, _PAPERS) for test in claim.tests]
        power = power_as_printed(claim, _PAPERS)
        at_most = "at most " if claim.parts else ""
        row |= {
            "Measured on": f"{claim.average}{beyond}".replace("_", " "),
            "SE": " to ".join(dict.fromkeys(f"{end(errors):.4f}" for end in (min, max))),
            "Detectable": _shown(detectable_effect(claim, _PAPERS)),
            "Power as printed": "–" if power is None else f"{at_most}{power:.0%}",
        }
    return row | {"Verdict on the design": verdict(claim)}


def _shown(effect: float) -> str:
    return "none" if effect == float("inf") else f"{effect:.4f}"


def _with_effect() -> list[Claim]:
    """The claims about F1 whose own numbers lie in the claimed region."""
    return [
        claim
        for claim in _CLAIMS.values()
        if claim.measure is None and claim.claimed_effect() is not None
    ]


def _not_shown(design: Design) -> list[Claim]:
    return [
        claim
        for claim in _with_effect()
        if detectable_effect(claim, design) > (claim.claimed_effect() or 0)
    ]


def _trainings() -> Sequence[Design]:
    varying = [Design(runs=runs, training_sd=sd) for sd in TRAINING_SDS[1:] for runs in (1, 4)]
    return [_PAPERS, *varying]


def _agreement(assumed: Correlations) -> float:
    return agreement(claims.cells("wg_prompt", "hub")[0], assumed)


def _weights(average: str) -> dict[str, float]:
    names = claims.cells(average, "hub")
    return dict.fromkeys(names, 1 / len(names))


def _simulated_error(average: str, count: int) -> float:
    """The standard deviation of the difference over made-up studies."""
    weights, rng = _weights(average), np.random.default_rng(0)
    cells = shapes(weights)
    drawn = (studies.counted(studies.draw(cells, rng), weights) for _ in range(count))
    differences = [float(-np.diff(replicate(study, 0, 0)[:, 0])[0]) for study in drawn]
    return float(np.std(differences, ddof=1))
