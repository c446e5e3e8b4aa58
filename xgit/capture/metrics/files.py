"""Metric files that a run wrote: found, told from those of older runs, and read.

A file counts when it changed while the command ran. Those that can be named beforehand are
compared with the stamps they had then; those in an output directory that became known only
through the run are judged by when the system last changed them, which a program cannot set.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xgit.record.escape import visible
from xgit.record.model import NOTHING, Json

if TYPE_CHECKING:
    from xgit.capture.cache import Cache
    from xgit.capture.metrics.formats import Reading

CONVENTIONS = ("metrics.json", "dvclive/metrics.json")
LIGHTNING_LOGS = "lightning_logs"
_CSV_FILES = 50
_CSV_DEPTH = 4
_FOLDERS_WALKED = 2000
_CLOCK_REALTIME_COARSE = 5  # of Linux's <time.h>; Python has no name for it
_NEVER_WALKED = frozenset((".dvc", ".git", ".xgit", ".venv", "venv", "node_modules"))


class Stamp(NamedTuple):
    """What tells two states of a file apart."""

    mtime_ns: int
    size_bytes: int
    inode: int


@dataclass(frozen=True)
class MetricFiles:
    """The metric files as they were before the run.

    Attributes:
        stamps: by absolute path, in the order of precedence; None for a file that was not there.
        started_ns: the system's clock for file times.
    """

    root: Path
    logs: tuple[Path, ...]
    stamps: Mapping[Path, Stamp | None]
    started_ns: int

    @classmethod
    def before(
        cls,
        root: Path,
        cwd: Path,
        settings_metrics: Sequence[str] = (),
        dvc_metrics: Sequence[str] = (),
    ) -> MetricFiles:
        """Take the stamps; to be called just before the command starts.

        Args:
            root: the top of the work tree.
            cwd: where the command starts.
            settings_metrics: further files, relative to the root.
            dvc_metrics: what `dvc_metric_paths` found, relative to the root.
        """
        folders = tuple(dict.fromkeys((cwd, root)))
        paths = [root / name for name in (*settings_metrics, *dvc_metrics)]
        paths += [folder / name for name in CONVENTIONS for folder in folders]
        logs = tuple(folder / LIGHTNING_LOGS for folder in folders)
        paths += [path for folder in logs for path in find_csv(folder)]
        normal = dict.fromkeys(Path(os.path.normpath(path)) for path in paths)
        stamps = {path: _stamp(path) for path in normal if not _is_record(root, path)}
        return cls(root, logs, stamps, _file_clock_ns())

    def read_changed(self, output_dirs: Mapping[str, str] = NOTHING) -> tuple[Reading, ...]:
        """Read the files that the run wrote, in the order of precedence.

        Args:
            output_dirs: Hydra's output directories by what goes before the names of the metrics
                found there; an empty text for the only job of a run.
        """
        from xgit.capture.metrics.formats import Reading

        known = dict.fromkeys(self.stamps, "")
        for folder in self.logs:
            known |= {path: "" for path in find_csv(folder) if path not in known}
        for prefix, output_dir in output_dirs.items():
            found = self._in_output_dir(Path(os.path.normpath(output_dir)))
            known |= {path: prefix for path in found if path not in known}
        changed = [(path, prefix) for path, prefix in known.items() if self._changed(path)]
        tables = [path for path, _ in changed if path.suffix == ".csv"]
        left_out = frozenset(tables[_CSV_FILES:])
        readings = [self._read(path, prefix) for path, prefix in changed if path not in left_out]
        if left_out:
            note = f"{len(left_out)} more metrics.csv files were not read"
            readings.append(Reading(LIGHTNING_LOGS, notes=(note,)))
        return tuple(readings)

    def _in_output_dir(self, folder: Path) -> list[Path]:
        named = [folder / name for name in CONVENTIONS]
        if self.root.is_relative_to(folder):
            return named  # the whole repository, or more: nothing to walk through
        return named + find_csv(folder)

    def _changed(self, path: Path) -> bool:
        try:
            found = path.stat()
        except (OSError, ValueError):
            return False
        if stat.S_ISDIR(found.st_mode):
            return False
        if path in self.stamps:
            return self.stamps[path] != Stamp(found.st_mtime_ns, found.st_size, found.st_ino)
        return found.st_ctime_ns >= self.started_ns

    def _read(self, path: Path, prefix: str) -> Reading:
        from xgit.capture.metrics.formats import read_metrics

        reading = read_metrics(path, self._source(path))
        if not prefix:
            return reading
        values = {prefix + name: value for name, value in reading.values.items()}
        points = tuple(point._replace(name=prefix + point.name) for point in reading.points)
        return replace(reading, values=values, points=points)

    def _source(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return visible(str(path.relative_to(self.root) if inside else path))


def _is_record(root: Path, path: Path) -> bool:
    """Whether the path lies in a record that was checked out: no run writes there."""
    return path.is_relative_to(root / ".xgit")


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


def _file_clock_ns() -> int:
    """Now, as the kernel stamps files: its own clock ticks only every few milliseconds."""
    if sys.platform == "darwin":
        return time.time_ns()
    return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)


def find_csv(folder: Path) -> list[Path]:
    """The files called `metrics.csv` at most four folders down, in the order of their paths.

    Links are not followed, nor are repositories, caches and virtual environments entered.
    """
    found: list[Path] = []
    pending = [(folder, 0)]
    for _ in range(_FOLDERS_WALKED):
        if not pending:
            break
        here, depth = pending.pop(0)
        for entry in _entries(here):
            if entry.name == "metrics.csv" and entry.is_file():
                found.append(Path(entry.path))
            elif depth < _CSV_DEPTH and entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), depth + 1))
    return sorted(found, key=_natural_order)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name not in _NEVER_WALKED]
    except OSError:
        return []
    return [] if any(entry.name == "pyvenv.cfg" for entry in found) else found


def _natural_order(path: Path) -> list[tuple[int, str]]:
    """`version_10` after `version_9`."""
    return [(len(part), part) for part in path.parts]


# ---------------------------------------------------------------- dvc.yaml


def dvc_metric_paths(
    root: Path, dvc_files: Iterable[str], cache: Cache | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The metric files that `dvc.yaml` files name, at the top and in their stages.

    Args:
        dvc_files: the tracked `dvc.yaml` files, relative to the root.
        cache: what remembers them, as long as their stat is the same.

    Returns:
        The paths, relative to the root, and notes on what could not be read.
    """
    from xgit.capture.documents import YAML_LIMIT_BYTES, BadDocument, remembered_yaml

    paths: dict[str, None] = {}
    notes: list[str] = []
    for name in dvc_files:
        try:
            document = remembered_yaml(root / name, cache, limit_bytes=YAML_LIMIT_BYTES)
        except FileNotFoundError:
            continue
        except (OSError, BadDocument) as error:
            notes.append(f"metrics named in {visible(name)} were not looked for: {error}")
            continue
        folder = os.path.dirname(name)
        found = (os.path.join(folder, path) for path in _metrics_of(document))
        paths |= dict.fromkeys(os.path.normpath(path) for path in found)
    return tuple(paths), tuple(notes)


def _metrics_of(document: Json) -> Iterator[str]:
    """Paths relative to the file; those that hold a template are left out."""
    if not isinstance(document, dict):
        return
    yield from _named(document.get("metrics"))
    stages = document.get("stages")
    for stage in stages.values() if isinstance(stages, dict) else ():
        if isinstance(stage, dict):
            where = stage.get("wdir")
            for path in _named(stage.get("metrics")):
                yield os.path.join(where, path) if isinstance(where, str) else path


def _named(metrics: Json) -> Iterator[str]:
    """DVC takes a list of paths, a mapping of path to options, or a list of both."""
    for item in metrics if isinstance(metrics, list) else [metrics]:
        for path in item if isinstance(item, dict) else [item]:
            if isinstance(path, str) and "${" not in path and "\0" not in path:
                yield path
