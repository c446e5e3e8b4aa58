"""What `xgit exp run` adds to a job: beside the bare command, git alone, and `dvc exp run`.

`python -m benchmarks.overhead [ROUNDS]`. The job is a Hydra app that reads a pinned file of 1 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.projects import MANY_FILES, make_large, make_project
from benchmarks.timing import BIN, Timed, environment, in_turn, table


def small_repo(home: Path, rounds: int) -> None:
    """The main figure."""
    root = make_project(home)
    found = in_turn(
        {
            "bare": ["python", "train.py"],
            "xgit exp run": ["xgit", "exp", "run", "-q", "--", "python", "train.py"],
            "dvc exp run": ["dvc", "exp", "run", "-q", "-f"],
        },
        root,
        rounds,
    )
    bare = found["bare"]
    rows = [
        [one.name, f"{one.median:.3f}", f"{one.over(bare):+.3f}", f"{one.ratio(bare):.2f}"]
        for one in found.values()
    ]
    print(table(["a Hydra job of 1 MB", "seconds", "added", "times bare"], rows))
    print()
    nothing = in_turn(
        {"sleep 0.5": ["sleep", "0.5"], "xgit": ["xgit", "exp", "run", "-q", "--", "sleep", "0.5"]},
        root,
        rounds,
    )
    added = nothing["xgit"].over(nothing["sleep 0.5"])
    print(f"added to `sleep 0.5`: {added:.3f} s")
    print(f"memory of the parent while the job runs: {parent_memory_mib(root):.1f} MiB")
    compare(root, rounds)


def compare(root: Path, rounds: int) -> None:
    found = in_turn(
        {
            "git": ["git", "rev-parse", "HEAD"],
            "compare": ["xgit", "exp", "compare", "@~1", "@"],
            "show": ["xgit", "exp", "show", "@"],
        },
        root,
        rounds,
    )
    for name in ("compare", "show"):
        print(f"xgit exp {name}: {found[name].median:.3f} s")


def parent_memory_mib(root: Path) -> float:
    """The resident set two seconds into a job, when all slow facts have been read."""
    process = subprocess.Popen(
        ["xgit", "exp", "run", "-q", "--", "sleep", "2.5"], cwd=root, env=environment()
    )
    time.sleep(2)
    status = Path(f"/proc/{process.pid}/status").read_text()
    process.wait()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def large_repo(home: Path, rounds: int) -> None:
    """A repository of very many files: what is added beside one `git status`."""
    root = make_large(home)
    found = in_turn(
        {
            "git status": ["git", "status", "--porcelain"],
            "sleep": ["sleep", "0.5"],
            "xgit": ["xgit", "exp", "run", "-q", "--", "sleep", "0.5"],
        },
        root,
        rounds,
    )
    both = tuple(
        a + b for a, b in zip(found["git status"].seconds, found["sleep"].seconds, strict=True)
    )
    added = found["xgit"].over(Timed("status and sleep", both))
    print(
        f"{MANY_FILES:,} files: git status {found['git status'].median:.3f} s; "
        f"xgit exp run adds that and {added:.3f} s"
    )


def log_call() -> None:
    """Microseconds of one `xgit.log`, and what our witness adds to Python's start."""
    with tempfile.TemporaryDirectory() as spool:
        code = (
            "import time, xgit\n"
            "xgit.log({'a': 1.0})\n"
            "t = time.perf_counter()\n"
            "for i in range(100000): xgit.log({'loss': 0.5, 'acc': 0.25}, step=i)\n"
            "print((time.perf_counter() - t) * 10)\n"
        )
        done = subprocess.run(
            [BIN / "python", "-c", code],
            env={**environment(), "XGIT_SPOOL": spool},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    print(f"xgit.log: {float(done.stdout):.1f} µs a call")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory(prefix="xgit-bench-") as folder:
        small_repo(Path(folder), rounds)
        log_call()
        large_repo(Path(folder), rounds)


if __name__ == "__main__":
    main()
