"""Set experiments side by side: a pure function of the experiments and of what lies between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xgit.compare.rows import (
    Row,
    code_rows,
    data_rows,
    environment_rows,
    hardware_rows,
    metrics_rows,
    params_rows,
    run_rows,
)
from xgit.git.status import CodeChange
from xgit.record.model import Experiment


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
        ("run", run_rows(experiments)),
        ("code", code_rows(experiments, changes)),
        ("params", params_rows(experiments)),
        ("data", data_rows(experiments)),
        ("environment", environment_rows(experiments)),
        ("hardware", hardware_rows(experiments)),
        ("metrics", metrics_rows(experiments)),
    )
    sections = tuple(_section(name, tuple(rows), everything) for name, rows in kinds)
    return Comparison(tuple(it.id for it in experiments), sections)


def _section(name: str, rows: tuple[Row, ...], everything: bool) -> Section:
    kept = rows if everything else tuple(row for row in rows if not row.same)
    return Section(name, kept, all(row.same for row in rows), not rows)
