"""The output kept for the record: its head and its tail, on disk as it comes."""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

_NAME = "output."


class BoundedLog:
    """Keeps the first and the last bytes of a stream of any length in files of a directory.

    The stream is cut into segments of half the limit, `output.0`, `output.1` and so on; the first
    and the two last ones stay. A killed process so leaves all but what it had not read yet. Not
    safe for several threads: the caller holds a lock.

    Args:
        directory: where the segments go.
        limit_bytes: how much is kept, half from the start and half from the end.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._half = max(limit_bytes // 2, 1)
        self._number = 0
        self._size = 0
        self._file = self._open()
        self.failed: str | None = None

    def write(self, data: bytes) -> None:
        """Keep a piece of output; a full disk costs the log, never the run (see `failed`)."""
        try:
            while data and self.failed is None and not self._file.closed:
                data = data[self._write_some(data) :]
        except OSError as error:
            self.failed = error.strerror

    def _write_some(self, data: bytes) -> int:
        if self._size == self._half:
            self._next_segment()
        written = self._file.write(data[: self._half - self._size]) or 0
        self._size += written
        return written

    def _next_segment(self) -> None:
        self._file.close()
        self._number += 1
        self._size = 0
        self._file = self._open()
        if self._number > 2:  # noqa: PLR2004 - the head and two segments stay
            (self._directory / f"{_NAME}{self._number - 2}").unlink(missing_ok=True)

    def _open(self) -> FileIO:
        return (self._directory / f"{_NAME}{self._number}").open("wb", buffering=0)

    def close(self) -> None:
        """Close the files; `read_log` reads them."""
        self._file.close()


class KeptOutput(NamedTuple):
    """What is left of a stream; `missing` bytes lay between head and tail."""

    head: bytes
    missing: int = 0
    tail: bytes = b""

    def joined(self, mask: Callable[[bytes], bytes] = bytes, margin_bytes: int = 0) -> bytes:
        """The log as it is recorded.

        Args:
            mask: takes out what must not be kept.
            margin_bytes: the length of the longest thing that `mask` knows. Where the stream was
                cut, half of it may stand at the edge and go unseen, so this much more is left out.
        """
        if not self.missing:
            return mask(self.head + self.tail)
        head = mask(self.head)
        head = head[: max(0, len(head) - margin_bytes)]
        tail = mask(self.tail)[margin_bytes:]
        return head + f"\n… {self.missing} bytes left out here …\n".encode() + tail


def read_log(directory: Path, limit_bytes: int) -> KeptOutput:
    """What a `BoundedLog` of the same limit left in the directory."""
    half = max(limit_bytes // 2, 1)
    segments = {
        int(path.suffix[1:]): path.read_bytes()
        for path in directory.glob(f"{_NAME}*")
        if path.suffix[1:].isdigit()
    }
    head = segments.pop(0, b"")
    if not segments:
        return KeptOutput(head)
    last = max(segments)
    tail = b"".join(segments[number] for number in sorted(segments))[-half:]
    missing = last * half + len(segments[last]) - len(head) - len(tail)
    return KeptOutput(head, max(0, missing), tail)
