"""`xgit exp list` of 10, 1,000 and 10,000 experiments, beside git itself and `dvc exp list`.

`python -m benchmarks.list [ROUNDS]`. The experiments are real records in one pack; DVC's refs are
made to point at the same commits.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.timing import in_turn, run, table
from xgit.git import pack, plumbing
from xgit.record import codec, json_form, message, refs
from xgit.record.model import (
    Code,
    Environment,
    Experiment,
    Hardware,
    Metrics,
    Outcome,
    Package,
    Params,
    Person,
)
from xgit.store.experiments import record_files
from xgit.store.tags import RECORD_DIR

COUNTS = (10, 1_000, 10_000)
IDENTITY = "bench <bench@example.com> {seconds} +0000"
START = datetime(2026, 1, 1, tzinfo=UTC)
PACKAGES = 150


def experiment(number: int, commit: str) -> Experiment:
    """One of a long series of runs, with 20 parameters and 4 metrics."""
    finished = START + timedelta(minutes=number)
    return Experiment(
        id=f"{finished:%Y%m%d-%H%M%S}-{number:05d}",
        outcome=Outcome("completed", 0, None, finished - timedelta(seconds=30), finished, 30.0),
        author=Person("bench", "bench@example.com"),
        command=("python", "train.py", f"lr={number / 1000}"),
        cwd=".",
        code=Code(commit, "main", "origin ../origin.git", pushed=True),
        xgit_version="0",
        why="one of many" if number % 3 else None,
        params=Params({f"group{i % 4}.name{i}": number % (i + 2) for i in range(20)}),
        environment=Environment(
            packages={f"package-{i}": Package(f"{i}.{number // 1000}.0") for i in range(PACKAGES)}
        ),
        hardware=Hardware("cpu", 2, 2**34),
        metrics=Metrics({f"metric{i}": (number * 7919 % 1000) / (i + 1000) for i in range(4)}),
        reproducible=True,
    )


def make_repo(home: Path, count: int) -> Path:
    """A repository with so many experiments, packed as git packs them in the long run."""
    root = home / f"repo{count}"
    root.mkdir()
    run(["git", "init", "-q", "-b", "main", "."], root)
    run(["git", "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-q",
         "--allow-empty", "-m", "first"], root)  # fmt: skip
    repo = plumbing.open_repo(root)
    head = plumbing.git_line(repo, "rev-parse", "HEAD")
    made = pack.Pack(repo.object_format)
    lines = []
    for number in range(count):
        it = experiment(number, head)
        ref, tag, commit = add(made, it, head)
        lines.append(f"create {ref} {tag}\n")
        lines.append(f"create refs/exps/{head[:2]}/{head[2:]}/exp-{number} {commit}\n")
    plumbing.git_bytes(repo, "index-pack", "--stdin", data=made.stream())
    plumbing.git_bytes(repo, "update-ref", "--stdin", data="".join(lines).encode())
    run(["git", "gc", "-q"], root)
    run(["dvc", "init", "-q"], root)
    return root


def add(made: pack.Pack, it: Experiment, head: str) -> tuple[str, str, str]:
    identity = IDENTITY.format(seconds=int(it.outcome.finished.timestamp()))
    record = json_form.encode(codec.to_record(it))
    tree = made.splice_tree(b"", RECORD_DIR, made.add_tree(record_files(it, record)))
    text = message.tag_message(it)
    commit = made.add(
        "commit",
        pack.commit_text(
            tree=tree, parents=(head,), author=identity, committer=identity, message=it.id
        ),
    )
    tag = pack.tag_text(target=commit, name=refs.format_tag(it.id), tagger=identity, message=text)
    return refs.format_ref(it.id), made.add("tag", tag), commit


def bytes_each(root: Path, count: int) -> float:
    """Bytes of packed objects for one experiment."""
    packs = (root / ".git/objects/pack").glob("*.pack")
    return sum(path.stat().st_size for path in packs) / count


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    prefix = refs.EXPERIMENT_PREFIX
    rows = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="xgit-bench-") as folder:
            root = make_repo(Path(folder), count)
            found = in_turn(
                {
                    "git": ["git", "for-each-ref", "--format=%(refname)%00%(contents)", prefix],
                    "list": ["xgit", "exp", "list"],
                    "json": ["xgit", "exp", "list", "--json"],
                    "where": ["xgit", "exp", "list", "--where", "metrics.metric0 > 0.9"],
                    "compare": ["xgit", "exp", "compare", "@~1", "@"],
                    "dvc": ["dvc", "exp", "list"],
                },
                root,
                rounds,
            )
            size = bytes_each(root, count)
        git = found["git"]
        rows.append(
            [
                f"{count:,}",
                f"{git.median:.3f}",
                *(f"{found[name].median:.3f}" for name in ("list", "json", "where", "compare")),
                f"{found['dvc'].median:.3f}",
                f"{found['list'].ratio(git):.1f}",
                f"{size:,.0f}",
            ]
        )
    header = [
        "experiments", "git for-each-ref", "exp list", "--json", "--where", "exp compare",
        "dvc exp list", "list / git", "bytes each",
    ]  # fmt: skip
    print(table(header, rows))


if __name__ == "__main__":
    main()
