"""The parameters of a run: what its Hydra app composed, else `params.yaml`, else none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xgit.errors import XgitError
from xgit.record.model import HydraFacts, Json, Params

if TYPE_CHECKING:
    from xgit.capture.spool.nouns import HydraJob, Spool

PARAMS_FILE = "params.yaml"
LARGEST_BYTES = 16 * 1024 * 1024
NAMES_IN_A_NOTE = 10


def hydra_params(spool: Spool) -> Params | None:
    """What the Hydra app composed, or None when no config arrived.

    Of several jobs, what all of them share: their leaves, overrides and choices.
    """
    if not spool.jobs:
        return None
    jobs = spool.jobs
    first = jobs[0]
    facts = HydraFacts(
        config_name=_same([job.config_name for job in jobs]),
        overrides=tuple(o for o in first.overrides if all(o in job.overrides for job in jobs)),
        choices=_shared([job.choices for job in jobs]),
        output_dir=_same([job.output_dir for job in jobs]),
    )
    return Params(
        values=_shared([job.leaves for job in jobs]),
        text=_same([job.text for job in jobs]),
        source="hydra",
        hydra=facts,
    )


def file_params(root: Path, cwd: Path) -> Params:
    """`params.yaml` (the DVC convention) of `cwd`, else of `root`; without one, no parameters.

    Raises:
        XgitError: it cannot be read, is not valid YAML, or holds no mapping; with its line.
    """
    for folder in dict.fromkeys((cwd, root)):
        path = folder / PARAMS_FILE
        if path.is_file():
            from xgit.capture.params.leaves import leaves_of

            shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
            text = _read(path, shown)
            return Params(values=leaves_of(text, shown), text=text, source=shown)
    return Params()


def params_of(spool: Spool, fallback: Params) -> tuple[Params, tuple[str, ...]]:
    """The parameters to record, and what the user should know about them.

    Args:
        fallback: what `file_params` read before the run; used when no Hydra app ran.
    """
    found = hydra_params(spool)
    if found is None:
        if not spool.hydra_seen:
            return fallback, ()
        return fallback, (
            "a Hydra app ran but its config did not arrive: it was rejected, composed without "
            "hydra.main, or hydra/env is overridden",
        )
    return found, tuple(_notes(spool.jobs))


def _notes(jobs: tuple[HydraJob, ...]) -> Iterable[str]:
    if len(jobs) > 1:
        varied = sorted(_varied([job.leaves for job in jobs]))
        told = f": {_listed(varied)} varied" if varied else ""
        yield f"{len(jobs)} Hydra jobs were recorded as one experiment{told}"
    errors = {name: error for job in jobs for name, error in job.unresolved.items()}
    for name, error in list(errors.items())[:NAMES_IN_A_NOTE]:
        yield f"params: {name} could not be resolved and is kept as written ({error})"
    if len(errors) > NAMES_IN_A_NOTE:
        yield f"params: {len(errors) - NAMES_IN_A_NOTE} more could not be resolved"


def _listed(names: list[str]) -> str:
    more = len(names) - NAMES_IN_A_NOTE
    return ", ".join(names[:NAMES_IN_A_NOTE]) + (f" and {more} more" if more > 0 else "")


def _same(values: list[str | None]) -> str | None:
    return values[0] if all(value == values[0] for value in values) else None


def _shared(mappings: list[Mapping[str, Json]]) -> dict[str, Json]:
    """What has the same value in all; a number and its like of another type differ."""
    differing = _varied(mappings)
    return {name: value for name, value in mappings[0].items() if name not in differing}


def _varied(mappings: list[Mapping[str, Json]]) -> set[str]:
    """The names that have not the same value in all."""
    names = {name for mapping in mappings for name in mapping}
    return {name for name in names if len({_seen(name, mapping) for mapping in mappings}) > 1}


def _seen(name: str, mapping: Mapping[str, Json]) -> str:
    """A form in which equal values are equal: NaN is itself, 1 is not True, absent is not None."""
    return repr(mapping[name]) if name in mapping else ""


def _read(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise XgitError(f"{shown} cannot be read: {error.strerror}", f"ls -l {shown}") from error
    if len(data) > LARGEST_BYTES:
        raise XgitError(f"{shown} is larger than 16 MiB", f"move the data out of {shown}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise XgitError(f"{shown} line {line} is not UTF-8", f"mend {shown}") from error
