"""Objects byte for byte as they are stored, taken apart without believing a word of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from xgit.git.pack import decode_tree
from xgit.git.plumbing import Repo, git_done
from xgit.git.signature import signature_start

_OID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_IDENTITY = re.compile(r"(?P<who>.* ?<[^<>\n]*>) (?P<seconds>[0-9]{1,12}) [-+][0-9]{4}")
_END_OF_SIGNATURE = re.compile(rb"-----END [A-Z ]+-----\n?")


DIRECTORY = "40000"
"""The mode of a tree in a tree."""


class Malformed(ValueError):
    """An object that no git would have made; the message says what is wrong with it."""


class Signed(NamedTuple):
    """An annotated tag.

    Attributes:
        target, kind: id and kind of what it points at.
        name: what it says that it is called.
        tagger: the whole identity line.
        message: what was signed of it, without the signature.
        behind: what follows the end of the signature, which nobody signed.
    """

    target: str
    kind: str
    name: str
    tagger: str
    message: str
    behind: bytes


class Commit(NamedTuple):
    """A commit; `author` and `committer` are whole identity lines."""

    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str


class Entry(NamedTuple):
    """An entry of a tree, its mode as git writes it: `100644`, `40000`, `120000`."""

    mode: str
    name: str
    oid: str


class Moment(NamedTuple):
    """An identity line taken apart: `Name <email>`, and seconds since the epoch."""

    who: str
    seconds: int


def as_stored(repo: Repo) -> Repo:
    """The same repository without what stands in for its objects: replacements, and the network.

    A partial clone then lacks what it has not fetched, instead of asking for it.
    """
    plain = {
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }
    return repo._replace(places={**repo.places, **plain})


def is_id(text: str) -> bool:
    """Whether the text is the whole id of an object, and not another name of one."""
    return _OID.fullmatch(os.fsencode(text)) is not None


def object_id(object_format: str, kind: str, data: bytes) -> str:
    """The id that git gives to these bytes."""
    digest = hashlib.new(object_format, b"%s %d\0" % (kind.encode(), len(data)))
    digest.update(data)
    return digest.hexdigest()


def sizes(repo: Repo, names: Iterable[str]) -> list[int | None]:
    """How many bytes each object has, in order; None where it is not here."""
    wanted = list(names)
    lines = "".join(f"{name}\n" for name in wanted).encode("utf-8", "surrogateescape")
    done = git_done(repo, "cat-file", "--batch-check=%(objectsize)", data=lines)
    if done.returncode and len(wanted) > 1:  # in a partial clone git gives up over a missing one
        return [size for name in wanted for size in sizes(repo, [name])]
    said = done.stdout.decode("ascii", "replace").splitlines() or [""]
    return [int(line) if line.isdigit() else None for line in said]


def parse_tag(content: bytes) -> Signed:
    """An annotated tag of the four headers that git writes.

    Raises:
        Malformed: it has others, or none of them.
    """
    start = signature_start(content)
    head, blank, message = content[:start].partition(b"\n\n")
    target, kind, name, tagger = _headers(head, (b"object", b"type", b"tag", b"tagger"))
    if not blank or not _OID.fullmatch(target):
        raise Malformed("its headers are not those of a tag")
    return Signed(
        target=target.decode("ascii"),
        kind=os.fsdecode(kind),
        name=os.fsdecode(name),
        tagger=os.fsdecode(tagger),
        message=message.decode("utf-8", "surrogateescape"),
        behind=_behind(content[start:]),
    )


def _behind(signature: bytes) -> bytes:
    found = _END_OF_SIGNATURE.search(signature)
    return signature[found.end() :] if found else b""


def _headers(head: bytes, names: tuple[bytes, ...]) -> list[bytes]:
    lines = [line.partition(b" ") for line in head.split(b"\n")]
    if tuple(name for name, _, _ in lines) != names:
        raise Malformed(f"its headers are not {b', '.join(names).decode()}")
    return [value for _, _, value in lines]


def parse_commit(content: bytes) -> Commit:
    """A commit of the headers that xgit writes: no signature, no other encoding.

    Raises:
        Malformed: it has others.
    """
    head = content.partition(b"\n\n")[0]
    parents = sum(line.startswith(b"parent ") for line in head.split(b"\n"))
    names = (b"tree", *[b"parent"] * parents, b"author", b"committer")
    values = _headers(head, names)
    if not all(_OID.fullmatch(one) for one in values[:-2]):
        raise Malformed("it names no tree, or no parent")
    tree, *between, author, committer = (os.fsdecode(one) for one in values)
    return Commit(tree, tuple(between), author, committer)


def tree_of(content: bytes) -> str:
    """The tree of any commit, which may have more headers than one of xgit's.

    Raises:
        Malformed: it names none.
    """
    tree = content.split(b"\n", 1)[0].removeprefix(b"tree ")
    if not _OID.fullmatch(tree):
        raise Malformed("it is no commit")
    return tree.decode("ascii")


def parse_tree(content: bytes, object_format: str) -> list[Entry]:
    """The entries of a tree, in their order.

    Raises:
        Malformed: it ends in the middle of one.
    """
    width = 32 if object_format == "sha256" else 20
    try:
        return [Entry(*entry) for entry in decode_tree(content, width)]
    except ValueError as error:
        raise Malformed("it is no tree") from error


def parse_moment(line: str) -> Moment:
    """Who and when, of an identity line.

    Raises:
        Malformed: it is none.
    """
    found = _IDENTITY.fullmatch(line)
    if found is None:
        raise Malformed(f"it names nobody: {line[:80]!r}")
    return Moment(found["who"], int(found["seconds"]))
