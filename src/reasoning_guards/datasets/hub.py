"""Rows of a hub dataset: from the hub, from its offline cache, or from a mirror of it.

A mirror is a folder laid out by hub id; `$REASONING_GUARDS_MIRROR` names it, and while it is set
nothing is looked for elsewhere. It holds `<hub id>/<config>/<split>.jsonl` (without the config
folder where a dataset has none; `.parquet` and `.csv` serve as well), or plain clones of the hub's
repositories. `reasoning-guards mirror` makes one of clones, with a manifest of their commits.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reasoning_guards.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

MIRROR_VARIABLE = "REASONING_GUARDS_MIRROR"

MIRROR_MANIFEST = "manifest.json"

_SUFFIXES = (".jsonl", ".parquet", ".csv")
_commits: dict[tuple[str, str], str] = {}


class MissingFromMirrorError(UserError):
    """The mirror lacks a dataset, or the config and split asked for."""


class GatedDatasetError(UserError):
    """The dataset's terms are not accepted yet, or nobody is logged in."""


class NotAllowedError(UserError):
    """The hub refuses this login, or wants one."""


class NotOnHubError(UserError):
    """The hub has no such dataset, revision, config or split."""


class HubUnreachableError(UserError):
    """The hub could not be reached, and its cache does not hold the dataset."""


class UnreadableDatasetError(UserError):
    """The dataset's files are there, but are broken or empty."""


def rows(hub_id: str, config: str | None, split: str, revision: str = "main") -> "Dataset":
    """One split, as `datasets.load_dataset` reads it.

    Args:
        hub_id: `<owner>/<name>`.
        config: None where the dataset has just one.
        split: the hub's name of it.
        revision: branch, tag or commit on the hub; a mirror has but one, and any other than `main`
            must be the one its manifest names.

    Raises:
        MissingFromMirrorError, GatedDatasetError, NotAllowedError, NotOnHubError,
        HubUnreachableError, UnreadableDatasetError: as their names say.
    """
    mirror = mirror_folder()
    if mirror:
        _commits[hub_id, revision] = _mirrored(mirror, hub_id, revision)
        return from_mirror(mirror, hub_id, config, split)
    dataset = _from_hub(hub_id, config, split, revision)
    # Its cache names the folder of a hub dataset by the commit.
    served = Path(dataset.cache_files[0]["filename"]).parent.name
    if served not in (revision, known := _last_seen(hub_id, revision)) and (
        known or revision != "main"
    ):
        # `load_dataset` takes any revision that is cached where it cannot reach the one asked for.
        raise HubUnreachableError(
            f"{hub_id} could not be fetched at revision {revision!r}, and the cache holds commit "
            f"{served}: check the network and the name of the revision."
        )
    _commits[hub_id, revision] = served
    return dataset


def commit(hub_id: str, revision: str) -> str | None:
    """Which commit the rows were of that `rows` last gave for a revision; None if it gave none.

    For a mirror without a manifest, a word that says so.
    """
    return _commits.get((hub_id, revision))


def mirror_folder() -> Path | None:
    """The folder that `$REASONING_GUARDS_MIRROR` names, if it is set."""
    named = os.environ.get(MIRROR_VARIABLE)
    return Path(named).expanduser() if named else None


def read_manifest(mirror: Path) -> dict[str, Any]:
    """What a mirror says it holds, by hub id; nothing for one that was laid out by hand."""
    try:
        recorded: dict[str, Any] = json.loads((mirror / MIRROR_MANIFEST).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return recorded


def _mirrored(mirror: Path, hub_id: str, revision: str) -> str:
    held = read_manifest(mirror).get(hub_id, {})
    if revision not in ("main", held.get("revision"), held.get("commit")):
        says = f"holds revision {held['revision']!r} of" if held else "names no revision of"
        raise MissingFromMirrorError(
            f"Revision {revision!r} of {hub_id} is asked for, but the manifest of {mirror} {says} "
            "it: make a mirror of that revision with `reasoning-guards mirror`, or take the "
            "dataset out of dataset_revisions."
        )
    return str(held.get("commit", "a mirror without a manifest"))


def _last_seen(hub_id: str, revision: str) -> str | None:
    """The commit that a branch or tag was when the hub was last asked, by the hub's cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=hub_id, repo_type="dataset")
    reference = cache / "refs" / revision
    return reference.read_text().strip() if reference.is_file() else None


def from_mirror(mirror: Path, hub_id: str, config: str | None, split: str) -> "Dataset":
    """One split of a mirror, whatever its revision.

    Raises:
        MissingFromMirrorError, UnreadableDatasetError: as their names say.
    """
    from datasets import Dataset, load_dataset
    from datasets.exceptions import DatasetGenerationError

    # `load_dataset` would read these as well, but would report it to a download counter.
    readers = (Dataset.from_json, Dataset.from_parquet, Dataset.from_csv)
    folder = mirror / hub_id / (config or "")
    files = {folder / f"{split}{end}": read for end, read in zip(_SUFFIXES, readers, strict=True)}
    file = next(filter(Path.is_file, files), None)
    try:
        if file:
            return files[file](str(file))
        if (mirror / hub_id).is_dir():
            return load_dataset(str(mirror / hub_id), config, split=split)
    except (FileNotFoundError, ValueError, DatasetGenerationError, StopIteration) as error:
        # No cause: a parser's message can quote the dataset's text. StopIteration: an empty file.
        if file or isinstance(error, DatasetGenerationError | StopIteration):
            raise UnreadableDatasetError(
                f"{file or mirror / hub_id} is empty or broken ({type(error).__name__}); "
                "copy it to the mirror again."
            ) from None
    raise MissingFromMirrorError(
        f"The mirror lacks {hub_id}: there is no {split}{', '.join(_SUFFIXES)} in {folder}, nor is "
        f"{mirror / hub_id} a clone of the hub's repository with {_named(config, split)}; put one "
        f"there, or unset {MIRROR_VARIABLE} to load from the hub."
    )


def _from_hub(hub_id: str, config: str | None, split: str, revision: str) -> "Dataset":
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    wanted = f"{hub_id} ({_named(config, split)}, revision {revision!r})"
    try:
        with in_one_sentence(f"datasets/{hub_id}", wanted, otherwise(hub_id, config, split)):
            return load_dataset(hub_id, config, split=split, revision=revision)
    except (DatasetGenerationError, StopIteration) as error:
        raise UnreadableDatasetError(
            f"The files of {wanted} are empty or broken ({type(error).__name__}); "
            "delete them from the hub's cache and load again."
        ) from None
    except ValueError as error:
        raise NotOnHubError(f"The hub has no {wanted}: {_line(error)}") from error


def reachable(hub_id: str, config: str | None, split: str, revision: str) -> str:
    """Where a split would come from, found out without downloading it: mirror, hub or cache.

    A mirror's is read; the hub is asked whether this login may read the dataset.

    Raises:
        UserError: whatever `rows` would raise.
    """
    if mirror_folder():
        return f"mirror, {len(rows(hub_id, config, split, revision)):,} rows"
    from huggingface_hub import HfApi

    wanted = f"{hub_id} ({_named(config, split)}, revision {revision!r})"
    try:
        with in_one_sentence(f"datasets/{hub_id}", wanted, otherwise(hub_id, config, split)):
            HfApi().auth_check(hub_id, repo_type="dataset")
            return f"hub, commit {HfApi().dataset_info(hub_id, revision=revision).sha}"
    except UserError as refused:
        try:
            return f"cache, {len(rows(hub_id, config, split, revision)):,} rows"
        except UserError:
            raise refused from None


def otherwise(hub_id: str, config: str | None, split: str) -> str:
    """What serves a split where there is no network."""
    file = "/".join(filter(None, (hub_id, config, f"{split}.jsonl")))
    return f"set {MIRROR_VARIABLE} to a folder that holds {file}"


@contextmanager
def in_one_sentence(page: str, wanted: str, otherwise: str) -> Iterator[None]:
    """Tell what the hub's refusals mean, and what to do.

    Args:
        page: hub id of a model, or `datasets/` and that of a dataset.
        wanted: what was asked for, in words.
        otherwise: what to do where there is no network.

    Raises:
        GatedDatasetError, NotAllowedError, NotOnHubError, HubUnreachableError: for a refusal, or
            where there was no answer.
    """
    from datasets import config as settings
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # its own `httpx`

    try:
        yield
    except (OSError, httpx.HTTPError) as error:
        # The libraries keep a refusal as the cause of another error, or only its sentence.
        chain = list(_causes(error))
        gated = any(isinstance(cause, errors.GatedRepoError) for cause in chain)
        if gated or "is a gated dataset" in str(error):
            raise GatedDatasetError(
                f"{page.removeprefix('datasets/')} is gated: accept its terms on "
                f"{settings.HF_ENDPOINT}/{page}, "
                "then log in with `hf auth login` or set HF_TOKEN."
            ) from error
        missing = (
            DatasetNotFoundError,
            DataFilesNotFoundError,
            EmptyDatasetError,
            errors.RepositoryNotFoundError,
            errors.RevisionNotFoundError,
        )
        if any(isinstance(cause, missing) for cause in chain):
            raise NotOnHubError(
                f"The hub shows no {wanted} to this login ({_line(error)}); check the name, and "
                "`hf auth whoami`."
            ) from error
        answers = [cause.response for cause in chain if isinstance(cause, errors.HfHubHTTPError)]
        status = next((answer.status_code for answer in answers), None)
        if status in (401, 403):
            raise NotAllowedError(
                f"The hub refuses {wanted} to this login (status {status}): log in with `hf auth "
                "login`, or set HF_TOKEN to a token that may read it."
            ) from error
        raise HubUnreachableError(
            f"{wanted} could not be fetched ({_line(error)}): check the network, or {otherwise}."
        ) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _named(config: str | None, split: str) -> str:
    return f"config {config!r}, split {split!r}" if config else f"split {split!r}"


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
