"""What was not as in the recorded run: the first places to look when a result is not either."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from xgit.compare.rows import (
    NOTHING_THERE,
    Row,
    code_rows,
    data_rows,
    hardware_rows,
    package_rows,
    params_rows,
    platform_rows,
    run_rows,
    variable_rows,
)
from xgit.record.model import Experiment, HydraFacts, Number
from xgit.record.verdict import Rerun, Suspect
from xgit.reproduce.moved import Moved, moved
from xgit.reproduce.tolerances import agree

MOST_OF_A_KIND = 50
UNTRIED = (
    "nothing differs: an unpinned seed or the order of threads is likely; --repeat 5 tells more"
)
SCATTERED = "the repetitions differ among themselves: an unpinned seed or the order of threads"
UNRECORDED = "nothing differs, and the repetitions agree: the cause is nothing that the record has"
_PYTHON = re.compile(r"^python[\d.]*$")
_LONGEST = 200  # characters of a value


def suspects(recorded: Experiment, rerun: Experiment, *, root: str = "") -> tuple[Suspect, ...]:
    """What differs, the likeliest cause first.

    What already spoke against the recorded run; data; code; params, choices and the command;
    Python and the packages; variables; the machine; the platform. Where nothing differs there is
    one of kind `randomness`. Values that differ only by the place of the checkout, or by the time
    that Hydra names a directory by, do not count.

    Args:
        root: the top of the checkout that the rerun ran in.
    """
    where = moved(recorded, rerun, root)
    pair = (recorded, rerun)
    unlike = _Unlike(where)
    platform = list(platform_rows(pair))
    pythons = [row for row in platform if row.name != "platform"]
    machines = [row for row in platform if row.name == "platform"]
    kinds: tuple[tuple[str, Iterable[Suspect]], ...] = (
        ("guards", (Suspect("guards", _clipped(reason)) for reason in recorded.reasons)),
        ("data", unlike("data", data_rows(pair))),
        ("code", unlike("code", filter(_is_of_code, code_rows(pair, [None])))),
        ("params", _params(pair, unlike)),
        ("environment", unlike("environment", [*pythons, *_package_rows(pair)])),
        ("environment", _unknown_packages(pair)),
        ("variables", unlike("variables", variable_rows(pair))),
        ("hardware", unlike("hardware", hardware_rows(pair), by_text=True)),
        ("environment", unlike("environment", machines)),
    )
    found = [one for kind, some in kinds for one in _bounded(kind, some)]
    return tuple(found) or (Suspect("randomness", UNTRIED),)


def with_chance(found: tuple[Suspect, ...], runs: Sequence[Rerun]) -> tuple[Suspect, ...]:
    """The suspects, with what several repetitions tell of chance."""
    first, *others = (run.metrics.values for run in runs)
    if not others:
        return found
    causes = tuple(one for one in found if one.kind != "randomness")
    if any(not _all_agree(first, other) for other in others):
        return (*causes, Suspect("randomness", SCATTERED))
    return causes or (Suspect("randomness", UNRECORDED),)


def _all_agree(one: Mapping[str, Number], other: Mapping[str, Number]) -> bool:
    return one.keys() == other.keys() and all(agree(one[name], other[name]) for name in one)


def _is_of_code(row: Row) -> bool:
    """The commits and the submodules; the way between two commits is none of the causes."""
    return row.name == "code" or row.name.startswith("submodule ")


# ---------------------------------------------------------------- rows


class _Unlike:
    """Turns rows that differ into suspects."""

    def __init__(self, where: Moved) -> None:
        self._where = where

    def __call__(
        self, kind: str, rows: Iterable[Row], *, by_text: bool = False
    ) -> Iterator[Suspect]:
        """One for each row that differs, `by_text` only where a person would see it."""
        for row in rows:
            if row.same or self._where.same(*row.values):
                continue
            if by_text and row.texts[0] == row.texts[1]:
                continue
            yield Suspect(kind, _clipped(row.name), *(_clipped(text) for text in row.texts))


def _params(pair: tuple[Experiment, Experiment], unlike: _Unlike) -> Iterator[Suspect]:
    yield from unlike("params", params_rows(pair))
    plain = [_with_plain_program(it) for it in pair]
    yield from unlike("params", (row for row in run_rows(plain) if row.name == "command"))
    old, new = (it.params.hydra for it in pair)
    if old is not None and new is not None:
        yield from _choices(old, new)


def _with_plain_program(it: Experiment) -> Experiment:
    """A command whose program is named without its place: the environment is elsewhere."""
    program, *rest = it.command or ("",)
    name = _PYTHON.sub("python", os.path.basename(program))
    return it._replace(command=(name, *rest))


def _choices(old: HydraFacts, new: HydraFacts) -> Iterator[Suspect]:
    for group in dict.fromkeys((*old.choices, *new.choices)):
        chosen = [it.choices.get(group) or NOTHING_THERE for it in (old, new)]
        if chosen[0] != chosen[1]:
            yield Suspect("params", _clipped(f"{group}="), *map(_clipped, chosen))


def _package_rows(pair: tuple[Experiment, Experiment]) -> Iterable[Row]:
    known = all(it.environment.packages for it in pair)
    return package_rows(pair) if known else ()


def _unknown_packages(pair: tuple[Experiment, Experiment]) -> Iterator[Suspect]:
    """One for all packages where those of one run alone are known."""
    counts = [len(it.environment.packages) for it in pair]
    if bool(counts[0]) != bool(counts[1]):
        told = [f"{count} packages" if count else "not known" for count in counts]
        yield Suspect("environment", "packages", *told)


# ---------------------------------------------------------------- bounds


def _bounded(kind: str, some: Iterable[Suspect]) -> list[Suspect]:
    found = list(some)
    more = len(found) - MOST_OF_A_KIND
    if more <= 0:
        return found
    return [*found[:MOST_OF_A_KIND], Suspect(kind, f"and {more} more")]


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
