"""What is compared: each kind of facts as rows, one value an experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from xgit.git.status import CodeChange
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


def run_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """How each ended, and its command without what the params tell."""
    yield _row("status", [ending(it) for it in experiments])
    yield _row("command", [_own_command(it) for it in experiments])


def _own_command(it: Experiment) -> str:
    """The command without its Hydra overrides: they are among the params already."""
    overrides = frozenset(it.params.hydra.overrides if it.params.hydra else ())
    return shell_line([part for part in it.command if part not in overrides])


def code_rows(
    experiments: Sequence[Experiment], changes: Sequence[CodeChange | None]
) -> Iterator[Row]:
    """The commits that ran, the way from the first to each other, and submodules."""
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
    return value, _short_diffstat(way.change.diffstat)


def _short_diffstat(text: str) -> str:
    """`2 files, +10 -3` from git's `2 files changed, 10 insertions(+), 3 deletions(-)`."""
    files, *lines = text.split(", ")
    signs = {"insertion": "+", "deletion": figures.MINUS}
    counts = [part.split(" ", 1) for part in lines]
    told = [sign + count for count, what in counts for word, sign in signs.items() if word in what]
    return f"{files.removesuffix(' changed')}, {' '.join(told)}".removesuffix(", ") or "no file"


def params_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """The parameters exactly as recorded."""
    return _mappings(experiments, lambda it: it.params.values, figures.format_value)


# ---------------------------------------------------------------- data, environment, hardware


def data_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Pins by their path; two agree when the content does, whatever it is called."""
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


def environment_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Python, platform, packages, recorded variables and the container."""
    yield from platform_rows(experiments)
    yield from package_rows(experiments)
    yield from variable_rows(experiments)
    yield from _mappings(
        experiments,
        lambda it: {"container": it.environment.container} if it.environment.container else {},
    )


def platform_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """The rows `python`, `python build` and `platform`."""
    return _mappings(experiments, _python)


def package_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """The version of each package, with its source where that is no index."""
    return _mappings(
        experiments,
        lambda it: {
            name: one.version if one.source == "index" else f"{one.version} from {one.source}"
            for name, one in it.environment.packages.items()
        },
    )


def variable_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """The recorded variables, as `$NAME`."""
    return _mappings(experiments, lambda it: it.environment.variables, name="${}")


def _python(it: Experiment) -> dict[str, str]:
    env = it.environment
    told = {"platform": env.platform} if env.platform else {}
    if env.python is None:
        return told
    version = f"{env.python.version} ({env.python.implementation})"
    return {"python": version, "python build": env.python.build, **told}


def hardware_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
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


def metrics_rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    """Final values, and by how much each is above the first."""
    for row in _mappings(experiments, lambda it: it.metrics.values):
        known = [value for value in row.values if value is not ABSENT]
        texts = iter(figures.format_numbers(known))
        told = [NOTHING_THERE if value is ABSENT else next(texts) for value in row.values]
        changes = [_change(row.values[0], value) for value in row.values[1:]]
        yield _row(row.name, row.values, told, [None, *changes])


def _change(old: Json, new: Json) -> Number | None:
    if old is ABSENT or new is ABSENT:
        return None
    return figures.difference(old, new)
