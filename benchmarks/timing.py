"""Whole processes, timed in turn, so that a slow minute of the machine meets all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Timed:
    """Seconds of each round for one command."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def over(self, other: Timed) -> float:
        """Median of the differences, round by round."""
        return statistics.median(
            mine - theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True)
        )

    def ratio(self, other: Timed) -> float:
        """Median of the ratios, round by round."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True)
        )


def environment() -> dict[str, str]:
    """Byte-code caches on, no analytics, and the commands of this installation first."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**env, "PATH": f"{BIN}{os.pathsep}{env['PATH']}", "DVC_NO_ANALYTICS": "1"}


def once(argv: Sequence[str], cwd: Path) -> float:
    """Seconds from start to end; the command must succeed."""
    before = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=environment(), capture_output=True, check=False)
    after = time.perf_counter()
    if done.returncode:
        raise SystemExit(f"{argv} ended with {done.returncode}:\n{done.stderr.decode()}")
    return after - before


def in_turn(
    commands: Mapping[str, Sequence[str]],
    cwd: Path,
    rounds: int,
    before: Callable[[], None] = lambda: None,
) -> dict[str, Timed]:
    """Each command once a round, after one round that is not counted.

    Args:
        before: done ahead of each command, and not timed.
    """
    found: dict[str, list[float]] = {name: [] for name in commands}
    for counted in range(-1, rounds):
        for name, argv in commands.items():
            before()
            seconds = once(argv, cwd)
            if counted >= 0:
                found[name].append(seconds)
    return {name: Timed(name, tuple(seconds)) for name, seconds in found.items()}


def run(argv: Sequence[str], cwd: Path) -> str:
    """What a preparing command printed."""
    done = subprocess.run(
        argv, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{argv} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
