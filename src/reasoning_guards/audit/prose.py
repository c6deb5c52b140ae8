"""The paper's sentences held against the numbers it prints beside them.

Each check says in our words what the paper states and where, what its own printed cells show, and
whether they bear it out. The judgement is computed: a printed difference has no interval, so
"borne out" says that the numbers point that way by the margin stated, and nothing about chance.
"""

import pandas as pd

from reasoning_guards.audit import custom, safety
from reasoning_guards.audit.checks import Check


def checks() -> list[Check]:
    """Every check, in the order of the paper's sections."""
    return [*safety.checks(), *custom.checks()]


def table() -> pd.DataFrame:
    """The checks as one row each. Columns: Statement, What the tables show, Judgement."""
    found = checks()
    return pd.DataFrame(
        {
            "Statement": [check.statement for check in found],
            "What the tables show": [check.shown for check in found],
            "Judgement": [check.judgement for check in found],
        },
        index=[
            f"{'§' if check.section[0].isdigit() else 'Appendix '}{check.section}"
            for check in found
        ],
    ).rename_axis(columns="Section")
