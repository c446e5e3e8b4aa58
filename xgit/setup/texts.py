"""Lines added to a file that a person wrote; every other byte stays, line ends included."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the line breaks of YAML 1.1


def line_end(text: str) -> str:
    """How lines end in the text."""
    return "\r\n" if "\r\n" in text else "\n"


def appended(text: str, lines: Sequence[str], *, apart: bool = False) -> str:
    """The text with the lines after it.

    Args:
        apart: put an empty line before them, where there is anything before.
    """
    end = line_end(text)
    before = text if not text or text.endswith("\n") else text + end
    gap = end if apart and before.strip() and not before.endswith(end * 2) else ""
    return before + gap + "".join(line + end for line in lines)


def inserted(text: str, at: int, lines: Sequence[str]) -> str:
    """The text with the lines before line `at`, counted from zero as YAML counts lines."""
    starts = [0, *(found.end() for found in _BREAK.finditer(text))]
    if at >= len(starts):
        return appended(text, lines)
    head, tail = text[: starts[at]], text[starts[at] :]
    return appended(head, lines) if not tail else head + _block(text, lines) + tail


def line_list(text: str) -> list[str]:
    """The lines of a text as YAML counts them, without their ends."""
    return _BREAK.split(text)


def _block(text: str, lines: Sequence[str]) -> str:
    return "".join(line + line_end(text) for line in lines)
