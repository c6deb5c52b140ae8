"""How long a step takes of one device, before it is run: by formula, from what is assumed here.

On a GPU training is bound by arithmetic, and takes the floating-point operations of its tokens at a
stated share of the card's best. So does reading prompts (prefill). Writing answers (decode) is
bound by memory: for each token of as many answers as there is room for at once, vLLM reads all
weights, and the keys and values of these answers. Hours are those of one GPU; a step that is split
over several takes as much of them in all. Not counted: starting, loading, saving, attention's
products, which are small at these lengths. Nothing here was measured on a GPU.

On a CPU there are rates of one core on the embedded models, in tokens per second.
"""

from reasoning_guards import architectures, memory
from reasoning_guards.architectures import Architecture
from reasoning_guards.cards import CARDS, USUAL, Card
from reasoning_guards.params import Profile
from reasoning_guards.recipes import (
    Generation,
    Mining,
    Probability,
    Recipe,
    Timing,
    TraceSpec,
    Work,
    mining,
)

# Tokens assumed per sequence: hub traces by the paper's averages (section 5.3: about 300 and 15);
# hub prompts are a guess. What they begin with is shared: H.3 up to its taxonomy's end, some 1,000
# characters. Embedded ones were counted on its corpora.
TOKENS = {
    "hub": {"prompt": 600, "shared": 250, "verdict": 20, "full": 300, "short": 15},
    "embedded": {"prompt": 60, "shared": 0, "verdict": 12, "full": 80, "short": 27},
}
# Training examples: rows as published; of the topic dialogues, those with released traces.
EXAMPLES = {
    "allenai/wildguardmix": 86_759,
    "nvidia/Aegis-AI-Content-Safety-Dataset-2.0": 30_007,
    "nvidia/CantTalkAboutThis-Topic-Control-Dataset": 8_712,
    "synthetic/meadow": 4_000,
    "synthetic/orchard": 4_000,
    "synthetic/lanes": 1_000,
}
OTHERWISE = 4_000  # of a training set that is not published
DIFFICULT = 0.15  # of what is mined: the paper's guard judges 85 % right each time (section 5.6)
CELL_EXAMPLES = {"hub": 1_300, "embedded": 280}
# Of a card's best, assumed.
TRAINING_SHARE, PREFILL_SHARE, DECODE_SHARE = 0.4, 0.5, 0.6
AT_ONCE = 256  # answers, at most: vLLM's own limit
CPU_TRAINING_RATE, CPU_GENERATION_RATE = 7.0e3, 4.0e3
ASSUMED = "Llama-3.1-8B"  # of models that are not known


def hours(profile: Profile, value: Work) -> float:
    """Hours of one device that making a value takes, where all that it needs is there."""
    if isinstance(value, Recipe):
        tokens = training_tokens(profile, value)
        if profile.device == "cpu":
            return tokens / CPU_TRAINING_RATE / 3600
        sft = value.refinement.sft if value.refinement else value.sft
        shape = shape_of(value.backbone.name)
        return training_seconds(profile, shape, tokens, adapters=sft.lora_rank is not None) / 3600
    if isinstance(value, Timing):
        return value.rounds * sum(hours(profile, one) for one in value.asked)
    if isinstance(value, Probability):  # each answer read once more, and nothing written
        return hours(profile, value.answers)
    prompts = (
        mined(value) if isinstance(value, Mining) else value.limit or CELL_EXAMPLES[profile.world]
    )
    answers, length = prompts * value.decoding.generations, _answer_to(profile, value)
    if profile.device == "cpu":
        tokens = prompts * TOKENS[profile.world]["prompt"] + answers * length
        return tokens / CPU_GENERATION_RATE / 3600
    shape = shape_of(value.backbone.name)
    return answering_seconds(profile, shape, prompts, answers, length) / 3600


def training_seconds(
    profile: Profile, shape: Architecture, tokens: float, *, adapters: bool = False
) -> float:
    """Of one GPU. A parameter takes two operations forward and four backward, two of these for its
    own gradient, which is left out beside adapters; and two more where activations are computed
    again."""
    each = (4 if adapters else 6) + 2 * profile.gradient_checkpointing
    return each * shape.active * tokens / (card(profile).flops * TRAINING_SHARE)


def answering_seconds(
    profile: Profile, shape: Architecture, prompts: int, answers: int, length: int
) -> float:
    """Of one GPU with vLLM.

    Args:
        profile: whose card, prompts and precision.
        shape: of the guard.
        prompts: how many are read, but for what they share.
        answers: to all of them together.
        length: tokens of each.
    """
    of_prompt, on = TOKENS[profile.world], card(profile)
    arithmetic = 2 * shape.active / (on.flops * PREFILL_SHARE)  # seconds for a token
    prefill = prompts * (of_prompt["prompt"] - of_prompt["shared"]) * arithmetic
    rows = at_once(profile, shape, answers, of_prompt["prompt"] + length)
    cache = shape.cache(of_prompt["prompt"] + length // 2, profile.precision)
    read = shape.weights(profile.precision) + rows * cache
    step = max(read / (on.bandwidth * DECODE_SHARE), rows * arithmetic)
    return prefill + answers / rows * length * step


def at_once(profile: Profile, shape: Architecture, answers: int, tokens: int) -> int:
    """Answers that vLLM writes at the same time: as many as there is room for, to its limit."""
    room = card(profile).gib * memory.GIB * profile.gpu_memory - memory.FOR_VLLM
    free = room - shape.weights(profile.precision)
    return max(1, min(AT_ONCE, answers, int(free / shape.cache(tokens, profile.precision))))


def card(profile: Profile) -> Card:
    """The GPU that a profile is meant for."""
    return CARDS[profile.card or USUAL]


def shape_of(model: str) -> Architecture:
    """A model's architecture, where it is not known that of the paper's backbone."""
    return architectures.of(model) or architectures.known()[ASSUMED]


def examples(recipe: Recipe) -> int:
    """What is learnt from in an epoch."""
    of_set = recipe.n_train or EXAMPLES.get(recipe.train_set, OTHERWISE)
    if recipe.mix is not None:
        added = recipe.mix.examples or EXAMPLES.get(recipe.mix.dataset, OTHERWISE)
        of_set += added if recipe.mix.ratio is None else round(of_set * recipe.mix.ratio)
    return (2 if recipe.dual == "both" else 1) * of_set


def sequences(recipe: Recipe) -> int:
    """What training passes over in all its epochs."""
    if recipe.refinement is None:
        return examples(recipe) * recipe.sft.epochs
    difficult = round(mined(mining(recipe)) * DIFFICULT)
    return recipe.refinement.sequences(examples(recipe), difficult)


def mined(value: Mining) -> int:
    """How many examples are mined."""
    return value.mined.examples or EXAMPLES.get(value.guard.train_set, OTHERWISE)


def training_tokens(profile: Profile, recipe: Recipe) -> int:
    """Tokens that training passes over in all its epochs."""
    answer = answer_tokens(profile, recipe.traces)
    if recipe.dual:
        answer = (answer + answer_tokens(profile, None)) // 2
    return sequences(recipe) * (TOKENS[profile.world]["prompt"] + answer)


def answer_tokens(profile: Profile, traces: TraceSpec | None) -> int:
    """Tokens of an answer with such a trace, or with none."""
    per = TOKENS[profile.world]
    if traces is None:
        return per["verdict"]
    if traces.sentences is None:
        return per["full"] + per["verdict"]
    return per["short"] * traces.sentences + per["verdict"]


def _answer_to(profile: Profile, value: Generation | Mining) -> int:
    """Tokens of a guard's answer; one that was not trained is expected to reason at length."""
    if value.mode == "non-reasoning":
        return answer_tokens(profile, None)
    learnt = value.guard.traces if isinstance(value.guard, Recipe) else TraceSpec(teacher="none")
    return answer_tokens(profile, learnt)
