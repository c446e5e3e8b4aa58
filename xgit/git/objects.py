"""Objects and refs, read many at a time: each function is named by the answer it gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from xgit.git.plumbing import Repo, git_bytes, git_success


class RefLine(NamedTuple):
    """One ref: what it points at, what that is, and the message of an annotated tag."""

    ref: str
    kind: str
    target: str | None
    subject_and_body: str


def refs_with_messages(repo: Repo, *prefixes: str, newest: int | None = None) -> list[RefLine]:
    """Every ref under the prefixes with its tag message; the newest by creation first if limited.

    Of no prefix at all it is every ref.
    """
    form = "%(refname)%00%(objecttype)%00%(*objectname)%00%(contents)%00%01"
    order = ["--sort=-creatordate", f"--count={newest}"] if newest else []
    text = git_bytes(repo, "for-each-ref", f"--format={form}", *order, *prefixes)
    lines = text.decode("utf-8", "replace").split("\0\x01\n")
    return [_ref_line(line) for line in lines if line]


def _ref_line(line: str) -> RefLine:
    ref, kind, target, message = line.split("\0", 3)
    return RefLine(ref, kind, target or None, message)


def ref_names(repo: Repo, prefix: str) -> list[str]:
    """Full names of the refs under `prefix` (a directory, or the start of one name with `*`)."""
    return git_bytes(repo, "for-each-ref", "--format=%(refname)", prefix).decode().splitlines()


def read_objects(repo: Repo, names: Iterable[str], *, limit_bytes: int) -> list[bytes | int | None]:
    """The content behind each object name, in order; one process for all of them.

    Returns:
        For each name its bytes, None when there is no such object, or its size when that is over
        `limit_bytes` (the content is then not kept).
    """
    wanted = list(names)
    lines = "".join(f"{name}\n" for name in wanted).encode("utf-8", "surrogateescape")
    checked = git_bytes(repo, "cat-file", "--batch-check=%(objectname) %(objectsize)", data=lines)
    sizes = [_size(line) for line in checked.decode("utf-8", "surrogateescape").splitlines()]
    small = [pair[0] for pair in sizes if pair is not None and pair[1] <= limit_bytes]
    contents = _read_batch(repo, small)
    answer: list[bytes | int | None] = []
    for pair in sizes:
        if pair is None:
            answer.append(None)
        else:
            answer.append(contents.get(pair[0], pair[1]))
    return answer


def _size(line: str) -> tuple[str, int] | None:
    name, _, size = line.rpartition(" ")
    return (name, int(size)) if size.isdigit() else None


def _read_batch(repo: Repo, oids: Sequence[str]) -> dict[str, bytes]:
    if not oids:
        return {}
    out = git_bytes(repo, "cat-file", "--batch", data="".join(f"{oid}\n" for oid in oids).encode())
    contents: dict[str, bytes] = {}
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        oid, _, size = out[at:end].split(b" ")
        start = end + 1
        contents[oid.decode()] = out[start : start + int(size)]
        at = start + int(size) + 1
    return contents


def object_names(repo: Repo, names: Iterable[str]) -> list[str | None]:
    """The full object id behind each name, or None where there is no such object."""
    lines = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    checked = git_bytes(repo, "cat-file", "--batch-check=%(objectname) %(objecttype)", data=lines)
    answers = checked.decode("utf-8", "surrogateescape").splitlines()
    absent = (" missing", " ambiguous")
    return [None if line.endswith(absent) else line.split(" ")[0] for line in answers]


def tree_bytes(repo: Repo, commit: str) -> bytes:
    """The raw root tree of a commit, entries `mode name NUL id` as git hashes them."""
    return git_bytes(repo, "cat-file", "tree", f"{commit}^{{tree}}")


def has_ref(repo: Repo, ref: str) -> bool:
    """Whether a ref of exactly this name exists."""
    return git_success(repo, "show-ref", "--verify", "--quiet", ref)


def ref_in_the_way(repo: Repo, ref: str) -> str | None:
    """A ref because of which git cannot create this one: the same, one below it, or one above.

    Of those above only loose ones are looked for, which is what a slip leaves.
    """
    below = ref_names(repo, ref)
    if below:
        return below[0]
    above = [parent for parent in PurePosixPath(ref).parents if len(parent.parts) > 2]  # noqa: PLR2004 - refs/tags
    return next((str(one) for one in above if (repo.common_dir / one).is_file()), None)
