"""What the paper's design could detect, as its page shows it."""

from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pandas as pd

from reasoning_guards import claims
from reasoning_guards.claims import Claim
from reasoning_guards.power import coverage
from reasoning_guards.power.effects import (
    POWER,
    detectable_effect,
    error_of,
    power_as_printed,
    smallest_provable_margin,
)
from reasoning_guards.power.shapes import Correlations
from reasoning_guards.power.variance import Design, agreement, sample_error, standard_error
from reasoning_guards.report import figures, tables
from reasoning_guards.report.standard_errors import (
    DIRECTION,
    PAPERS,
    SEVERAL,
    VARYING,
    simulated_error,
    weights,
)

_ALIKE = Design(correlations=Correlations(guards=0.95))


def correlations() -> pd.DataFrame:
    """How the safety average's paired standard error depends on the two other correlations."""
    rows = {}
    for guards in (0.60, 0.70, 0.80, 0.90, 0.95):
        designs = {
            prompt: Design(correlations=Correlations(guards=guards, prompt=prompt))
            for prompt in (0.0, 0.3, 0.6)
        }
        middle = designs[0.3]
        se = sample_error(weights("safety"), middle)
        rows[f"{guards:.2f}"] = {
            "Same verdict": f"{_agreement(middle.correlations):.1%}",
            **{f"SE, prompt {prompt:.1f}": f"{sample_error(weights('safety'), design):.4f}"
               for prompt, design in designs.items()},
            "Detectable": f"{detectable_effect(_CLAIMS['rq1_average'], middle):.4f}",
            "Provable margin": f"{smallest_provable_margin(se):.4f}",
            "Not to be shown": f"{len(_not_shown(middle))} of {len(_with_effect())}",
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Correlation of guards")


def table() -> pd.DataFrame:
    """One row per claim: what the paper's number leaves of room, and what its design detects."""
    rows = {claim.id: _row(claim) for claim in _CLAIMS.values()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Claim's id")


def assumptions() -> pd.DataFrame:
    """The smallest detectable effect of each claim with a number, if other things are assumed."""
    designs = {
        "as assumed": PAPERS,
        "guards 0.95 alike": _ALIKE,
        f"training SD {VARYING.training_sd:g}": VARYING,
        "the same, four runs": replace(VARYING, runs=SEVERAL),
        "one generation": replace(PAPERS, generations=1),
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
    if detectable_effect(claim, PAPERS) > claimed:
        return "could not have been shown"
    if detectable_effect(claim, VARYING) > claimed:
        return "not if training varies"
    return "could have been shown"


def figure() -> Any:
    """By claim, how far inside its region the paper's number lies, and how far it would have to."""
    rows = {
        claim.id: {
            "claimed": claim.claimed_effect(),
            "detectable": detectable_effect(claim, PAPERS),
            "varying": detectable_effect(claim, VARYING),
        }
        for claim in _with_effect()
    }
    return figures.detectable(pd.DataFrame.from_dict(rows, orient="index"))


def numbers(simulated: int = 400) -> dict[str, str]:
    """What the page's prose quotes, by name; the simulated ones from this many made-up studies."""
    safety, se = weights("safety"), sample_error(weights("safety"), PAPERS)
    verdicts = [verdict(claim) for claim in _CLAIMS.values()]
    glued = {
        "power_se": f"{se:.4f}",
        "power_se_simulated": f"{simulated_error('safety', simulated):.4f}",
        "power_studies": str(simulated),
        "power_se_one": f"{sample_error(safety, PAPERS, (1, 0)):.4f}",
        "power_direction": f"{DIRECTION * se:.3f}",
        "power_margin": f"{smallest_provable_margin(se):.3f}",
        "power_agreement": _percent(_agreement(Correlations())),
        "power_agreement_at": f"{Correlations().guards:.2f}",
        "power_generations_at": f"{Correlations().generations:.2f}",
        "power_prompt_at": f"{Correlations().prompt:.2f}",
        "power_alike_at": f"{_ALIKE.correlations.guards:.2f}",
        "power_generations": str(PAPERS.generations),
        "power_trainings": str(PAPERS.runs),
        "power_level": _percent(_CLAIMS["rq1_average"].region().level),
        "power_several": str(SEVERAL),
        "power_target": _percent(POWER),
        "power_comparable": f"{_CLAIMS['rq3_one_sentence'].margin:g}",
        "power_training_sd": f"{VARYING.training_sd:g}",
        "power_least_covered": f"{100 * coverage.COVERED[0]:.0f}",
        "power_most_covered": _percent(coverage.COVERED[1]),
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
        "power_primary_not_shown": str(sum(claim.primary for claim in _not_shown(PAPERS))),
        "power_not_shown_alike": str(len(_not_shown(_ALIKE))),
        "power_rq1": _percent(power_as_printed(_CLAIMS["rq1_average"], PAPERS) or 0),
        "power_rq1_claimed": f"{_CLAIMS['rq1_average'].claimed_effect():.3f}",
    }
    for runs, name in ((1, "one"), (SEVERAL, "several")):
        total = standard_error(safety, replace(VARYING, runs=runs))
        covered = 2 * NormalDist().cdf(NormalDist().inv_cdf(0.975) * se / total) - 1
        glued[f"power_covered_{name}"] = _percent(covered)
    return glued


_CLAIMS = claims.load()


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
        errors = [error_of(test, PAPERS) for test in claim.tests]
        power = power_as_printed(claim, PAPERS)
        at_most = "at most " if claim.parts else ""
        row |= {
            "Measured on": f"{claim.average}{beyond}".replace("_", " "),
            "SE": " to ".join(dict.fromkeys(f"{end(errors):.4f}" for end in (min, max))),
            "Detectable": _shown(detectable_effect(claim, PAPERS)),
            "Power as printed": "–" if power is None else f"{at_most}{power:.0%}",
        }
    return row | {"Verdict on the design": verdict(claim)}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


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


def _agreement(assumed: Correlations) -> float:
    return agreement(claims.cells("wg_prompt", "hub")[0], assumed)
