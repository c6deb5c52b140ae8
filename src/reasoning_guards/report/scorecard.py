"""The scorecard: every claim of the ledger, the paper's numbers and this run's, and the verdict."""

from collections import Counter
from collections.abc import Mapping
from math import isinf

import pandas as pd

from reasoning_guards import claims, decisions, hypotheses, intervals
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.params import Profile
from reasoning_guards.power import effects
from reasoning_guards.power.variance import Design
from reasoning_guards.report import frames, measures, tables

NOT_RUN = decisions.Finding("not run")


def findings(profile: Profile) -> dict[str, decisions.Finding]:
    """What the answers that are there show of each chapter's claims; nothing is trained or asked.

    A claim is "not run" as long as one of its variants lacks answers.
    """
    found: dict[str, decisions.Finding] = {}
    for chapter in CHAPTERS.values():
        study = chapter(profile)
        there = [name for name in study.variants if study.has_answers(name)]
        judged = {name: study.judgements(name) for name in there}
        found |= study.findings(judged, measures.of(study, judged))
    return found


def table(found: Mapping[str, decisions.Finding]) -> pd.DataFrame:
    """One row per claim of the ledger, in its order; what no finding speaks of was not run.

    The paper's numbers stand as printed, one for each test of a shape. Holm's correction is over
    all primary claims: one that was not run counts as far from significant, so that a p-value can
    only fall when more chapters are run.
    """
    ledger = claims.load()
    tested = {
        name: finding.p_value for name, finding in found.items() if finding.p_value is not None
    }
    corrected = hypotheses.holm(
        {name: tested.get(name, 1.0) for name, claim in ledger.items() if claim.primary}
    )
    rows = {name: _row(claim, found.get(name, NOT_RUN)) for name, claim in ledger.items()}
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Id")
    shown["Holm's p"] = [
        f"{corrected[name]:.4f}" if name in corrected and name in tested else ""
        for name in map(str, shown.index)
    ]
    return shown


def tally(found: Mapping[str, decisions.Finding]) -> str:
    """How many claims of the ledger came to which verdict, in words; the most frequent first."""
    verdicts = Counter(found.get(name, NOT_RUN).verdict for name in claims.load())
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())


def numbers() -> dict[str, str]:
    """What the page's prose quotes, by name."""
    ledger = claims.load().values()
    levels = {test.kind: test.region().level for claim in ledger for test in claim.tests}
    return {
        "claims_all": str(len(ledger)),
        "claims_primary": str(sum(claim.primary for claim in ledger)),
        "claims_measures": str(sum(claim.measure is not None for claim in ledger)),
        **{f"claims_level_{kind}": f"{100 * level:.0f} %" for kind, level in levels.items()},
        "claims_alpha": f"{100 * hypotheses.ALPHA:.0f} %",
        "claims_fewest_seeds": str(intervals.FEWEST_SEEDS),
    }


def page(shown: pd.DataFrame) -> pd.DataFrame:
    """The scorecard as its page shows it: each chapter that there is can be reached."""
    shown.attrs["name"] = "claims"
    return frames.linked(shown, "Chapter", {name: f"{name}.html" for name in CHAPTERS})


def _row(claim: claims.Claim, finding: decisions.Finding) -> dict[str, str]:
    papers = [test.paper.scores() for test in claim.tests if test.paper is not None]
    margin, beside = finding.smallest_margin, [each.beside for each in finding.measured]
    return {
        "Verdict": finding.explained,
        "Claim": claim.statement,
        "This run": tables.effect(finding),
        "Beyond chance": tables.beyond_chance(finding),
        "Without all-harmful set": "; ".join(
            tables.with_interval(each, signed=True) for each in beside if each is not None
        ),
        "Smallest margin": "" if margin is None else f"{margin:.3f}",
        "Paper: treatment": "; ".join(f"{treatment:.3f}" for treatment, _ in papers),
        "Paper: control": "; ".join(f"{control:.3f}" for _, control in papers),
        "Paper: difference": tables.paper_difference(claim),
        "Paper's own numbers": _remark(claim),
        "Paper could detect": _detectable(claim),
        "Rule": _rule(claim),
        "Endpoint": "primary" if claim.primary else "exploratory",
        "Section": claim.place,
        "Chapter": claim.chapter,
    }


def _remark(claim: claims.Claim) -> str:
    """Whether the numbers that the paper prints lie where the claim says, uncertainty aside."""
    printed = [test.paper is not None for test in claim.tests]
    if not any(printed):
        return "none in tables"
    if claim.claimed_effect() is None:
        return "do not bear it out"
    return "bear it out" if all(printed) else "bear it out, given in part"


def _detectable(claim: claims.Claim) -> str:
    """How far inside its region a value must lie for a design like the paper's to find it."""
    if claim.measure is not None:
        return "not computed"
    effect = effects.detectable_effect(claim, Design())
    return "none" if isinf(effect) else f"{effect:.3f}"


def _rule(claim: claims.Claim) -> str:
    """Each of the claim's tests in words: its rule and the region's ends."""
    rules = []
    for test in claim.tests:
        name = test.kind.replace("_", "-") + (" of one gain over another" if test.over else "")
        if test.margin is not None:
            name += f", margin {test.margin:g}"
        if test.band is not None:
            name += f", {test.band[0]:g} to {test.band[1]:g}"
        rules.append(name)
    return "; ".join(dict.fromkeys(rules)) + (" (all of them)" if claim.parts else "")
