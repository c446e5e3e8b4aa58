"""Set experiments side by side: a pure function of the experiments and of what lies between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from xgit.git.plumbing import CodeChange
from xgit.record import figures
from xgit.record.model import Code, Experiment, Json, Number, Pin
from xgit.record.page import ending, gpu_names, shell_line


class Absent:
    """What stands in a row for an experiment that has no such thing (None is a value)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
NOTHING_THERE = "-"


@dataclass(frozen=True)
class Row:
    """One thing that was compared.

    Attributes:
        values: one for each experiment, exact; `ABSENT` where it has none.
        texts: the same as a person reads them.
        changes: for a metric, what each value is above the first; None where that says nothing.
    """

    name: str
    values: tuple[Json, ...]
    texts: tuple[str, ...]
    changes: tuple[Number | None, ...]

    @property
    def same(self) -> bool:
        """Whether all experiments agree."""
        return all(_equal(self.values[0], value) for value in self.values[1:])


@dataclass(frozen=True)
class Section:
    """A kind of facts; `rows` holds those that differ, or all of them when asked for.

    Attributes:
        empty: none of the experiments has anything of the kind.
    """

    name: str
    rows: tuple[Row, ...]
    same: bool
    empty: bool


@dataclass(frozen=True)
class Comparison:
    """Experiments side by side, the first being what the others are compared with."""

    ids: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return all(section.same for section in self.sections)


def compare(
    experiments: Sequence[Experiment],
    changes: Sequence[CodeChange | None],
    *,
    everything: bool = False,
) -> Comparison:
    """Compare each experiment with the first.

    Args:
        experiments: at least one.
        changes: from the code of the first to that of each other one; None when it is not known.
        everything: keep the rows that agree as well.
    """
    kinds: tuple[tuple[str, Iterator[Row]], ...] = (
        ("run", _run(experiments)),
        ("code", _code(experiments, changes)),
        ("params", _mappings(experiments, lambda it: it.params.values, figures.format_value)),
        ("data", _data(experiments)),
        ("environment", _environment(experiments)),
        ("hardware", _hardware(experiments)),
        ("metrics", _metrics(experiments)),
    )
    sections = tuple(_section(name, tuple(rows), everything) for name, rows in kinds)
    return Comparison(tuple(it.id for it in experiments), sections)


def _section(name: str, rows: tuple[Row, ...], everything: bool) -> Section:
    kept = rows if everything else tuple(row for row in rows if not row.same)
    return Section(name, kept, all(row.same for row in rows), not rows)


# ---------------------------------------------------------------- rows


def _equal(one: Json, other: Json) -> bool:
    """As recorded: True is not 1, though 1 is 1.0; NaN agrees with NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _row(
    name: str,
    values: Sequence[Json],
    texts: Sequence[str] | None = None,
    changes: Sequence[Number | None] = (),
) -> Row:
    told = [_text(value) for value in values] if texts is None else texts
    return Row(name, tuple(values), tuple(told), tuple(changes) or (None,) * len(values))


def _text(value: Json) -> str:
    if value is ABSENT:
        return NOTHING_THERE
    return value if isinstance(value, str) else figures.format_value(value)


def _mappings(
    experiments: Sequence[Experiment],
    get: Callable[[Experiment], Mapping[str, Json]],
    text: Callable[[Json], str] = _text,
    name: str = "{}",
) -> Iterator[Row]:
    """A row for each key that any of the mappings has, in the order they are met."""
    found = [get(it) for it in experiments]
    for key in dict.fromkeys(key for mapping in found for key in mapping):
        values = [mapping.get(key, ABSENT) for mapping in found]
        texts = [NOTHING_THERE if value is ABSENT else text(value) for value in values]
        yield _row(name.format(key), values, texts)


# ---------------------------------------------------------------- run and code


def _run(experiments: Sequence[Experiment]) -> Iterator[Row]:
    yield _row("status", [ending(it) for it in experiments])
    yield _row("command", [_own_command(it) for it in experiments])


def _own_command(it: Experiment) -> str:
    """The command without its Hydra overrides: they are among the params already."""
    overrides = frozenset(it.params.hydra.overrides if it.params.hydra else ())
    return shell_line([part for part in it.command if part not in overrides])


def _code(experiments: Sequence[Experiment], changes: Sequence[CodeChange | None]) -> Iterator[Row]:
    codes = [it.code for it in experiments]
    commits = [code.ran for code in codes]
    first, *others = commits
    texts = ["same" if at and code.ran == first else _commit(code) for at, code in enumerate(codes)]
    yield _row("code", commits, texts)
    if any(other != first for other in others):
        apart = zip(others, changes, strict=True)
        ways = [Way(other != first, change) for other, change in apart]
        yield _between("commits", [_distance(way) for way in ways])
        yield _between("files", [_diffstat(way) for way in ways])
    yield from _mappings(
        experiments,
        lambda it: {one.path: one.commit + "+" * one.dirty for one in it.code.submodules},
        lambda commit: commit[:7] + "+" * commit.endswith("+"),
        "submodule {}",
    )


class Way(NamedTuple):
    """From the code of the first experiment to another's: whether it is other code, and how."""

    differs: bool
    change: CodeChange | None


def _between(name: str, told: Sequence[tuple[Json, str]]) -> Row:
    """A row about the way from the first experiment, which has nothing to say itself."""
    return _row(name, [ABSENT, *(value for value, _ in told)], ["", *(text for _, text in told)])


def _commit(code: Code) -> str:
    kept = " with uncommitted files" if code.snapshot else ""
    return f"{code.branch or 'detached'}@{code.commit[:7]}{kept}"


def _distance(way: Way) -> tuple[Json, str]:
    if not way.differs:
        return ABSENT, ""
    if way.change is None:
        return None, "not known here"
    sides = {"ahead": way.change.ahead, "behind": way.change.behind}
    return sides, ", ".join(f"{count} {side}" for side, count in sides.items() if count) or "none"


def _diffstat(way: Way) -> tuple[Json, str]:
    if not way.differs or way.change is None:
        return (None if way.differs else ABSENT), ""
    value = {"diffstat": way.change.diffstat, "paths": list(way.change.files)}
    return value, way.change.diffstat or "no file changed"


# ---------------------------------------------------------------- data, environment, hardware


def _data(experiments: Sequence[Experiment]) -> Iterator[Row]:
    pins = [{pin.path: pin for pin in it.data} for it in experiments]
    for path in dict.fromkeys(path for found in pins for path in found):
        here = [found.get(path) for found in pins]
        values = [ABSENT if pin is None else _pin_value(pin) for pin in here]
        yield _row(path, values, [_pin_text(pin) if pin else NOTHING_THERE for pin in here])


def _pin_value(pin: Pin) -> str:
    return f"{pin.hash} ({pin.stale})" if pin.stale else pin.hash


def _pin_text(pin: Pin) -> str:
    short = figures.short_hash(pin.hash)
    told = pin.version if pin.version and pin.version in short else f"{pin.version} {short}".strip()
    return f"{told} ({pin.stale})" if pin.stale else told


def _environment(experiments: Sequence[Experiment]) -> Iterator[Row]:
    yield from _mappings(experiments, _python)
    yield from _mappings(
        experiments,
        lambda it: {
            name: one.version if one.source == "index" else f"{one.version} from {one.source}"
            for name, one in it.environment.packages.items()
        },
    )
    yield from _mappings(experiments, lambda it: it.environment.variables, name="${}")
    yield from _mappings(
        experiments,
        lambda it: {"container": it.environment.container} if it.environment.container else {},
    )


def _python(it: Experiment) -> dict[str, str]:
    env = it.environment
    told = {"platform": env.platform} if env.platform else {}
    if env.python is None:
        return told
    version = f"{env.python.version} ({env.python.implementation})"
    return {"python": version, "python build": env.python.build, **told}


def _hardware(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Which of several equal GPUs it was (the uuid) is no difference."""
    yield from _mappings(
        experiments, lambda it: {"cpu": it.hardware.cpu} if it.hardware.cpu else {}
    )
    yield from _mappings(experiments, lambda it: _known("cores", it.hardware.cores))
    yield from _mappings(
        experiments, lambda it: _known("memory", it.hardware.memory_bytes), figures.format_bytes
    )
    yield from _mappings(experiments, lambda it: _known("gpu", ", ".join(gpu_names(it.hardware))))
    yield from _mappings(
        experiments,
        lambda it: _known("gpu driver", ", ".join(sorted({g.driver for g in it.hardware.gpus}))),
    )


def _known(name: str, value: Json) -> dict[str, Json]:
    return {name: value} if value else {}


# ---------------------------------------------------------------- metrics


def _metrics(experiments: Sequence[Experiment]) -> Iterator[Row]:
    for row in _mappings(experiments, lambda it: it.metrics.values):
        known = [value for value in row.values if value is not ABSENT]
        texts = iter(figures.format_numbers(known))
        told = [NOTHING_THERE if value is ABSENT else next(texts) for value in row.values]
        changes = [_change(row.values[0], value) for value in row.values[1:]]
        yield _row(row.name, row.values, told, [None, *changes])


def _change(old: Json, new: Json) -> Number | None:
    if old is ABSENT or new is ABSENT:
        return None
    try:
        change: Number = new - old
    except OverflowError:
        return None
    return change if isinstance(change, int) or math.isfinite(change) else None
