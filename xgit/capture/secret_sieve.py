"""Which texts need the scanner at all, found out without importing it.

The expressions by which its detectors know a secret are remembered, as long as the files that they
come from have not changed. A text in which none of them finds anything holds nothing that a
detector would find; such texts are nearly all there are, and most of the scanner's cost is its
import.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xgit.capture.cache import Cache, Stamp
from xgit.record.secret_names import is_secret_name
from xgit.record.token_shapes import LONGEST, RUN, detector_files

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_CONFIGS = (".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf", ".env", ".properties")
_ASSIGNED = re.compile(  # a name and its value, alone in a line of a config
    r"""[\s{,-]*(?:export\s+)?["']?([A-Za-z][\w.-]*)["']?\s*[:=]\s*"""
    r"""["']?([\w+/=-]{20,})["']?[\s,}]*(?:#.*)?"""
)


class Sieve(NamedTuple):
    """What makes a text worth the scanner: its expressions, and secret names in configs."""

    expressions: tuple[re.Pattern[str], ...]
    names: bool

    def catches(self, path: str, text: str) -> bool:
        """Whether the scanner could find anything in the text."""
        text = searchable(text)
        if any(one.search(text) for one in self.expressions):
            return True
        lines = text.split("\n") if self.names and is_config(path) else ()
        return any(named_value(line) for line in lines)


def searchable(text: str) -> str:
    """The text without runs so long that they are no token, and cost quadratic time."""
    return RUN.sub(" ", text) if len(text) > LONGEST else text


def is_config(path: str) -> bool:
    """Whether the file is one in which a line may give a value to a name."""
    name = os.path.basename(path)
    return name.startswith(".env") or os.path.splitext(name)[1].lower() in _CONFIGS


def named_value(line: str) -> tuple[str, str] | None:
    """Name and value of a line that gives a long value to a secret name."""
    found = _ASSIGNED.fullmatch(line)
    if found is None or not is_secret_name(found[1], found[2]):
        return None
    return found[1], found[2]


# ---------------------------------------------------------------- remembered


def remembered(names: Sequence[str], by_name: bool, cache: Cache) -> Sieve | None:
    """The sieve of these detectors; None where it is not known, or they cannot have one."""
    source = _source(names)
    known = cache.document(*source) if source else None
    if known is None:
        return None
    try:
        expressions = tuple(re.compile(pattern, flags) for pattern, flags in json.loads(known))
    except (ValueError, TypeError, re.error):
        return None  # not what is written below
    return Sieve(expressions, by_name)


def remember(names: Sequence[str], plugins: Iterable[BasePlugin], cache: Cache) -> None:
    """Keep the expressions of the detectors, as all of `DETECTORS` have them."""
    source = _source(names)
    if source:
        expressions = [
            (one.pattern, one.flags)
            for plugin in plugins
            for one in plugin.denylist  # type: ignore[attr-defined]
        ]
        cache.keep_document(*source, json.dumps(expressions))


def _source(names: Sequence[str]) -> tuple[str, Stamp] | None:
    """A name for the detectors, and the stamp of the files that they are written in."""
    files = detector_files(names)
    if not files:
        return None
    try:
        stats = [os.stat(path) for path in files]
    except OSError:
        return None  # installed in a form that has no files
    stamp = Stamp(
        sum(one.st_size for one in stats),
        max(one.st_mtime_ns for one in stats),
        max(one.st_ctime_ns for one in stats),
        Stamp.of(stats[0]).inode,
    )
    return f"{os.path.dirname(files[0])} {sys.version_info[:2]} {' '.join(names)}", stamp
