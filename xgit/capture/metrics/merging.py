"""The metrics of a run, brought together from everything that told one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from xgit.capture.metrics.formats import Reading, metric_name
from xgit.record.model import Metrics, Number, Point

if TYPE_CHECKING:
    from xgit.capture.spool.reading import HydraJob, Spool

LOGGED = "xgit.log"
SUMMARIZED = "xgit.summary"
RETURNED = "hydra return value"
MOST_NAMES = 10_000


def merge(spool: Spool, readings: Sequence[Reading]) -> Metrics:
    """One value for each name, the most explicit source first.

    `xgit.summary` comes before the last value of `xgit.log`, then what the Hydra app returned,
    then the files in their order. The series hold the logged points and those of the files.
    """
    values: dict[str, Number] = {}
    sources: dict[str, str] = {}
    left_out: set[str] = set()
    for source, found in _layers(spool, readings):
        for given, value in found.items():
            name = metric_name(given)
            if name in values:
                continue
            if not name or len(values) == MOST_NAMES:
                left_out.add(name)
                continue
            values[name] = value
            sources[name] = source
    points = (*spool.points, *(point for reading in readings for point in reading.points))
    notes = [*_not_numbers(spool.jobs), *(note for reading in readings for note in reading.notes)]
    if left_out:
        notes.append(f"{len(left_out)} metrics were left out: without a name, or too many")
    return Metrics(values, sources, tuple(_series(points, values)), tuple(notes))


def _layers(
    spool: Spool, readings: Sequence[Reading]
) -> Iterator[tuple[str, Mapping[str, Number]]]:
    """Sources with what they say, the strongest first."""
    yield SUMMARIZED, spool.summary
    yield LOGGED, {point.name: point.value for point in sorted(spool.points, key=_time)}
    for prefix, job in _prefixed(spool.jobs):
        yield RETURNED, {prefix + name: value for name, value in job.values.items()}
    for reading in readings:
        yield reading.source, reading.values


def _series(points: Sequence[Point], values: Mapping[str, Number]) -> Iterator[Point]:
    for point in sorted(points, key=_time):
        name = metric_name(point.name)
        if name in values:
            yield point if name == point.name else point._replace(name=name)


def _time(point: Point) -> float:
    return point.time


def _not_numbers(jobs: Sequence[HydraJob]) -> Iterator[str]:
    for prefix, job in _prefixed(jobs):
        for name, kind in job.other.items():
            shown = metric_name(prefix + name)
            yield f"{RETURNED}: {shown} was left out, it is of type {metric_name(kind)}"


# ---------------------------------------------------------------- several jobs in one run


def output_dirs(jobs: Sequence[HydraJob]) -> dict[str, str]:
    """Hydra's output directories by what goes before the names of their metrics."""
    return {prefix: job.output_dir for prefix, job in _prefixed(jobs) if job.output_dir}


def _prefixed(jobs: Sequence[HydraJob]) -> list[tuple[str, HydraJob]]:
    """Jobs with what goes before their names: `job<num>/`, or nothing for an only job.

    Where the numbers tell no two jobs apart (a script that starts an app twice) the order does.
    """
    if len(jobs) == 1:
        return [("", jobs[0])]
    numbers = [job.num for job in jobs]
    distinct = None not in numbers and len(set(numbers)) == len(numbers)
    named = numbers if distinct else range(len(jobs))
    return [(f"job{number}/", job) for number, job in zip(named, jobs, strict=True)]
