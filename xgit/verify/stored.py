"""A tag with all that hangs on it, read byte for byte and hashed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

from xgit.git import objects as git_objects
from xgit.git import raw
from xgit.git.raw import Commit, Entry, Malformed, Signed
from xgit.store.tags import RECORD_DIR, RECORD_LIMIT_BYTES
from xgit.verify.nouns import Check, failed, passed, unknown
from xgit.verify.reader import Reader

MOST_FILES = 5000
MOST_BYTES = 4 * RECORD_LIMIT_BYTES  # of all files of a record together


class RecordFile(NamedTuple):
    """A file below `.xgit/`; `content` is None where it is not here, or was not read."""

    mode: str
    oid: str
    content: bytes | None


class Stored(NamedTuple):
    """A tag and its commit, as they are.

    Attributes:
        ref: the full name under which the tag lies; `oid` is the id of the tag object.
        root: the entries of the commit's tree at its top.
        parent_root: those of its only parent; None where there is none, or it is not here.
        files: what lies below `.xgit/` by its path there.
        broken: ids that do not belong to their bytes.
    """

    ref: str
    oid: str
    tag: Signed
    commit_oid: str
    commit: Commit
    root: tuple[Entry, ...]
    parent_root: tuple[Entry, ...] | None
    files: Mapping[str, RecordFile]
    broken: tuple[str, ...]

    @property
    def name(self) -> str:
        """`experiment/<id>`."""
        return self.ref.removeprefix("refs/tags/")


class NotOne(Exception):
    """A ref with which no further check is possible; `check` says why."""

    def __init__(self, check: Check, oid: str = "") -> None:
        super().__init__(check.told)
        self.check = check
        self.oid = oid


def read_stored(reader: Reader, ref: str) -> Stored:
    """All that hangs on a tag.

    Raises:
        NotOne: the ref is no annotated tag of a commit, or a part that nothing goes without is not
            here or not as git would have made it.
    """
    with reader.noting() as broken:
        oid, content = _read_tag(reader, ref)
        try:
            tag = raw.parse_tag(content)
            if tag.kind != "commit":
                raise NotOne(failed("tag", f"it is a tag of a {tag.kind}, not of a commit"), oid)
            text = _needed(reader, oid, "commit", tag.target)
            commit = raw.parse_commit(text)
            root = _tree(reader, _needed(reader, oid, "tree", commit.tree))
            parent_root = _parent_root(reader, commit)
            files = _files(reader, oid, root)
        except Malformed as error:
            raise NotOne(failed("tag", f"it is not as git makes it: {error}"), oid) from error
    return Stored(ref, oid, tag, tag.target, commit, root, parent_root, files, tuple(broken))


def _read_tag(reader: Reader, ref: str) -> tuple[str, bytes]:
    (oid,) = git_objects.object_names(reader.repo, [ref])
    if oid is None:
        raise NotOne(failed("tag", "there is no such tag here", "xgit exp pull"))
    content = reader.read("tag", oid)
    if content is None or not content.startswith(b"object "):
        raise NotOne(failed("tag", "it is not an annotated tag"), oid)
    return oid, content


def _needed(reader: Reader, tag: str, kind: str, oid: str) -> bytes:
    content = reader.read(kind, oid)
    if content is None:
        told = f"the {kind} {oid[:7]} is not here, or larger than any that xgit makes"
        raise NotOne(unknown("objects", told, f"git cat-file -p {shlex.quote(oid)}"), tag)
    return content


def _tree(reader: Reader, content: bytes) -> tuple[Entry, ...]:
    return tuple(raw.parse_tree(content, reader.repo.object_format))


def _parent_root(reader: Reader, commit: Commit) -> tuple[Entry, ...] | None:
    if len(commit.parents) != 1:
        return None
    content = reader.read("commit", commit.parents[0])
    tree = None if content is None else reader.read("tree", raw.tree_of(content))
    return None if tree is None else _tree(reader, tree)


def _files(reader: Reader, tag: str, root: Sequence[Entry]) -> dict[str, RecordFile]:
    own = [entry for entry in root if entry.name == RECORD_DIR]
    if len(own) != 1 or own[0].mode != raw.DIRECTORY:
        raise NotOne(failed("files", f"its commit has no {RECORD_DIR}/"), tag)
    listed = _listed(reader, tag, own[0].oid)
    oids = [entry.oid for entry in listed.values()]
    if sum(size or 0 for size in reader.sizes(oids)) > MOST_BYTES:
        raise _too_large(tag, own[0].oid)
    reader.fetch("blob", oids)
    return {
        path: RecordFile(entry.mode, entry.oid, reader.read("blob", entry.oid))
        for path, entry in listed.items()
    }


def _listed(reader: Reader, tag: str, top: str) -> dict[str, Entry]:
    """The files below a tree by their paths; a tree that names itself over and over is bounded."""
    found: dict[str, Entry] = {}
    waiting = [("", top)]
    for seen in count():
        if not waiting:
            return found
        above, oid = waiting.pop()
        entries = _tree(reader, _needed(reader, tag, "tree", oid))
        for entry in entries:
            if entry.mode == raw.DIRECTORY:
                waiting.append((f"{above}{entry.name}/", entry.oid))
            else:
                found[f"{above}{entry.name}"] = entry
        if seen + len(found) + len(waiting) > MOST_FILES:
            break
    raise _too_large(tag, top)


def _too_large(tag: str, tree: str) -> NotOne:
    told = f"{RECORD_DIR}/ is larger than any that xgit makes, and was not read"
    return NotOne(failed("files", told, f"git ls-tree -l {shlex.quote(tree)}"), tag)


def check_objects(it: Stored) -> Check:
    """Whether git kept the very bytes that the ids stand for: it does not look when it reads."""
    if it.broken:
        named = ", ".join(oid[:7] for oid in it.broken)
        return failed("objects", f"these objects are not what their ids say: {named}", "git fsck")
    lacking = [path for path, file in it.files.items() if file.content is None]
    if lacking:
        told = f"not here, or too large to be read: {', '.join(sorted(lacking)[:4])}"
        return unknown("objects", told, f"git archive -o /dev/null {it.name} {RECORD_DIR}")
    return passed("objects")
