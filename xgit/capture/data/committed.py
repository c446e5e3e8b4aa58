"""The pins of a commit, read without a checkout of it: the user's work tree may be elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from xgit.capture.data.find import PIN_PATTERNS, read_pins
from xgit.capture.data.pin_file import LIMIT_BYTES
from xgit.git import objects as git_objects
from xgit.git.index import SYMLINK_MODE
from xgit.git.plumbing import Repo, git_bytes, git_fields
from xgit.record.model import Pin

_PATTERNS = (*PIN_PATTERNS, "dvc.yaml", "*/dvc.yaml", ".dvc/config", "*/.dvc/config")
_NEVER = ("", ".", "..", ".git")


@contextmanager
def committed_pins(repo: Repo, commit: str) -> Iterator[tuple[Repo, tuple[Pin, ...]]]:
    """The pins of the commit, and a work tree of nothing but the files that they stand in.

    Raises:
        GitError: the commit, or a file of it, is not here.
        XgitError: a pin is not what DVC writes, or names a path that is not to be touched.
    """
    with TemporaryDirectory(prefix="xgit-pins-") as folder:
        aside = Path(folder)
        root = aside / "tree"
        root.mkdir()
        alone = repo._replace(
            root=root,
            places={
                **repo.places,
                "GIT_DIR": str(repo.git_dir),
                "GIT_WORK_TREE": str(root),
                "GIT_INDEX_FILE": str(aside / "index"),
            },
        )
        git_bytes(alone, "read-tree", commit)  # refuses paths that lead elsewhere
        _lay_out(alone, root)
        yield alone, read_pins(alone)


def _lay_out(alone: Repo, root: Path) -> None:
    listed = git_fields(alone, "ls-files", "-z", "--stage", "--", *_PATTERNS)
    entries = [line.partition("\t")[::2] for line in listed]
    files = [(head.split(" ")[1], path) for head, path in entries if _is_file(head, path)]
    oids = [oid for oid, _ in files]
    contents = git_objects.read_objects(alone, oids, limit_bytes=LIMIT_BYTES)
    for (_, path), content in zip(files, contents, strict=True):
        if isinstance(content, bytes):
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _is_file(head: str, path: str) -> bool:
    """A link leads elsewhere, and no pin is read through one."""
    return not head.startswith(SYMLINK_MODE) and not {*path.split("/")} & {*_NEVER}
