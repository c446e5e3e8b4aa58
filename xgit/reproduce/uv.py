"""`uv` as a program: how it is found, called within a limit, and what its refusals mean."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal, NamedTuple

from xgit.capture.documents import BadDocument, parse_toml, read_text
from xgit.capture.environment.interpreter import find_program
from xgit.capture.environment.lock import normal_name
from xgit.capture.environment.locking import VARIABLE
from xgit.capture.environment.pip_config import uv_variables
from xgit.record.model import Json
from xgit.record.urls import mask_urls
from xgit.reproduce.failure import CannotReproduce

Kind = Literal["build", "platform", "gone", "hash", "unreachable", "forbidden", "other"]
"""Why uv refused: it may not build, has nothing for this machine, the file or the version is not
there, it is another file, the index does not answer, or wants credentials."""

# Of uv's own variables these reach it: where packages and Pythons come from. All others could bend
# what is installed, such as UV_NO_VERIFY_HASHES, UV_CONSTRAINT or UV_PROJECT_ENVIRONMENT.
_KEPT = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_.+|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CACHE_DIR|CONFIG_FILE"
    r"|PYTHON_DOWNLOADS|PYTHON_DOWNLOADS_JSON_URL|PYTHON_CACHE_DIR|PYTHON_INSTALL_DIR"
    r"|PYTHON_INSTALL_MIRROR|PYPY_INSTALL_MIRROR|PYTHON_SEARCH_PATH|HTTP_.+|KEYRING_PROVIDER"
    r"|CREDENTIALS_DIR|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|OFFLINE|CONCURRENT_.+|LINK_MODE)"
)
_BENDING = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")
# The first that fits, of what uv says.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"hash mismatch", "hash"),
    (r"no wheels with a matching|not supported on this platform", "platform"),
    (r"no binary distribution|no usable wheels|building from source is disabled", "build"),
    (r"network (was|is) disabled", "unreachable"),
    (r"\b(401|403|407)\b (unauthorized|forbidden|proxy)", "forbidden"),
    (r"\b(404|410)\b|was not found in the|no version of|there are no versions of", "gone"),
    (r"error sending request|client error|dns error|request failed after|timed out", "unreachable"),
)
_NAMED = re.compile(r"(?<![\w.-])([A-Za-z0-9][\w.-]*?)(?===| @ |`| was not found)")
_TOLD = 300


class UvFailed(Exception):
    """uv refused; the text is what it said, in one line and without credentials."""


class Uv(NamedTuple):
    """The program, and how to call it.

    Attributes:
        environ: its whole environment.
        deadline: by `time.monotonic`.
        show: its progress is shown on our stderr.
    """

    program: str
    environ: Mapping[str, str]
    deadline: float
    show: bool = False

    def call(self, *args: str, cwd: Path, show: bool = False) -> str:
        """What it printed.

        Args:
            show: let it draw its progress, where this is wanted at all.

        Raises:
            UvFailed: it refused.
            CannotReproduce: it cannot be started, or did not end in time.
        """
        if show and self.show:
            try:
                return self._call(args, cwd, None)
            except UvFailed:
                pass  # what it said went to the terminal: ask again, which is quick, and listen
        with TemporaryFile() as said:
            return self._call((*args, "--quiet"), cwd, said)

    def _call(self, args: Sequence[str], cwd: Path, said: IO[bytes] | None) -> str:
        # Files, not pipes: what a build leaves behind must not keep us waiting.
        with TemporaryFile() as printed:
            try:
                process = subprocess.Popen(
                    [self.program, *args],
                    cwd=cwd,
                    env=self.environ,
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                told = f"{self.program} cannot be started: {error.strerror}"
                raise CannotReproduce("environment", told, "pip install uv", tells=False) from error
            code = self._wait(process)
            printed.seek(0)
            if code == 0:
                return printed.read().decode("utf-8", "replace")
        raise UvFailed(_one_line(said))

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        """Its exit code; it is gone afterwards with all that it started, also after Ctrl-C."""
        try:
            return process.wait(max(self.deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired as error:
            told = "uv did not end in the time that a rebuild may take"
            raise CannotReproduce("environment", told, tells=False) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def find_uv(
    checkout: Path, environ: Mapping[str, str], *, seconds: float, show: bool = False
) -> Uv:
    """The uv that the user named, that PATH has, or that lies beside xgit's Python.

    Raises:
        CannotReproduce: there is none.
    """
    # Empty, it keeps runs from asking uv: here there is no doing without it.
    named = environ.get(VARIABLE) or None
    program = find_program(named or "uv", "/", environ)
    if program is None and named is None:
        program = find_program("uv", "/", {"PATH": os.path.dirname(sys.executable)})
    if program is None:
        told = f"{named or 'uv'}, which rebuilds the environment, is not installed"
        hint = f"unset {VARIABLE}" if named else "pip install uv"
        raise CannotReproduce("environment", told, hint, tells=False)
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _BENDING and (not name.startswith("UV_") or _KEPT.fullmatch(name))
    }
    kept |= uv_variables(checkout, environ)
    own = project_indexes(checkout)
    if own:  # the recorded version is taken from whichever index has it, as pip does
        indexes = " ".join([*kept.get("UV_INDEX", "").split(), *own])
        kept |= {"UV_INDEX": indexes, "UV_INDEX_STRATEGY": "unsafe-best-match"}
    # Without a cache uv would start the new Python again and again, and with it what the packages
    # have it run at its start.
    kept |= {"UV_NO_CACHE": "false", "UV_PREVIEW_FEATURES": "pylock", "NO_COLOR": "1"}
    return Uv(program, kept, time.monotonic() + seconds, show)


def project_indexes(checkout: Path) -> tuple[str, ...]:
    """The indexes that a project names for uv: all that is taken from its settings.

    Others among them could have packages installed elsewhere, or run a program for a password.
    """
    tables: list[Json] = []
    for name, keys in (("pyproject.toml", ("tool", "uv")), ("uv.toml", ())):
        try:
            table = parse_toml(read_text(checkout / name))
        except (OSError, BadDocument):
            continue
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        tables += [table, table.get("pip") if isinstance(table, dict) else None]
    urls = (url for table in tables if isinstance(table, dict) for url in _index_urls(table))
    return tuple(dict.fromkeys(url for url in urls if re.fullmatch(r"https?://\S+", url)))


def _index_urls(table: Mapping[str, Json]) -> Iterator[str]:
    named, more = table.get("index"), table.get("extra-index-url")
    entries = [*(named if isinstance(named, list) else ()), {"url": table.get("index-url")}]
    entries += [{"url": url} for url in (more if isinstance(more, list) else ())]
    for entry in entries:
        url = entry.get("url") if isinstance(entry, dict) else None
        if isinstance(url, str) and entry.get("format") != "flat":
            yield url


def _one_line(said: IO[bytes] | None) -> str:
    if said is None:
        return ""
    said.seek(0)
    text = " ".join(said.read().decode("utf-8", "replace").split())
    return mask_urls(text.removeprefix("error: "), "")


# ---------------------------------------------------------------- what it meant


def kind_of(said: str) -> Kind:
    """Why it refused."""
    for pattern, kind in _KINDS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind
    return "other"


def named_in(said: str, names: Collection[str]) -> str | None:
    """The first package that it names, of those that it was given (by their normal names)."""
    for found in _NAMED.finditer(said):
        name = normal_name(found[1])
        if name in names:
            return name
    return next(iter(names)) if len(names) == 1 else None


def short(said: str) -> str:
    """What it said, in a length that fits into a verdict."""
    return said[:_TOLD] or "it did not say why"
