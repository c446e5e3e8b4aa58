"""Paths and names in the commands that guards print, fit to be pasted into a shell."""

from __future__ import annotations

import os
import shlex

_PATHSPEC_MAGIC = frozenset("*?[\\")
_IGNORE_MAGIC = frozenset("*?[\\ ")
_MEANINGFUL = frozenset(b"'\\!")
_SPACE = 0x20
_DELETE = 0x7F


def shell_word(text: str) -> str:
    """The text as one word of a command.

    What a terminal would not show as it is (control characters, bytes that are not UTF-8) is
    written as `"$(printf '...')"`, which every shell reads. Only where the text ends in newlines,
    which would be lost, it is `$'...'`, which bash, zsh and ksh read.
    """
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(_escaped(byte) for byte in os.fsencode(text))
    if text.endswith("\n"):
        return f"$'{escaped}'"
    form = escaped.replace("%", "%%")
    if form.startswith("-"):
        form = f"\\055{form[1:]}"  # or printf would take it for an option
    return f"\"$(printf '{form}')\""


def _escaped(byte: int) -> str:
    plain = _SPACE <= byte < _DELETE and byte not in _MEANINGFUL
    return chr(byte) if plain else f"\\{byte:03o}"


def argument(text: str) -> str:
    """The text as the last argument of a command, after `--` where it could be an option."""
    return f"-- {shell_word(text)}" if text.startswith("-") else shell_word(text)


def pathspec(path: str) -> str:
    """The path as the last argument of a git command, so that no character in it is magic."""
    magic = path.startswith(":") or not _PATHSPEC_MAGIC.isdisjoint(path)
    return argument(f":(literal){path}" if magic else path)


def ignore_pattern(path: str) -> str:
    """The line of a `.gitignore` at the top that ignores this path and no other.

    A line cannot hold a newline, which is written as `?`: any character.
    """
    escaped = "".join(f"\\{char}" if char in _IGNORE_MAGIC else char for char in path)
    return f"/{escaped}".replace("\n", "?")


def commit_command(path: str) -> str:
    """The command that commits one path by itself."""
    return f"git commit -m {shell_word(f'Change {path}')} {pathspec(path)}"
