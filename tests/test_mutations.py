"""The deliberate mistakes can still be made: each names a line that is there, and once."""

import mutations
import pytest


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda each: each.name)
def test_a_mistake_names_a_line_that_is_there(mutation):
    code = (mutations.ROOT / "src" / "reasoning_guards" / mutation.file).read_text()
    assert code.count(mutation.old) == 1
    assert mutation.new != mutation.old
