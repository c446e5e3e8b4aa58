"""Paths and names in the commands that guards print, fit to be pasted into a shell."""

from __future__ import annotations

import os
import shlex

_PATHSPEC_MAGIC = frozenset("*?[\\")
_SPACE = 0x20
_DELETE = 0x7F


def shell_word(text: str) -> str:
    """The text as one word of a command.

    What a terminal would not show as it is (control characters, bytes that are not UTF-8) is
    written as `$'...'`, which bash, zsh and ksh read.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_escaped(byte) for byte in os.fsencode(text)) + "'"


def _escaped(byte: int) -> str:
    if byte in b"'\\":
        return "\\" + chr(byte)
    return chr(byte) if _SPACE <= byte < _DELETE else f"\\{byte:03o}"


def argument(text: str) -> str:
    """The text as the last argument of a command, after `--` where it could be an option."""
    return f"-- {shell_word(text)}" if text.startswith("-") else shell_word(text)


def pathspec(path: str) -> str:
    """The path as the last argument of a git command, so that no character in it is magic."""
    magic = path.startswith(":") or not _PATHSPEC_MAGIC.isdisjoint(path)
    return argument(f":(literal){path}" if magic else path)


def commit_command(path: str) -> str:
    """The command that commits one path by itself."""
    return f"git commit -m {shell_word(f'Change {path}')} {pathspec(path)}"
