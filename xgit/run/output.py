"""The output kept for the record: its head and its tail, on disk as it comes."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

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


def read_log(directory: Path, limit_bytes: int) -> bytes:
    """Head and tail, and between them a line that says how many bytes are missing, if any are."""
    half = max(limit_bytes // 2, 1)
    segments = {
        int(path.suffix[1:]): path.read_bytes()
        for path in directory.glob(f"{_NAME}*")
        if path.suffix[1:].isdigit()
    }
    head = segments.pop(0, b"")
    if not segments:
        return head
    last = max(segments)
    tail = b"".join(segments[number] for number in sorted(segments))[-half:]
    missing = last * half + len(segments[last]) - len(head) - len(tail)
    if missing <= 0:
        return head + tail
    return head + f"\n… {missing} bytes left out here …\n".encode() + tail
