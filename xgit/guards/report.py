"""How violations are told: all at once, each with the command that mends it.

`xgit check`, `xgit exp run` and `xgit-guard` print the same lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from xgit.errors import BUG, XgitError
from xgit.guards.quoting import shell_word
from xgit.record.escape import visible
from xgit.record.model import GuardResult, Violation

_SHOWN = 10  # per guard; the rest is counted


def lines_here(results: Sequence[GuardResult], root: str) -> list[str]:
    """The lines, and where the user is not at the top of the repository the way there."""
    lines = violation_lines(results)
    return [*lines, *way_lines(root)] if lines else lines


def way_lines(root: str) -> list[str]:
    """One line with the way to the top of the repository; none where the user is there."""
    way = _way_to(root)
    if way is None:
        return []
    return [f"hint: {way}   first: paths and commands start at the top of the repository"]


def _way_to(root: str) -> str | None:
    """The command that leads to the top from where the user is, or None where they are there.

    Git starts its hooks at the top, and tells in `GIT_PREFIX` from where it was called.
    """
    here = os.getcwd()
    rest = os.path.relpath(here, root)
    if rest == ".":
        rest = os.environ.get("GIT_PREFIX", "").rstrip("/")
        return f"cd {_up(rest)}" if rest else None
    if rest.startswith(".."):  # called from elsewhere, through GIT_DIR
        return f"cd {shell_word(root)}"
    # The shell takes `..` off the path by which the user came, which may lead over a link.
    shown = os.environ.get("PWD", here)
    if os.path.realpath(shown) != here:  # it is not of this process
        shown = here
    over = os.path.normpath(os.path.join(shown, _up(rest)))
    return f"cd {_up(rest) if os.path.realpath(over) == root else shell_word(root)}"


def _up(rest: str) -> str:
    return "/".join(".." for _ in rest.split("/"))


def violation_lines(results: Sequence[GuardResult]) -> list[str]:
    """Aligned lines `guard  subject  remedy  alternative`, at most ten a guard."""
    rows = list(_rows(results))
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    widths[1] = min(widths[1], 48)
    return [
        "  "
        + "  ".join(
            part.ljust(width) for part, width in zip(row, [*widths, 0], strict=True)
        ).rstrip()
        for row in rows
    ]


def _rows(results: Iterable[GuardResult]) -> Iterable[tuple[str, str, str, str]]:
    for result in results:
        if result.outcome != "failed":
            continue
        for one in result.violations[:_SHOWN]:
            yield (one.guard, visible(one.subject), visible(one.remedy), one.alternative or "")
        rest = len(result.violations) - _SHOWN
        if rest > 0:
            yield (result.id, f"… and {rest} more", "", "")


def violations_document(results: Sequence[GuardResult]) -> list[dict[str, object]]:
    """The same for `--json`: id, outcome and violations of every guard."""
    return [
        {
            "id": one.id,
            "outcome": one.outcome,
            "violations": [_violation_document(found) for found in one.violations],
        }
        for one in results
    ]


def _violation_document(found: Violation) -> dict[str, object]:
    return {"subject": visible(found.subject), "remedy": visible(found.remedy)}


def bug_error(error: Exception) -> XgitError:
    """What is told of a bug in xgit, its traceback written into a file that the hint names."""
    import sys
    import tempfile
    import traceback

    from xgit import __version__

    handle, path = tempfile.mkstemp(prefix="xgit-bug-", suffix=".log", text=True)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"xgit {__version__}, Python {sys.version}\n{sys.argv}\n\n")
        traceback.print_exception(error, file=file)
    message = f"this is a bug in xgit: {type(error).__name__}: {error}"
    return XgitError(message, f"please report it with {path}", exit_code=BUG)
