"""Guards that others released, as rows beside those that are trained here."""

from pathlib import Path

from reasoning_guards import backbones, guards
from reasoning_guards.chapters import benchmarks
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Cell, Mode
from reasoning_guards.study import Study, Variant


class NoReleasedGuardsError(UserError):
    """Released guards are to be evaluated, and the profile names none, or not which."""


OWN, OWN_DUAL = "own", "own_dual"
"""Guards that answer as those do that are trained here, in the place of a released one's name."""


def variants(profile: Profile, cells: tuple[Cell, ...]) -> list[Variant]:
    """A row per released guard of the profile and mode that it has; claims know some by name.

    The name of a row is the guard's, with `_r` behind it where a guard that can answer at once is
    asked to reason. A guard has no seeds: it is asked once, as of the profile's first. One that was
    trained with a taxonomy of its own reads that where examples bring no policy. "name:model" has
    another model asked in the format of that name, with a row of its own; "own:model" in that of
    the guards that are trained here, "own_dual:model" in that of dual-mode ones.

    Raises:
        guards.UnknownGuardError: if the profile names one that is not known.
        backbones.NoModelError: if a folder is named that holds none.
        NoReleasedGuardsError: if "own" comes without a model, or two rows would have one name.
    """
    rows = []
    for given in dict.fromkeys(profile.released):
        name, _, model = given.partition(":")
        backbone, label, modes, taxonomy = _asked(profile, name, model)
        of_guard = [
            cell.model_copy(update={"policy": taxonomy}) if taxonomy and cell.policy else cell
            for cell in cells
        ]
        row = f"{name}_{Path(model).name}" if model else name
        for mode in modes:
            several = len(modes) > 1
            rows.append(
                Variant(
                    name=f"{row}_r" if several and mode == "reasoning" else row,
                    label=f"{label}, {_SAID[mode]}" if several else label,
                    guards={profile.seeds[0]: backbone},
                    mode=mode,
                    cells=tuple(of_guard),
                )
            )
    names = [row.name for row in rows]
    if twice := [name for name in names if names.count(name) > 1]:
        raise NoReleasedGuardsError(
            f"Two of `released` would both be the row {twice[0]!r}: give models that are asked "
            "alike folders of different names."
        )
    return rows


def _asked(
    profile: Profile, name: str, model: str
) -> tuple[Backbone, str, tuple[Mode, ...], str | None]:
    """The model, what tables call it, its modes, and a taxonomy that it was trained with."""
    place, revision = backbones.located(model, "main") if model else ("", "main")
    if name in (OWN, OWN_DUAL):
        if not model:
            raise NoReleasedGuardsError(
                f"`released` names {name!r} without a model: write {name}: and its folder or "
                "hub id."
            )
        own = Backbone(
            name=place, revision=revision, dual=name == OWN_DUAL,
            template=profile.template, refusal_line=profile.refusal_line,
        )  # fmt: skip
        return own, Path(model).name, ("non-reasoning", "reasoning"), None
    guard = guards.named(name)
    backbone = Backbone(name=place or guard.hub_id, revision=revision, format=name)
    label = f"{Path(model).name} as {guard.label}" if model else guard.label
    return backbone, label, guard.modes, guard.taxonomy


_SAID = {"reasoning": "reasoning", "non-reasoning": "at once"}


def released_guards(profile: Profile) -> Study:
    """The profile's released guards alone, on both averages' cells, probabilities included.

    No chapter: what `reasoning-guards evaluate` runs.

    Raises:
        NoReleasedGuardsError: if there are none.
    """
    if not profile.released:
        raise NoReleasedGuardsError(
            f"The profile {profile.profile} names no released guards: set `released` to some of "
            f"{', '.join(guards.GUARDS)}."
        )
    cells = benchmarks.scored(profile) + benchmarks.custom_cells(profile)
    rows = variants(profile, cells)
    read = [row.name for row in rows if guards.fields(_format(row), "prompt")]
    return Study("released_guards", profile, {row.name: row for row in rows}, read=tuple(read))


def _format(row: Variant) -> str:
    (backbone,) = row.guards.values()
    return backbone.format if isinstance(backbone, Backbone) else ""
