"""`xgit-guard` in a small repository, in one of 100,000 files, and with 10,000 pinned files.

`python -m benchmarks.guards [ROUNDS]`. Beside it `git status`, `dvc status`, `dvc data status`, and
the two hooks of pre-commit-hooks that look for large files and for keys, from an environment of
their own. Those are told the names of the staged files, as their runner does.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.projects import MANY_FILES, make_large, make_pinned, make_project
from benchmarks.timing import Timed, in_turn, run, table

PINNED_FILES = 10_000
STAGED = 10
COLUMNS = (
    "git status", "Python", "commit stage", "run stage", "dvc status", "dvc data status",
    "pre-commit-hooks",
)  # fmt: skip
BASE = {"git status": ["git", "status", "--porcelain"], "Python": ["python", "-c", "pass"]}
COMMIT = {"commit stage": ["xgit-guard", "--stage", "commit"]}
RUN = {"run stage": ["xgit-guard", "--stage", "run"]}
DVC = {"dvc status": ["dvc", "status"], "dvc data status": ["dvc", "data", "status"]}
Found = Mapping[str, Timed]


def hooks_of_others(home: Path) -> Path:
    """Where `check-added-large-files` and `detect-private-key` are, installed for this once."""
    run(["uv", "venv", "-q", "--python", sys.executable, "hooks"], home)
    run(["uv", "pip", "install", "-q", "--python", "hooks/bin/python", "pre-commit-hooks"], home)
    run(["hooks/bin/python", "-m", "compileall", "-q", "hooks/lib"], home)
    return home / "hooks/bin"


def stage_texts(root: Path) -> list[str]:
    """Ten new modules of ordinary Python in the index."""
    body = "".join(f"def step_{at}(batch, lr=0.{at}):\n    return batch * lr\n" for at in range(40))
    names = [f"module_{number}.py" for number in range(STAGED)]
    for number, name in enumerate(names):
        (root / name).write_text(f'"""Part {number} of a model."""\n{body}')
    run(["git", "add", *names], root)
    return names


def clean(root: Path, rounds: int, others: Mapping[str, list[str]] = DVC) -> Found:
    """With nothing staged: both stages, and whatever else is there to compare with."""
    return in_turn({**BASE, **COMMIT, **RUN, **others}, root, rounds)


def staged(root: Path, hooks: Path, rounds: int, before: Callable[[], None] | None = None) -> Found:
    """With ten new files staged."""
    names = stage_texts(root)
    both = {
        name: [str(hooks / name), *names]
        for name in ("check-added-large-files", "detect-private-key")
    }
    found = in_turn({**BASE, **COMMIT, **both}, root, rounds, before or (lambda: None))
    run(["git", "reset", "-q", "--hard"], root)
    seconds = zip(*(found[name].seconds for name in both), strict=True)
    return {**found, "pre-commit-hooks": Timed("both", tuple(sum(pair) for pair in seconds))}


def row(where: str, found: Found) -> list[str]:
    """The medians; a dash where nothing was measured."""
    cells = (f"{found[name].median:.3f}" if name in found else "–" for name in COLUMNS)
    return [where, *cells]


def over_three_times(found: Found) -> float:
    """Seconds of the commit stage over three times `git status` and the interpreter's start."""
    ceiling = tuple(
        3 * status + start
        for status, start in zip(found["git status"].seconds, found["Python"].seconds, strict=True)
    )
    return found["commit stage"].over(Timed("ceiling", ceiling))


def cache_of(root: Path) -> Path:
    return root / ".git/xgit/cache.sqlite"


def forgets_texts(root: Path) -> None:
    """As if the staged texts were new: what was found out of contents is forgotten."""
    with closing(sqlite3.connect(cache_of(root))) as connection, connection:
        connection.execute("DELETE FROM facts")


def forgets_everything(root: Path) -> None:
    """As in a clone in which no guard has run."""
    cache_of(root).unlink(missing_ok=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="xgit-bench-") as folder:
        home = Path(folder)
        hooks = hooks_of_others(home)
        small, large = make_project(home), make_large(home)
        pinned = make_pinned(home, PINNED_FILES)
        rows = {
            "small": clean(small, rounds),
            f"small, {STAGED} files staged": staged(small, hooks, rounds),
            "the same, never seen before": staged(
                small, hooks, rounds, partial(forgets_texts, small)
            ),
            "the same, first commit in a clone": staged(
                small, hooks, rounds, partial(forgets_everything, small)
            ),
            f"{MANY_FILES:,} files": clean(large, rounds, {}),
            f"{MANY_FILES:,} files, {STAGED} staged": staged(large, hooks, rounds),
            f"{PINNED_FILES:,} pinned files": clean(pinned, rounds),
        }
    print(table(["repository", *COLUMNS], [row(where, found) for where, found in rows.items()]))
    print()
    print_goals(rows.values())


def print_goals(found: Iterable[Found]) -> None:
    small, seen, unseen, first, large, large_staged, pinned = found
    for what, goal, reached in (
        ("small repository", "0.060", small["commit stage"].median),
        (f"{STAGED} files staged", "0.060", seen["commit stage"].median),
        ("the same, never seen before", "0.060", unseen["commit stage"].median),
        ("the same, first commit in a clone", "–", first["commit stage"].median),
        (f"{MANY_FILES:,} files, over the ceiling", "0", over_three_times(large)),
        (f"the same, {STAGED} staged", "0", over_three_times(large_staged)),
        (f"{PINNED_FILES:,} pinned files", "0.300", pinned["commit stage"].median),
    ):
        print(f"{what}: goal {goal} s, reached {reached:.3f} s")


if __name__ == "__main__":
    main()
