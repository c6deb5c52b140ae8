"""What a chapter's claims measure besides averages of F1: spreads, lengths, seconds, shares."""

from collections.abc import Mapping

import pandas as pd

from reasoning_guards import artifacts
from reasoning_guards.intervals import Interval
from reasoning_guards.measuring import Measured
from reasoning_guards.report import costs, hacking, lengths, mined, probabilities, spreads
from reasoning_guards.study import Study


def of(study: Study, judged: Mapping[str, pd.DataFrame]) -> dict[str, Measured]:
    """The measures of the study's chapter, by claim, as far as what they are of is there.

    Args:
        study: whose chapter.
        judged: judgements by variant.
    """
    match study.chapter:
        case "rq1_efficacy" if "r_full" in judged:
            return _not_of_runs(spreads.over_generations(study, judged))
        case "rq2_data_efficiency" if {"r_500", "r_5k"} <= set(judged):
            return _not_of_runs(spreads.over_subsets(study, judged))
        case "rq3_reasoning_budgets" if set(study.variants) <= set(judged):
            return _not_of_runs(lengths.measures(lengths.taught(study)))
        case "rq6_difficult_samples" if mined.is_there(study, "continual_sft"):
            found = mined.counted(study, "continual_sft")
            return {"rq6_always_right": mined.share_always_right(study, found)}
        case "appendix_grpo" if {"r_5k", "grpo"} <= set(judged):
            return {"rq6_grpo_recall": hacking.recall_lost(study, judged)}
        case "inference_time" if study.timing and artifacts.find(study.timing):
            return _not_of_runs(costs.measures(study, costs.rounds(study)))
        case "verdict_probabilities" if all(map(artifacts.find, study.values())):
            return probabilities.measures(study)
    return {}


def _not_of_runs(found: Mapping[str, Interval]) -> dict[str, Measured]:
    """Measures of texts and of time, and spreads: runs are what those are taken over."""
    return {claim: Measured.otherwise(interval) for claim, interval in found.items()}
