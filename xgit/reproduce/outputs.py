"""What a run left beside its metrics, by name and hash: what must come again byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from xgit.record.json_form import number_to_json
from xgit.record.model import Artifact, Experiment, Number, Point
from xgit.reproduce.moved import without_times

SERIES = "metrics.jsonl"
FIGURES = "plots/"


def outputs_of(
    it: Experiment, is_compared: Callable[[str], bool] = lambda _: True
) -> dict[str, str]:
    """Name to hash of the artifacts, of the figures in `files`, and of the logged series.

    Args:
        is_compared: whether the series of the metric of this name counts.
    """
    found = {one.path: one.hash for one in it.artifacts if one.stored}
    found |= _elsewhere([one for one in it.artifacts if not one.stored])
    for path, content in it.files.items():
        if path.startswith(FIGURES):
            found[path] = _sha256(content)
    points = [point for point in it.metrics.series if is_compared(point.name)]
    if points:
        found[SERIES] = _hash_of_series(points)
    return found


def _elsewhere(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """Large artifacts, of which only the place is known: named by as much of its end as it takes.

    The place is another one in another checkout, and Hydra names directories by the time.
    """
    parts = {one: PurePosixPath(without_times(one.path)).parts for one in artifacts}
    longest = max(map(len, parts.values()), default=0)
    for length in range(1, longest + 1):
        named = {"/".join(path[-length:]): one.hash for one, path in parts.items()}
        if len(named) == len(parts):
            return named
    return {one.path: one.hash for one in parts}


def _hash_of_series(points: Iterable[Point]) -> str:
    """Of every value and step in their order, metric by metric.

    Not of the time, nor of which metric came first where several processes log at once.
    """
    by_name: dict[str, list[tuple[Number | str | None, Number | str]]] = {}
    for point in points:
        step = None if point.step is None else _plain(point.step)
        by_name.setdefault(point.name, []).append((step, _plain(point.value)))
    return _sha256(json.dumps(sorted(by_name.items()), separators=(",", ":")).encode())


def _plain(value: Number) -> Number | str:
    """One form for equal numbers: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return number_to_json(value)


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
