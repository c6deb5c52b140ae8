"""What each GPU profile hands to TRL's trainers and to vLLM, held as files, and taken by them.

    python tests/test_golden.py

rewrites the files. Seeds, folders and the places of trained guards are left out, so that only
distinct arguments remain, each with the chapters that use them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reasoning_guards import chapters, params
from reasoning_guards.engines import vllm
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Recipe, Work, asked, with_needed
from reasoning_guards.refinements import Continual, GroupRelative, Preference
from reasoning_guards.resources import Resources
from reasoning_guards.training import dpo, grpo, sft

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
PROFILES = ("gpu", "gpu-single", "gemma", "gpu-eval", "grpo")
PYTHON = os.environ.get("REASONING_GUARDS_VLLM_PYTHON", "")
OF_A_RUN = {"output_dir", "seed", "data_seed"}


def resolved(value: Work, resources: Resources) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Class, model and arguments of all that a value is made with."""
    if isinstance(value, Recipe):
        model, state = value.backbone.name, Path("trainer")
        match value.refinement:
            case None:
                yield "SFTConfig", model, sft.settings(value, resources, state)
            case Continual() as second:
                again = value.model_copy(update={"sft": second.sft})
                yield "SFTConfig", model, sft.settings(again, resources, state)
            case Preference() as second:
                yield "DPOConfig", model, dpo.settings(value, second, resources, state)
            case GroupRelative() as second:
                yield "GRPOConfig", model, grpo.settings(value, second, resources, state)
    for one in asked(value):
        if one.engine == "vllm":
            decoding = one.decoding
            given = vllm.settings(decoding.max_length, resources, decoding.precision)
            yield "EngineArgs", one.backbone.name, given


def arguments(profile: Profile) -> list[dict[str, Any]]:
    """Each distinct set of arguments, with the models and chapters that use it."""
    found: dict[str, dict[str, Any]] = {}
    for name, chapter in chapters.CHAPTERS.items():
        study = chapter(profile)
        for value in with_needed(study.values()):
            for kind, model, given in resolved(value, study.resources()):
                kept = {key: value for key, value in given.items() if key not in OF_A_RUN}
                entry = found.setdefault(
                    json.dumps([kind, kept]),
                    {"for": kind, "models": set(), "chapters": set(), "arguments": kept},
                )
                entry["models"].add(model)
                entry["chapters"].add(name)
    return [
        {key: sorted(part) if isinstance(part, set) else part for key, part in found[entry].items()}
        for entry in sorted(found)
    ]


def of_profile(name: str) -> str:
    entries = arguments(params.load(ROOT / "params" / f"{name}.yaml"))
    return json.dumps(entries, indent=1) + "\n"


def held(kind: str) -> list[Any]:
    files = [json.loads((GOLDEN / f"{name}.json").read_text()) for name in PROFILES]
    return [entry["arguments"] for entries in files for entry in entries if entry["for"] == kind]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_s_arguments_are_those_that_are_held(name):
    assert of_profile(name) == (GOLDEN / f"{name}.json").read_text(), (
        "The arguments have changed: if they should, run `python tests/test_golden.py`, and look "
        "at what it changes."
    )


def test_every_kind_and_chapter_is_held():
    entries = json.loads((GOLDEN / "gpu.json").read_text())
    kinds = {entry["for"] for entry in entries}
    assert kinds == {"SFTConfig", "DPOConfig", "GRPOConfig", "EngineArgs"}
    assert {name for entry in entries for name in entry["chapters"]} == set(chapters.CHAPTERS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["SFTConfig", "DPOConfig", "GRPOConfig"])
def test_trl_takes_the_arguments_of_its_trainers(kind, tmp_path):
    import trl

    configurations = held(kind)
    assert configurations
    for given in configurations:
        # Without a GPU, TRL refuses bfloat16 but on a CPU, where it pins no memory either.
        made = getattr(trl, kind)(**given | {"output_dir": str(tmp_path), "use_cpu": True})
        assert given["bf16"]
        names = [name for name in given if name not in ("use_cpu", "dataloader_pin_memory")]
        kept = {name: given[name] for name in names if plain(given[name])}
        assert {name: getattr(made, name) for name in kept} == kept


def plain(value: object) -> bool:
    """Whether TRL keeps a value as it is given; it makes objects of mappings and of names."""
    return isinstance(value, bool | int | float)


CONSTRUCT = """
import json, sys
from vllm import EngineArgs

for given in json.load(sys.stdin):
    made = EngineArgs(model="a/model", **given)
    assert all(getattr(made, name) == value for name, value in given.items()), given
"""


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.skipif(not PYTHON, reason="no vLLM here")
def test_vllm_takes_the_arguments_of_its_engine():
    configurations = held("EngineArgs")
    assert configurations
    done = subprocess.run(
        [PYTHON, "-c", CONSTRUCT],
        input=json.dumps(configurations),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    for name in PROFILES:
        (GOLDEN / f"{name}.json").write_text(of_profile(name))
    sys.exit(0)
