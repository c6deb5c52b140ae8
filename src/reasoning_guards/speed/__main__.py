"""Times everything and writes it down: `python -m reasoning_guards.speed book/benchmark.md`.

Each measure runs in a process of its own, one after the other; vLLM's in the Python that
`$REASONING_GUARDS_VLLM_PYTHON` names, if it names one.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from reasoning_guards import checkout, devices
from reasoning_guards.errors import UserError
from reasoning_guards.speed.work import Size

Measures = Mapping[str, Mapping[str, float]]
"""What each measure found, by its name."""

COMMAND = "make bench"
PACKAGES = ("torch", "transformers", "trl")
GROWING = ("answering", "training")
ALL_CORES = ("build", "loop", "vllm", "transformers")
"""What has a model large enough to gain by all cores; the embedded world's get one, as always."""
FLAT = 1.2  # at most so many times the time of a sample, or the memory, of the smallest run


class BenchmarkFailedError(UserError):
    """A measure ended with an error."""


class Row(NamedTuple):
    """A comparison: what was measured, as a ratio, and what it should be at least or at most."""

    what: str
    measured: str
    ratio: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the ratio is where it should be."""
        above = self.least is None or self.ratio >= self.least
        return above and (self.most is None or self.ratio <= self.most)


def measured(python: str, what: str, size: Size, folder: Path) -> dict[str, float]:
    """What one measure found, in a process of its own.

    Raises:
        BenchmarkFailedError: with the last line that it wrote, or if there is no such Python.
    """
    arguments = [what, size.model_dump_json(), str(folder)]
    try:
        done = subprocess.run(  # noqa: S603
            [python, "-m", "reasoning_guards.speed.measures", *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(os.cpu_count() if what in ALL_CORES else 1)},
            check=False,
        )
    except OSError as error:
        raise BenchmarkFailedError(f"{python} cannot be started: {error.strerror}.") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or "nothing was said").splitlines()[-1]
        raise BenchmarkFailedError(f"The measure {what!r} failed under {python}: {last}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(size: Size, vllm: str) -> dict[str, dict[str, float]]:
    """Every measure.

    Args:
        size: of the work.
        vllm: the Python that has vLLM.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            what: measured(vllm if what == "vllm" else sys.executable, what, size, folder)
            for what in ("build", "loop", "vllm", "transformers", "trl", "ours")
        }
        for what in GROWING:
            for samples in size.growth:
                part = size.model_copy(update={"growth": (samples,)})
                found[f"{what} {samples}"] = measured(sys.executable, what, part, folder)
    return found


def rows(found: Measures, size: Size) -> list[Row]:
    """The comparisons that the measures make."""
    vllm, other = found["vllm"], found["transformers"]
    loop = found["loop"]["loop"]

    def against(what: str, slow: float, fast: float, least: float | None) -> Row:
        return Row(what, f"{slow:.1f} s against {fast:.1f} s", slow / fast, least=least)

    ours, trl = (found[name]["tokens_per_second"] for name in ("ours", "trl"))
    compared = [
        against("Answers: the plain loop against vLLM, our path", loop, vllm["ours"], 10),
        against("Answers: vLLM called for each, our path", vllm["calls"], vllm["ours"], 1.3),
        against("Answers: the plain loop against our other engine", loop, other["ours"], None),
        against("Verdicts, vLLM: sampled against read", vllm["sampled"], vllm["read"], 2),
        against("Verdicts, our other engine", other["sampled"], other["read"], 2),
        Row(
            "Fine-tuning: tokens a second, TRL's defaults against ours",
            f"{trl:,.0f} against {ours:,.0f}",
            ours / trl,
        ),
    ]
    for what in GROWING:
        few, many = (found[f"{what} {samples}"] for samples in (size.growth[0], size.growth[-1]))
        times = size.growth[-1] // size.growth[0]
        each = [1000 * few["seconds"] / size.growth[0], 1000 * many["seconds"] / size.growth[-1]]
        compared += [
            Row(
                f"{what.capitalize()}, {times} times as many: milliseconds of a sample",
                f"{each[0]:.1f} against {each[1]:.1f}",
                each[1] / each[0],
                most=FLAT,
            ),
            Row(
                f"{what.capitalize()}, {times} times as many: memory",
                f"{few['mib']:,.0f} MiB against {many['mib']:,.0f} MiB",
                many["mib"] / few["mib"],
                most=FLAT,
            ),
        ]
    return compared


def written(found: Measures, size: Size) -> str:
    """The page's part: what was measured on what, and the comparisons as a table."""
    built = found["build"]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    lines = [
        f"Measured by `{COMMAND}` on {datetime.now(UTC):%Y-%m-%d} on {_machine(size)}, Python "
        f"{platform.python_version()}, {versions}; commit {checkout.commit() or 'not in git'}. The "
        f"machine's load in the last 1, 5 and 15 minutes was {load} at the end.",
        "",
        f"Answers and verdicts: {size.prompts} prompts of {built['tokens']:,.0f} tokens each, the "
        f"first {built['shared']:,.0f} of them shared, {size.generations} generations of "
        f"{size.written} tokens ({size.verdict} for a verdict), from a Llama of "
        f"{built['parameters'] / 1e6:.1f} million random weights, on all cores. Fine-tuning: "
        f"{size.lessons} examples of the embedded world, on one core, as growth. Loading is not "
        "counted.",
        "",
        "| What | Measured | Ratio | Should be | Met |",
        "|---|---|---|---|---|",
    ]
    for row in rows(found, size):
        aim = (
            f"at least {row.least:g}" if row.least else f"at most {row.most:g}" if row.most else "–"
        )
        met = "–" if aim == "–" else "yes" if row.met else "no"
        lines.append(f"| {row.what} | {row.measured} | {row.ratio:.2f} | {aim} | {met} |")
    return "\n".join(lines) + "\n"


def _machine(size: Size) -> str:
    if size.device == "cpu":
        return f"{os.cpu_count()} cores ({platform.machine()})"
    import torch

    return str(torch.cuda.get_device_name())


def main() -> int:
    """Measure, and write the page's part into the file that is named."""
    size = Size(device="cuda" if devices.visible() else "cpu")
    python = os.environ.get("REASONING_GUARDS_VLLM_PYTHON") or sys.executable
    try:
        found = run(size, python)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    text = written(found, size)
    Path(sys.argv[1]).write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
