"""What distilling would cost before anybody is asked: questions, tokens, money, hours.

Everything is assumed, from the constants below; a run says what it spends. Prices are the
profile's, per million tokens; 0 is a server of one's own, whose cost is its hours.
"""

import pandas as pd

from reasoning_guards import costs
from reasoning_guards.params import Profile

PILOT = 5_000
BUDGETS = 10
# Tokens a question and an answer take. A hub trace has 300 (paper §5.3), an interaction and its
# taxonomy about 600, a rewrite is thought about for 200 and then has 20 a sentence; all guesses.
QUESTION, TRACE, VERDICT = 600, 300, 20
REWRITING, PER_SENTENCE = 200, 20
JUDGING = 150
REJECTED = 0.2
"""Share of answers that are rejected and asked for again."""
TOKENS_PER_SECOND = 20.0
"""What a served model of 671B writes for one of the questions in flight."""


def table(profile: Profile) -> pd.DataFrame:
    """What full traces of 5,000 examples and of the whole training set would take, and rewriting
    either to every budget from 1 to 10.

    Columns: Questions, Tokens in and Tokens out (millions, judging included), Cost (in the currency
    of the prices) and Hours (with `teacher_concurrency` questions in flight).
    """
    whole = costs.EXAMPLES.get(profile.train_set, PILOT)
    asked = sum(REJECTED**n for n in range(profile.teacher_rounds))
    rows = {}
    for name, examples in ((f"{PILOT:,} examples", PILOT), (f"all {whole:,}", whole)):
        rows[f"{name}, full"] = _row(profile, examples * asked, QUESTION, TRACE + VERDICT, TRACE)
        budgets = range(1, BUDGETS + 1)
        rows[f"{name}, {BUDGETS} rewrites"] = _row(
            profile,
            examples * asked * BUDGETS,
            TRACE + 120,
            REWRITING + PER_SENTENCE * sum(budgets) / BUDGETS,
            PER_SENTENCE * sum(budgets) / BUDGETS,
        )
    return pd.DataFrame(rows).T.rename_axis("Distilling")


def _row(
    profile: Profile, answers: float, question: float, answer: float, trace: float
) -> dict[str, str]:
    judged = answers * (1 - REJECTED) if profile.judge_model is not None else 0.0
    questions = answers + judged
    tokens_in = answers * question + judged * (QUESTION + trace)
    tokens_out = answers * answer + judged * JUDGING
    seconds = tokens_out / (TOKENS_PER_SECOND * profile.teacher_concurrency)
    cost = (tokens_in * profile.price_in + tokens_out * profile.price_out) / 1e6
    return {
        "Questions": f"{questions:,.0f}",
        "Tokens in": f"{tokens_in / 1e6:,.1f} M",
        "Tokens out": f"{tokens_out / 1e6:,.1f} M",
        "Cost": f"{cost:,.2f}",
        "Hours": f"{seconds / 3600:,.1f}",
    }
