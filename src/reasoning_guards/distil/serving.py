"""vLLM's OpenAI server on this machine, for as long as a distillation needs it.

So "offline" is no other path: the same client asks it, and what it answers is kept the same way.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reasoning_guards.errors import UserError

PYTHON_VARIABLE = "REASONING_GUARDS_VLLM_PYTHON"
PATIENCE = 3600.0
"""Seconds that a server may take to load its model."""


class ServerError(UserError):
    """vLLM's server did not start."""


@contextmanager
def serve(model: str, log: Path, options: Sequence[str] = ()) -> Iterator[str]:
    """Start the server; what comes back is its URL, and the block's end ends it.

    Args:
        model: hub id, or a folder; it is asked by this name.
        log: file for what the server prints.
        options: further options of vLLM's server, such as `--tensor-parallel-size 8`.

    Raises:
        ServerError: if it ends, or answers nothing within an hour.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        os.environ.get(PYTHON_VARIABLE, sys.executable),
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--host", "127.0.0.1", "--port", str(port), *options),
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait(process, port, model, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, model: str, log: Path) -> None:
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        if process.poll() is not None:
            raise ServerError(
                f"vLLM's server for {model} ended with code {process.returncode} before it "
                f"answered: see {log}, or set teacher_url to an endpoint that runs."
            )
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise ServerError(f"vLLM's server for {model} did not answer within an hour: see {log}.")
