"""How long guards take for the same examples: all of them in one run of one process, in turn.

Seconds depend on the machine and on what else it does; the ratio of two guards' seconds within a
round much less so. That is why the guards take turns, round after round, and why nothing else is
run meanwhile.
"""

import json
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from reasoning_guards.engines import InferenceEngine, Request
from reasoning_guards.generation import requests
from reasoning_guards.recipes import Generation, Timing

ROWS = "timings.jsonl"
WARM_UP = 4  # requests that are answered before the clock is started
ALONE = 5  # requests that a round answers one at a time, for their latency


def measure(
    timing: Timing, load: Callable[[Generation], InferenceEngine], folder: Path
) -> dict[str, Any]:
    """Time every guard in every round and leave `timings.jsonl`, a row per round and guard.

    Columns: round, asked (place in `timing.asked`), examples, seconds (for all of them at once),
    tokens_in, tokens_out, latencies (seconds of single requests: each round goes on with the
    examples where the last one stopped). What an engine keeps of prompts that it has read is
    dropped before each part that is timed.

    Args:
        timing: who is asked what, and how often.
        load: an engine for a guard; the time that it takes is not counted.
        folder: where to write. A killed run starts anew, since rounds of two runs do not compare.

    Returns:
        Notes for the manifest: rows, examples.
    """
    rows = []
    for number in range(timing.rounds):
        for place, asked in enumerate(timing.asked):
            engine = load(asked)
            wanted = [request for request, _, _ in requests(asked, engine.tokenizer)]
            list(engine.answer(wanted[-WARM_UP:], asked.decoding))
            seconds, tokens_in, tokens_out = _timed(engine, wanted, asked)
            next_ones = islice(cycle(wanted), number * ALONE, (number + 1) * ALONE)
            latencies = [_timed(engine, [request], asked)[0] for request in next_ones]
            rows.append(
                {
                    "round": number,
                    "asked": place,
                    "examples": len(wanted),
                    "seconds": seconds,
                    "tokens_in": tokens_in,
                    "tokens_out": tokens_out,
                    "latencies": latencies,
                }
            )
    (folder / ROWS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"rows": len(rows), "examples": rows[0]["examples"]}


def _timed(
    engine: InferenceEngine, wanted: list[Request], asked: Generation
) -> tuple[float, int, int]:
    """Seconds, tokens read and tokens written."""
    engine.forget()  # a prompt of the batch, asked again by itself, would not be read at all
    started = time.perf_counter()
    answered = list(engine.answer(wanted, asked.decoding))
    seconds = time.perf_counter() - started
    read = sum(len(request.prompt) for request in wanted)
    return seconds, read, sum(answer.tokens for _, answers in answered for answer in answers)
