"""Tags called `experiment/<name>` as a stranger may have pushed them."""

from __future__ import annotations

import subprocess

from tests import samples
from tests.conftest import Project
from xgit.git import plumbing
from xgit.record import message


def forge(project: Project, name: str, record: bytes | None, text: str | None = None) -> None:
    """A tag `experiment/<name>` whose record has these bytes."""
    repo = plumbing.open_repo(project.root)
    head = samples.head(repo)
    tree = head
    if record is not None:
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=project.root, input=record, capture_output=True, check=True,
        ).stdout.decode().strip()  # fmt: skip
        entry = f"100644 blob {blob}\trecord.json\n"
        inner = plumbing.git_line(repo, "mktree", data=entry.encode())
        outer = plumbing.git_line(repo, "mktree", data=f"040000 tree {inner}\t.xgit\n".encode())
        tree = plumbing.git_line(repo, "commit-tree", "-p", head, "-m", "x", outer)
    text = text or message.tag_message(samples.experiment(name, head))
    plumbing.git_bytes(
        repo, "tag", "-a", "-F", "-", "--cleanup=verbatim", f"experiment/{name}", tree,
        data=text.encode(),
    )  # fmt: skip


BAD_RECORDS = {
    "absent": None,
    "empty": b"",
    "broken": b'{"schema": "xgit/record/v1",',
    "list": b"[]",
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "huge": b'{"a": "' + b"x" * 100_000_000 + b'"}',
    "binary": bytes(range(256)),
}
