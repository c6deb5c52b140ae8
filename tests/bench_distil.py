"""How busy a distillation keeps a teacher: `python tests/bench_distil.py [SAMPLES [CONCURRENCY]]`.

A local endpoint answers each question after a second. Printed are the share of the ideal
throughput and the peak of the memory that Python allocated meanwhile.
"""

import importlib
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import NamedTuple

from test_distil_loop import ask

from reasoning_guards.distil.store import Store

SECONDS = 1.0


class Measured(NamedTuple):
    """Seconds taken; ideal seconds over these; bytes at the peak above the start."""

    seconds: float
    share_of_ideal: float
    grown_bytes: int


def measure(path: Path, samples: int, concurrency: int, seconds: float = SECONDS) -> Measured:
    """Distil so many samples against an endpoint in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "fake_teacher.py"), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    url = server.stdout.readline().strip()
    importlib.import_module("openai")  # takes seconds, once
    store = Store(path)
    tracing = tracemalloc.is_tracing()
    before = tracemalloc.get_traced_memory()[0] if tracing else 0
    tracemalloc.reset_peak() if tracing else None
    started = time.perf_counter()
    run = ask(url, store, samples, concurrency=concurrency, timeout=60)
    taken = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1] if tracing else 0
    server.terminate()
    assert run.states == {"kept": samples}
    ideal = -(-samples // concurrency) * seconds
    return Measured(taken, ideal / taken, peak - before)


if __name__ == "__main__":
    samples, concurrency = (*map(int, sys.argv[1:]), *(2000, 64)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder) / "a.jsonl", samples, concurrency)
        tracemalloc.start()
        traced = measure(Path(folder) / "b.jsonl", samples, concurrency)
    print(
        f"{samples} samples, {concurrency} at once, {SECONDS} s each: {result.seconds:.1f} s, "
        f"{result.share_of_ideal:.1%} of the ideal; {traced.grown_bytes / 1e6:.1f} MB at the peak"
    )
