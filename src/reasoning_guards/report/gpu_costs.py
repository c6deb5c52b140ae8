"""What a GPU would take, by formula, as its page shows it, and the paper's own hours beside it."""

from typing import Any

import pandas as pd

from reasoning_guards import architectures, costs, memory
from reasoning_guards.cards import CARDS
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, TraceSpec
from reasoning_guards.report import drawing
from reasoning_guards.report.drawing import Drawing, Ink
from reasoning_guards.resources import Resources

PAPER = Profile(
    world="hub",
    backbone="meta-llama/Llama-3.1-8B-Instruct",
    precision="bfloat16",
    engine="vllm",
    batch_size=32,
    max_length=4096,
    device="cuda",
    card="A100 80GB",
    train_batch_per_device=1,
    gradient_checkpointing=True,
)
"""The paper's setting (§4.2, Appendix B), as far as it decides what a GPU takes."""

GPUS = 8
HOURS = (1.0, 4.0)
"""The paper, Appendix B: "1 node of 8xA100", "between 1-4 hours per experiment"."""

FULL, ONE = TraceSpec(teacher="any"), TraceSpec(teacher="any", sentences=1)
ANSWERS = {"NR": None, "R (1 sentence)": ONE, "R (full)": FULL}
WILDGUARD = costs.EXAMPLES["allenai/wildguardmix"]
AEGIS = costs.EXAMPLES["nvidia/Aegis-AI-Content-Safety-Dataset-2.0"]
EPOCHS = 5
# The paper's trainings (§5.1, 5.2, 5.5, 5.7): name, examples, epochs.
TRAININGS = (
    *((f"WildGuardMix, {size}", size, EPOCHS) for size in (500, 1000, 2500, 5000)),
    ("WildGuardMix, 500, more epochs", 500, 10 * EPOCHS),
    ("Aegis 2.0, all", AEGIS, EPOCHS),
    ("WildGuardMix, all", WILDGUARD, EPOCHS),
)
# The paper, §7 and Figure 4: what reasoning adds to the seconds of a sample.
OVERHEADS = {"R (1 sentence)": 0.349, "R (full)": 1.707}
SIZED = ("Llama-3.2-1B", "Gemma-3-4B", "Llama-3.1-8B")
RANK = 32  # as params/gpu-single.yaml has it


def cards() -> pd.DataFrame:
    """What the data sheets say."""
    rows = {
        name: {
            "GiB": f"{card.gib:.1f}",
            "bfloat16 TFLOP/s": f"{card.flops / 1e12:.0f}",
            "GB/s": f"{card.bandwidth / 1e9:.0f}",
        }
        for name, card in CARDS.items()
    }
    return _table(pd.DataFrame(rows).T, "cards")


def hours(examples: int, epochs: int, traces: TraceSpec | None) -> float:
    """Of eight A100, for one of the paper's trainings."""
    length = costs.TOKENS["hub"]["prompt"] + costs.answer_tokens(PAPER, traces)
    seconds = costs.training_seconds(PAPER, _shape(), examples * epochs * length)
    return seconds / 3600 / GPUS


def against_the_paper() -> pd.DataFrame:
    """Hours of eight A100 for each of the paper's trainings, and where its own hours lie."""
    rows = {}
    for name, examples, epochs in TRAININGS:
        taken = {kind: hours(examples, epochs, traces) for kind, traces in ANSWERS.items()}
        rows[name] = {
            "Sequences": f"{examples * epochs:,}",
            **{f"{kind}, hours": f"{value:.2f}" for kind, value in taken.items()},
            "R (full) against 1–4 hours": _place(taken["R (full)"]),
        }
    return _table(pd.DataFrame(rows).T, "trainings")


def what_would_agree() -> pd.DataFrame:
    """What each assumption would have to be for R (full) to come within the paper's hours."""
    tokens = costs.TOKENS["hub"]["prompt"] + costs.answer_tokens(PAPER, FULL)
    rows = {}
    for name, examples, epochs in TRAININGS:
        taken = hours(examples, epochs, FULL)
        nearest = min(max(taken, HOURS[0]), HOURS[1])
        rows[name] = {
            "Hours": f"{taken:.2f}",
            "Nearest of 1–4": f"{nearest:.2f}",
            "Share of the peak": f"{costs.TRAINING_SHARE * taken / nearest:.1%}",
            "or tokens a sequence": f"{tokens * nearest / taken:,.0f}",
            "or hours beside training": f"{max(nearest - taken, 0):.2f}",
        }
    return _table(pd.DataFrame(rows).T, "agreement")


def answers() -> pd.DataFrame:
    """Seconds of an A100 for an answer, where all of a large cell are asked for at once."""
    asked = costs.CELL_EXAMPLES["hub"]
    rows: dict[str, dict[str, str]] = {kind: {} for kind in ANSWERS}
    for generations in (1, 4):
        answers = generations * asked
        lengths = {kind: costs.answer_tokens(PAPER, traces) for kind, traces in ANSWERS.items()}
        seconds = {
            kind: costs.answering_seconds(PAPER, _shape(), asked, answers, length) / answers
            for kind, length in lengths.items()
        }
        for kind, taken in seconds.items():
            rows[kind] |= {
                "Tokens": str(lengths[kind]),
                f"Milliseconds, {generations} of each": f"{1000 * taken:.1f}",
                f"Overhead, {generations} of each": _percent(taken / seconds["NR"] - 1),
            }
    for kind, row in rows.items():
        row["The paper's overhead"] = _percent(OVERHEADS.get(kind, 0.0))
    return _table(pd.DataFrame(rows).T, "answers")


def room() -> pd.DataFrame:
    """GiB of each GPU that a training takes: in full on one, split over eight, and by adapters."""
    resources = Resources(train_batch_per_device=1, gradient_checkpointing=True)
    ways: dict[str, tuple[int, int | None]] = {
        "all weights, one GPU": (1, None),
        f"all weights, split over {GPUS}": (GPUS, None),
        f"adapters of rank {RANK}, one GPU": (1, RANK),
    }
    by_size = sorted(CARDS.items(), key=lambda named: named[1].gib)
    rows = {}
    for name in SIZED:
        for way, (gpus, rank) in ways.items():
            shape = architectures.known()[name]
            parts = memory.training(shape, _sft(), resources, gpus=gpus, rank=rank)
            needed = memory.Need("", parts, 1 - memory.FREE_SHARE, "")
            rows[f"{name}, {way}"] = {
                **{part: f"{size:.1f}" for part, size in parts.items()},
                "all": f"{needed.gib:.1f}",
                "least card": next((n for n, c in by_size if needed.fits(c.gib)), "none"),
            }
    return _table(pd.DataFrame(rows).T, "memory")


def figure() -> Drawing:
    """Hours on eight A100 by the number of sequences, and the paper's band."""
    data = pd.DataFrame(
        {kind: [hours(n, e, traces) for _, n, e in TRAININGS] for kind, traces in ANSWERS.items()},
        index=[name for name, _, _ in TRAININGS],
    ).assign(Sequences=[n * e for _, n, e in TRAININGS])

    def plot(axes: Any, ink: Ink) -> None:
        axes.axhspan(*HOURS, color=ink.grey, alpha=0.25, linewidth=0, label="the paper, 1–4 hours")
        styles = zip(ANSWERS, (ink.green, ink.orange, ink.blue), "v^o", strict=True)
        ordered = data.sort_values("Sequences")
        for kind, colour, marker in styles:
            axes.plot(ordered["Sequences"], ordered[kind], marker, color=colour, label=kind)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("Sequences trained on (log scale)")
        axes.set_ylabel("Hours on 8 A100 (log scale)")
        axes.legend(frameon=False, loc="lower right")

    within = [name for name in data.index if _place(data["R (full)"][name]) == "within"]
    said = "; ".join(f"{name} {value:.2f}" for name, value in data["R (full)"].items())
    alt = (
        f"Hours on eight A100 that formulas give for a reasoning guard: {said}. Within the paper's "
        f"1 to 4 hours: {', '.join(within) or 'none'}."
    )
    return drawing.draw(plot, 3.6, alt, data, "gpu-costs-trainings")


def numbers() -> dict[str, str]:
    """What the page's prose quotes, by name."""
    places = {name: _place(hours(n, e, FULL)) for name, n, e in TRAININGS}
    least, most = TRAININGS[0], TRAININGS[-1]
    per = costs.TOKENS["hub"]
    most_hours = hours(*most[1:], FULL)
    return {
        "gpu_trainings": str(len(TRAININGS)),
        "gpu_within": _named(places, "within"),
        "gpu_below": str(list(places.values()).count("below")),
        "gpu_above": _named(places, "above"),
        "gpu_low": f"{HOURS[0]:.0f}",
        "gpu_high": f"{HOURS[1]:.0f}",
        "gpu_least_minutes": f"{60 * hours(*least[1:], FULL):.0f}",
        "gpu_most_hours": f"{most_hours:.1f}",
        "gpu_share_needed": f"{costs.TRAINING_SHARE * most_hours / HOURS[1]:.0%}",
        "gpu_training_share": f"{costs.TRAINING_SHARE:.0%}",
        "gpu_prefill_share": f"{costs.PREFILL_SHARE:.0%}",
        "gpu_decode_share": f"{costs.DECODE_SHARE:.0%}",
        "gpu_at_once": str(costs.AT_ONCE),
        "gpu_prompt": str(per["prompt"]),
        "gpu_shared": str(per["shared"]),
        "gpu_full": str(per["full"]),
        "gpu_short": str(per["short"]),
        "gpu_verdict": str(per["verdict"]),
        "gpu_free": f"{memory.FREE_SHARE:.0%}",
        "gpu_for_vllm": f"{memory.FOR_VLLM / memory.GIB:.0f}",
        "gpu_longest": f"{PAPER.max_length:,}",
    }


def _shape() -> architectures.Architecture:
    return costs.shape_of(PAPER.backbone)


def _sft() -> SFT:
    return SFT(
        epochs=EPOCHS,
        learning_rate=1e-6,
        batch_size=PAPER.batch_size,
        warmup_ratio=0.0,
        weight_decay=0.0,
        max_length=PAPER.max_length,
        precision=PAPER.precision,
    )


def _place(taken: float) -> str:
    return "below" if taken < HOURS[0] else "above" if taken > HOURS[1] else "within"


def _named(places: dict[str, str], word: str) -> str:
    return ", ".join(name for name, place in places.items() if place == word) or "none"


def _percent(share: float) -> str:
    return f"{share:+.0%}" if share else "–"


def _table(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    frame.attrs["name"] = f"gpu-costs-{name}"
    return frame
