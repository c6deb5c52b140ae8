"""What every test stands on: an empty cache of its own, and no way to the hub."""

import os

# Nothing listens there: a test that asks the hub fails, whether there is a network or not.
# Read when huggingface_hub is first imported, so set before any test is.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"

import pytest
from hypothesis import settings

# A slow machine is no failure: what is held here is what the code does, not how fast.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of this test's artifacts; it is made when first written to."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(folder))
    return folder


def pytest_collection_modifyitems(items):
    """Files with long tests first: else one of two processes waits for the last of them."""
    long = {
        item.path for item in items for mark in ("slow", "vllm") if item.get_closest_marker(mark)
    }
    items.sort(key=lambda item: item.path not in long)
