"""What a chapter shows: tables, figures, glued numbers, provenance."""

import pandas as pd

from reasoning_guards.report import frames

# A claim is to be read to its end, and a table is compared, and read, with all its rows.
pd.set_option("display.max_colwidth", None)
pd.set_option("display.max_rows", None)
frames.install()
