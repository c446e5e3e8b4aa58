"""Answers that cannot quickly turn false, kept in `.git/xgit/cache.sqlite`.

Three kinds: the hash of a file, and the content of a file that holds pins, both as long as its
stat is the same; and facts that were found true, such as "this object is on that remote". The file
is safe to delete at any time. Where it cannot be read or written (damaged, locked, a read-only
disk) the answers are found out anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")

FILE_NAME = "cache.sqlite"
RACY_NS = 2_000_000_000
"""A file changed this recently may change again and keep its stat: its hash is not kept."""
_VERSION = 2
_WAIT_SECONDS = 1.0
_BATCH = 500  # SQLite takes at least 999 parameters in a statement
_TABLES = f"""
    CREATE TABLE IF NOT EXISTS hashes (
        path BLOB, algorithm TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
        inode INTEGER, hash TEXT, PRIMARY KEY (path, algorithm)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS documents (
        path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
        content TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (fact BLOB PRIMARY KEY) WITHOUT ROWID;
    PRAGMA user_version = {_VERSION};
"""


class Stamp(NamedTuple):
    """What a file's stat says of its content; ctime betrays a restored mtime."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Stamp:
        """The stamp in a stat result."""
        # SQLite's integers are signed, and some file systems use all 64 bits of an inode.
        inode = stat.st_ino & 0x7FFF_FFFF_FFFF_FFFF
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, inode)


class Cache:
    """The cache of one repository; open nothing until it is asked, and close it after use.

    Args:
        directory: where the file lies or will lie; made when something is to be kept.
        clock_ns: nanoseconds since the epoch, to tell which files changed just now.
    """

    def __init__(self, directory: Path, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = directory / FILE_NAME
        self._clock_ns = clock_ns
        self._connection: sqlite3.Connection | None = None
        self._given_up = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the cache is of no further use."""
        self._given_up = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def hashes(self, files: Mapping[str, Stamp], algorithm: str) -> dict[str, str]:
        """The hashes that are known of these files, by their absolute path.

        A file whose stamp is not the one that was kept is left out.
        """
        known: dict[str, str] = {}
        if not files or not self._path.exists():
            return known
        # One query for all: what lies between the first and the last of them.
        columns = "path, size, mtime_ns, ctime_ns, inode, hash"
        query = f"SELECT {columns} FROM hashes WHERE algorithm = ? AND path BETWEEN ? AND ?"  # noqa: S608
        encoded = [os.fsencode(path) for path in files]
        rows = self._rows(query, (algorithm, min(encoded), max(encoded)))
        for path, size, mtime, ctime, inode, digest in rows:
            name = os.fsdecode(path)
            if files.get(name) == (size, mtime, ctime, inode):
                known[name] = digest
        return known

    def keep_hashes(
        self, hashes: Mapping[str, str], files: Mapping[str, Stamp], algorithm: str
    ) -> None:
        """Keep the hashes, by absolute path, of files whose stamps are given in `files`.

        Args:
            files: the stamps as they were both before and after the file was read.
        """
        rows = [
            (os.fsencode(path), algorithm, *files[path], digest)
            for path, digest in hashes.items()
            if self._is_settled(files[path])
        ]
        self._write("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _is_settled(self, stamp: Stamp) -> bool:
        return max(stamp.mtime_ns, stamp.ctime_ns) < self._clock_ns() - RACY_NS

    def document(self, path: str, stamp: Stamp) -> str | None:
        """What was kept of a file by its absolute path, if the stamp is still the same."""
        if not self._path.exists():
            return None
        query = (
            "SELECT content FROM documents WHERE path = ? "
            "AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND inode = ?"
        )
        rows = self._rows(query, (os.fsencode(path), *stamp))
        return str(rows[0][0]) if rows else None

    def keep_document(self, path: str, stamp: Stamp, content: str) -> None:
        """Keep what was made of a file whose stamp did not change while it was read."""
        if self._is_settled(stamp):
            row = (os.fsencode(path), *stamp, content)
            self._write("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)", [row])

    def known_facts(self, facts: Collection[str]) -> set[str]:
        """Those of the facts that are known to be true."""
        if not facts or not self._path.exists():
            return set()
        encoded = [os.fsencode(fact) for fact in facts]
        found: set[str] = set()
        for at in range(0, len(encoded), _BATCH):
            batch = encoded[at : at + _BATCH]
            marks = ", ".join("?" * len(batch))
            query = f"SELECT fact FROM facts WHERE fact IN ({marks})"  # noqa: S608
            found.update(os.fsdecode(row[0]) for row in self._rows(query, batch))
        return found

    def keep_facts(self, facts: Iterable[str]) -> None:
        """Keep facts that were found true."""
        rows = [(os.fsencode(fact),) for fact in facts]
        self._write("INSERT OR REPLACE INTO facts VALUES (?)", rows)

    def drop_facts(self, facts: Iterable[str]) -> None:
        """Forget facts: whether they are still true is to be found out anew."""
        if self._path.exists():
            rows = [(os.fsencode(fact),) for fact in facts]
            self._write("DELETE FROM facts WHERE fact = ?", rows)

    def _rows(self, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        def read(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(query, parameters).fetchall()

        return self._attempt(read) or []

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany(statement, rows)

        if rows:
            self._attempt(write)

    def _attempt(self, action: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """What the action returns, a damaged file being replaced once; None where it failed."""
        import sqlite3

        for _ in range(2):
            if self._given_up:
                break
            try:
                return action(self._connected())
            except (sqlite3.OperationalError, OSError):  # locked, full, read-only
                self.close()
            except sqlite3.DatabaseError:  # damaged, or of another version
                self._replace()
        return None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self._path)
        return self._connection

    def _replace(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            self.close()


def _open(path: Path) -> sqlite3.Connection:
    """The database, its tables made if it is new.

    Raises:
        sqlite3.DatabaseError: it is damaged or was made by another version.
    """
    import sqlite3

    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"version {version}")
    except BaseException:
        connection.close()
        raise
    return connection
