"""Runs at the start of every Python process of an experiment; costs it well under a millisecond.

It serves the package `xgit` where the program's environment has none, hands over to any other
`sitecustomize` further down the path, and leaves word of the interpreter in the spool.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


class _LastFinder:
    """Finds the package `xgit` beside this directory; asked when nobody else knew it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of `xgit`; None for every other name."""
        if name != "xgit":
            return None
        from importlib.util import spec_from_file_location

        package = os.path.dirname(_HERE)
        return spec_from_file_location(
            name, os.path.join(package, "__init__.py"), submodule_search_locations=[package]
        )


def _path() -> list[str]:
    """sys.path without this directory."""
    return [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]


def _run_the_next() -> None:
    """Run the `sitecustomize` this one hides; what it raises goes where Python would take it."""
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", _path())
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _note_python(spool: str) -> None:
    """Write `python-<hash>.json` once for each interpreter and path."""
    text = _facts()
    file = os.path.join(spool, "python-%s.json" % _hash(text))
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return  # it is there already, or the spool is gone
    try:
        os.write(handle, text)
    finally:
        os.close(handle)


def _facts() -> bytes:
    flags = [
        '"%s":%d' % (name, getattr(sys.flags, name))
        for name in (
            "dont_write_bytecode",
            "ignore_environment",
            "no_site",
            "no_user_site",
            "optimize",
        )
    ]
    fields = [
        '"executable":' + _quoted(sys.executable or ""),
        '"version":' + _quoted(sys.version),
        '"implementation":' + _quoted(sys.implementation.name),
        '"prefix":' + _quoted(sys.prefix),
        '"base_prefix":' + _quoted(sys.base_prefix),
        '"path":[%s]' % ",".join(_quoted(entry) for entry in _path()),
        '"flags":{%s}' % ",".join(flags),
    ]
    return ("{%s}\n" % ",".join(fields)).encode("ascii")


def _quoted(text: str) -> str:
    try:
        from _json import encode_basestring_ascii  # without the 3 ms that json takes
    except ImportError:
        from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii
    return encode_basestring_ascii(text)


def _hash(text: bytes) -> str:
    from zlib import adler32, crc32

    return "%08x%08x" % (crc32(text), adler32(text))


def _begin() -> None:
    spool = os.environ.get("XGIT_SPOOL")
    if spool:
        sys.meta_path.append(_LastFinder)
    try:
        _run_the_next()
    finally:
        if spool:
            try:
                _note_python(spool)
            except Exception:
                pass  # a read-only or vanished spool is the parent's to notice


_begin()
