"""Guards that others released, as rows beside those that are trained here."""

from reasoning_guards import guards
from reasoning_guards.chapters import benchmarks
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Cell
from reasoning_guards.study import Study, Variant


class NoReleasedGuardsError(UserError):
    """Released guards are to be evaluated, and the profile names none."""


def variants(profile: Profile, cells: tuple[Cell, ...]) -> list[Variant]:
    """A row per released guard of the profile and mode that it has; claims know some by name.

    The name of a row is the guard's, with `_r` behind it where a guard that can answer at once is
    asked to reason. A guard has no seeds: it is asked once, as of the profile's first. One that was
    trained with a taxonomy of its own reads that where examples bring no policy.

    Raises:
        guards.UnknownGuardError: if the profile names one that is not known.
    """
    rows = []
    for name in profile.released:
        guard = guards.named(name)
        own = [
            cell.model_copy(update={"policy": guard.taxonomy})
            if guard.taxonomy and cell.policy
            else cell
            for cell in cells
        ]
        backbone = Backbone(name=guard.hub_id, format=name)
        for mode in guard.modes:
            several = len(guard.modes) > 1
            rows.append(
                Variant(
                    name=f"{name}_r" if several and mode == "reasoning" else name,
                    label=f"{guard.label}, {_SAID[mode]}" if several else guard.label,
                    guards={profile.seeds[0]: backbone},
                    mode=mode,
                    cells=tuple(own),
                )
            )
    return rows


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
