"""What a step takes of each GPU that it runs on, by formula, and whether a card has room for it.

A training keeps weights, gradients and AdamW's two moments in float32, and computes in the
profile's precision. FSDP gives each GPU its share of these and gathers the layer that is computed
and the next one. Adapters (`lora_rank`) are trained in float32 beside weights in the precision.

Tests hold parameters against the true classes on the meta device and activations against what
autograd keeps. Nothing here was measured on a GPU.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reasoning_guards import architectures, devices
from reasoning_guards.architectures import BYTES, Architecture
from reasoning_guards.cards import CARDS
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Recipe, Work, asked
from reasoning_guards.refinements import GroupRelative, Preference
from reasoning_guards.resources import ROLLOUT_SHARE, Resources

GIB = 2**30
# Left free, assumed: of a card in training, for CUDA itself, workspaces and gaps between blocks;
# of what vLLM may take, for its graphs and the activations of a prefill.
FREE_SHARE = 0.08
FOR_VLLM = 2 * GIB
# TRL's fused loss looks at so many positions and words at a time (trl.kernels.chunked_logprob).
POSITIONS, WORDS = 4096, 32768


class TooLittleMemoryError(UserError):
    """A step does not fit the GPUs that it would run on."""


class Need(NamedTuple):
    """What a step takes of each of its GPUs.

    Attributes:
        what: the step, in a few words, by which it is told from those that take something else.
        parts: GiB by what takes it.
        share: how much of a card it may take.
        advice: what to change if that is too much.
    """

    what: str
    parts: dict[str, float]
    share: float
    advice: str

    @property
    def gib(self) -> float:
        """All parts together."""
        return sum(self.parts.values())

    def fits(self, card: float) -> bool:
        """Whether there is room for it on a card of so many GiB."""
        return self.gib <= self.share * card


def training(
    shape: Architecture,
    sft: SFT,
    resources: Resources,
    *,
    gpus: int = 1,
    rank: int | None = None,
    answers: int = 1,
    reference: int = 0,
) -> dict[str, float]:
    """GiB of each GPU while a guard is trained, by what takes it.

    Args:
        shape: the guard's architecture.
        sft: precision, and the longest sequence that there may be.
        resources: sequences per forward pass, checkpointing.
        gpus: over which it is split.
        rank: of its adapters, or None where all weights are trained.
        answers: that are read together in the place of one sequence.
        reference: bytes of each weight of a model that it is held to; 0 where there is none.
    """
    compute = BYTES[sft.precision]
    at_once = min(resources.train_batch_per_device, sft.batch_size // gpus)  # as `sft.arguments`
    tokens = answers * at_once * sft.max_length
    trained = shape.active if rank is None else shape.adapters(rank)
    weights = 4 * shape.loaded if rank is None else compute * shape.loaded + 4 * trained
    copies = 0.0  # of the weights, in the precision that is computed in
    if gpus > 1:
        # Two layers' weights and one's gradients, and those of what is outside the layers.
        copies = compute * (3 * shape.of_layer + 2 * shape.embedding)
    elif rank is None and compute < 4:
        copies = compute * shape.active
    head = 4 * shape.of_head if rank is None else 0  # its gradient, apart until it is added
    layer = tokens * kept_by_layer(shape, sft)
    inputs = tokens * shape.layers * shape.width * 4
    parts = {
        "weights": weights / gpus + copies,
        "gradients": 4 * trained / gpus,
        "optimiser": 8 * trained / gpus,
        "logits": min(tokens, POSITIONS) * min(shape.vocabulary, WORDS) * compute + head,
        # With a layer's own stand the gradients of them, at most as much again.
        "activations": inputs + 2 * layer
        if resources.gradient_checkpointing
        else layer * (shape.layers + 1),
    }
    if reference:
        parts["reference"] = shape.loaded * reference / gpus
    return {name: size / GIB for name, size in parts.items()}


def kept_by_layer(shape: Architecture, sft: SFT) -> int:
    """Bytes that a decoder layer keeps of each token for its backward pass.

    In autocast, and with attention that keeps no scores: each norm its input and what it makes of
    it, in float32; each linear layer its own copy of its input; attention its queries, keys, values
    and result; the MLP its two halves, the gate's value and their product.
    """
    wide, queries, keys = shape.width, shape.of_queries, shape.of_keys
    linear = 5 * wide + 2 * queries + 2 * keys + 4 * shape.mlp
    norms = 8 * shape.norms * wide + 8 * shape.query_norms * (queries + keys)
    return norms + BYTES[sft.precision] * linear


def of(value: Work, resources: Resources) -> list[Need]:
    """What a value takes of a GPU while it is made; nothing of models that are not known."""
    if isinstance(value, Recipe):
        shape = architectures.of(value.backbone.name)
        return _of_training(value, shape, resources) if shape else []
    needs = []
    for one in asked(value):
        shape, decoding = architectures.of(one.backbone.name), one.decoding
        if shape is None:
            continue
        served, rows, extra, said = one.engine == "vllm", 1, FOR_VLLM, ""
        spanned = resources.tensor_parallel if served else 1
        if not served:
            rows = resources.generate_batch * decoding.generations
            extra, said = 4 * rows * shape.vocabulary, f", {rows:,} at once"
        parts = {
            "weights": shape.weights(decoding.precision) / spanned / GIB,
            "cache": rows * shape.cache(decoding.max_length, decoding.precision) / spanned / GIB,
            "activations": extra / GIB,
        }
        share = resources.gpu_memory if served else 1 - FREE_SHARE
        advice = "raise tensor_parallel" if served else "lower generate_batch"
        what = f"{one.engine} with {one.backbone.name}, {decoding.max_length:,} tokens{said}"
        needs.append(Need(what, parts, share, advice))
    return needs


def _of_training(recipe: Recipe, shape: Architecture, resources: Resources) -> list[Need]:
    second = recipe.refinement
    sft = second.sft if second else recipe.sft
    full, gpus = sft.lora_rank is None, resources.gpus_per_training
    kind, said, answers, reference = "Training", "", 1, 0
    if isinstance(second, Preference):
        kind, answers = "DPO", 2
        if full or second.reference == "backbone":
            reference = BYTES[sft.precision]
    elif isinstance(second, GroupRelative):
        kind, said = "GRPO", f", groups of {second.group}"
        if full and second.beta:
            reference = BYTES["float32"]  # as TRL loads it
        elif full:
            said += ", no reference"
    parts = training(
        shape, sft, resources, gpus=gpus, rank=sft.lora_rank, answers=answers, reference=reference
    )
    advice = "raise gpus_per_training, or set lora_rank"
    needs = []
    if isinstance(second, GroupRelative):
        writing = _of_rollouts(second, shape, gpus)
        # Answers are written while no step is taken: only what takes more than that step counts.
        passing = parts["gradients"] + parts["logits"] + parts["activations"]
        parts["rollouts"] = max(0.0, sum(writing.values()) - passing)
        if second.engine == "vllm":
            what = f"vllm within GRPO of {recipe.backbone.name}{said}"
            needs = [Need(what, writing, ROLLOUT_SHARE, "use grpo_engine transformers")]
    what = f"{kind} of {recipe.backbone.name}{said}"
    return [Need(what, parts, 1 - FREE_SHARE, advice), *needs]


def _of_rollouts(second: GroupRelative, shape: Architecture, gpus: int) -> dict[str, float]:
    """GiB of each GPU for writing GRPO's answers, beside the weights that are trained."""
    decoding, precision = second.mined.decoding, second.sft.precision
    served = second.engine == "vllm"
    # vLLM has weights of its own, and takes as many answers at once as there is room for.
    rows = second.group if served else second.sft.batch_size // gpus
    parts = {"cache": rows * shape.cache(decoding.max_length, precision) / GIB}
    if served:
        parts |= {"weights": shape.weights(precision) / GIB, "graphs": FOR_VLLM / GIB}
    return parts


def of_all(values: Iterable[Work], resources: Resources) -> list[Need]:
    """What values take, each distinct need once, in the order of their names."""
    found = {
        (need.what, round(need.gib, 2)): need for value in values for need in of(value, resources)
    }
    return [found[name] for name in sorted(found)]


def cards(profile: Profile) -> list[float]:
    """GiB of each GPU that a profile would run on: of those seen, else of the card it names."""
    if profile.device == "cpu":
        return []
    named = [CARDS[profile.card].gib] if profile.card else []
    return devices.memories() or named


def require(need: Need, cards: Sequence[float]) -> str | None:
    """How much of the smallest of some GPUs a step takes, in a few words; None where there is none.

    Args:
        need: of the step.
        cards: GiB of each.

    Raises:
        TooLittleMemoryError: if there is no room for it.
    """
    if not cards:
        return None
    card = min(cards)
    if not need.fits(card):
        raise TooLittleMemoryError(
            f"{need.what} takes {need.gib:.0f} GiB of each GPU, and can have {need.share:.0%} of "
            f"{card:.0f} GiB: {need.advice}."
        )
    return f"{need.gib:.0f} of {card:.0f} GiB"
