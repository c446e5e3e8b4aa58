"""What `xgit.log` and its sisters do inside a run: they write events to the spool."""

from __future__ import annotations

import os
from time import time

try:
    import xgit_spool as spool  # type: ignore[import-not-found]
    import xgit_values as values_  # type: ignore[import-not-found]
except ImportError:  # PYTHONPATH does not lead here
    from xgit.inject import xgit_spool as spool
    from xgit.inject import xgit_values as values_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

KEPT_BYTES = 1024 * 1024
MOST_WARNINGS = 1000

_write = spool.write
_number_of = values_.number_of
_dropped = set()  # type: set[tuple[str, str]]


def log(values: Any, step: Any = None) -> None:
    """One event with all numbers of the call; see `xgit.log`."""
    try:
        numbers = _numbers(values)
        if step is not None and type(step) is not int:
            step = _step(step)
        if numbers:
            _write({"event": "log", "time": time(), "step": step, "values": numbers})
    except Exception as error:
        spool.say("xgit.log failed (%s): not kept" % error)


def summary(values: Any, named: Dict[str, Any]) -> None:
    """One event with the final values; see `xgit.summary`."""
    try:
        numbers = _numbers(values) if values is not None else {}
        numbers.update(_numbers(named))
        if numbers:
            _write({"event": "summary", "time": time(), "values": numbers})
    except Exception as error:
        spool.say("xgit.summary failed (%s): not kept" % error)


def log_artifact(path: Any, name: Any = None) -> None:
    """A copy in the spool, or for a large file a word where it lies; see `xgit.log_artifact`."""
    shown = repr(path)
    try:
        source = os.path.abspath(os.fsdecode(path))
        kept_as = os.path.basename(source) if name is None else str(name)
        if not spool.is_kept_name(kept_as):
            _drop("artifact", kept_as, "the name is absolute, leads outside, or git refuses it")
            return
        size = _size_of_file(source)
        if size <= KEPT_BYTES:
            _copy(source, kept_as)
        _write(
            {
                "event": "artifact",
                "time": time(),
                "name": kept_as,
                "path": source,
                "size_bytes": size,
                "stored": size <= KEPT_BYTES,
            }
        )
    except Exception as error:
        _drop("artifact", shown, str(error))


def log_figure(fig: Any, name: Any) -> None:
    """A PNG in the spool; see `xgit.log_figure`."""
    shown = str(name)
    try:
        stem = shown[:-4] if shown.lower().endswith(".png") else shown
        if not spool.is_kept_name(stem):
            _drop("figure", shown, "the name is absolute, leads outside, or git refuses it")
            return
        target = _place("plots", stem + ".png")
        aside = "%s.%d.part" % (target, os.getpid())
        fig.savefig(aside, format="png")
        os.replace(aside, target)
        _write({"event": "figure", "time": time(), "name": stem})
    except Exception as error:
        _drop("figure", shown, "%s: %s" % (type(error).__name__, error))


def _numbers(values: Any) -> Dict[str, Any]:
    try:
        items = values.items()
    except AttributeError:
        _drop("values", type(values).__name__, "not a mapping of names to numbers")
        return {}
    numbers = {}
    for name, value in items:
        number = value if type(value) is float else _number_of(value)
        if number is None:
            _drop("metric", str(name), "is a %s, not a number" % type(value).__name__)
        else:
            numbers[name if type(name) is str else str(name)] = number
    return numbers


def _step(step: Any) -> Any:
    number = _number_of(step)
    if number is None:
        _drop("step", type(step).__name__, "not a number")
    return number


def _drop(what: str, name: str, reason: str) -> None:
    """Tell, on stderr and in the record, that something was not kept: once for each name."""
    if (what, name) in _dropped or len(_dropped) >= MOST_WARNINGS:
        return
    _dropped.add((what, name))
    spool.say("%s %r %s: not kept" % (what, name, reason))
    _write({"event": "dropped", "what": what, "name": name, "reason": reason})


def _size_of_file(path: str) -> int:
    from stat import S_ISREG

    found = os.stat(path)
    if not S_ISREG(found.st_mode):
        raise OSError("not a file")
    return found.st_size


def _copy(source: str, name: str) -> None:
    target = _place("artifacts", name)
    aside = "%s.%d.part" % (target, os.getpid())
    with open(source, "rb") as original, open(aside, "wb") as copy:
        copy.write(original.read(KEPT_BYTES + 1)[:KEPT_BYTES])
    os.replace(aside, target)


def _place(folder: str, name: str) -> str:
    spool_folder = spool.directory()
    if spool_folder is None or not os.path.isdir(spool_folder):
        raise OSError("the spool is gone")
    target = os.path.join(spool_folder, folder, name)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    return target
