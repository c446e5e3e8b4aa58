"""Objects read many at a time, hashed, and kept for as long as a few tags are looked at.

A process for each object would take a minute for a thousand tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from xgit.git import objects as git_objects
from xgit.git import raw
from xgit.git.plumbing import GitError, Repo
from xgit.git.raw import Malformed
from xgit.store.tags import RECORD_DIR, RECORD_LIMIT_BYTES

AHEAD_BYTES = RECORD_LIMIT_BYTES  # of files of records, read before it is their turn


class Reader:
    """What is stored in a repository, replacements and the network left aside.

    Attributes:
        repo: with neither.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = raw.as_stored(repo)
        self._kept: dict[tuple[str, str], bytes | None] = {}
        self._sizes: dict[str, int | None] = {}
        self._broken: set[tuple[str, str]] = set()
        self._noted: list[str] = []

    @contextmanager
    def noting(self) -> Iterator[list[str]]:
        """The ids, of those read inside, that do not belong to their bytes."""
        self._noted = []
        yield self._noted

    def read(self, kind: str, oid: str) -> bytes | None:
        """The content of an object, or None where it is not here or larger than any record's."""
        self.fetch(kind, [oid])
        if (kind, oid) in self._broken:
            self._noted.append(oid)
        return self._kept[kind, oid]

    def fetch(self, kind: str, oids: Iterable[str]) -> None:
        """Have the objects at hand, with one process for all that are not yet."""
        new = [oid for oid in dict.fromkeys(oids) if (kind, oid) not in self._kept]
        for oid, content in zip(new, self._contents(new), strict=True):
            whole = content if isinstance(content, bytes) else None
            self._kept[kind, oid] = whole
            if whole is not None and raw.object_id(self.repo.object_format, kind, whole) != oid:
                self._broken.add((kind, oid))

    def sizes(self, oids: Sequence[str]) -> list[int | None]:
        """How many bytes each has; None where it is not here."""
        new = [oid for oid in dict.fromkeys(oids) if oid not in self._sizes]
        if new:
            self._sizes |= zip(new, raw.sizes(self.repo, new), strict=True)
        return [self._sizes[oid] for oid in oids]

    def _contents(self, oids: Sequence[str]) -> list[bytes | int | None]:
        if not oids:
            return []
        try:
            return git_objects.read_objects(self.repo, oids, limit_bytes=RECORD_LIMIT_BYTES)
        except GitError:  # in a partial clone git gives up over what is not here
            here = [
                oid for oid, size in zip(oids, self.sizes(oids), strict=True) if size is not None
            ]
            read = git_objects.read_objects(self.repo, here, limit_bytes=RECORD_LIMIT_BYTES)
            found = dict(zip(here, read, strict=True))
            return [found.get(oid) for oid in oids]

    # ------------------------------------------------------------ ahead

    def read_ahead(self, refs: Sequence[str]) -> None:
        """Have at hand what will be asked for these tags: level by level, for all of them."""
        named = git_objects.object_names(self.repo, refs) if refs else []
        tags = [oid for oid in named if oid is not None]
        commits = list(self._parsed("tag", tags, lambda it: [raw.parse_tag(it).target]))
        parents = list(self._parsed("commit", commits, lambda it: raw.parse_commit(it).parents))
        trees = list(self._parsed("commit", commits, lambda it: [raw.tree_of(it)]))
        own = list(self._parsed("tree", trees, self._record_dirs))
        self.fetch("tree", self._parsed("commit", parents, lambda it: [raw.tree_of(it)]))
        blobs = list(self._parsed("tree", own, self._files))
        if sum(size or 0 for size in self.sizes(blobs)) <= AHEAD_BYTES:
            self.fetch("blob", blobs)

    def _parsed(
        self, kind: str, oids: Sequence[str], names: Callable[[bytes], Iterable[str]]
    ) -> Iterator[str]:
        """The objects that these lead to; what cannot be read is told when it is its turn."""
        self.fetch(kind, oids)
        for oid in oids:
            content = self._kept[kind, oid]
            try:
                yield from names(content) if content is not None else ()
            except Malformed:
                continue

    def _record_dirs(self, tree: bytes) -> Iterator[str]:
        for entry in raw.parse_tree(tree, self.repo.object_format):
            if entry.name == RECORD_DIR:
                yield entry.oid

    def _files(self, tree: bytes) -> Iterator[str]:
        for entry in raw.parse_tree(tree, self.repo.object_format):
            if entry.mode != raw.DIRECTORY:
                yield entry.oid
