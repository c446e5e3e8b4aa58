"""What a program missed in the sandbox, as far as its output tells."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping

from xgit.reproduce.sandbox import HOME

MOST = 10
_QUOTED = r"['\"\u2018`]([^'\"\u2019`\n]+)['\"\u2019`]"
_PATHS = (
    re.compile(rf"(?:No such file or directory|Permission denied): {_QUOTED}"),
    re.compile(rf"{_QUOTED}:? (?:does not exist|not found|No such file or directory)"),
    re.compile(r"(/[^\s:'\"]+): (?:No such file or directory|Permission denied|cannot open)"),
    re.compile(r"(?:No such file or directory|Permission denied|does not exist): (/[^\s'\"]+)"),
)
_LIBRARIES = re.compile(r"(\S+\.so[.\d]*): cannot open shared object file")
_PROGRAMS = re.compile(
    r"(?m)^(?:\S+: )?(?:line )?(?:\d+: )?([\w.+-]+): (?:command )?not found$"
    r"|env: ['\u2018]?([\w.+-]+)['\u2019]?: No such file or directory"
)
_READ_ONLY = re.compile(rf"Read-only file system: {_QUOTED}|(/[^\s:'\"]+): Read-only file system")
_HOSTS = re.compile(
    r"Could not resolve host: ([\w.-]+)|Failed to resolve '([\w.-]+)'"
    r"|host='([\w.-]+)'|unable to resolve host address ['\u2018]([\w.-]+)"
    r"|https?://(?:[^\s/@]+@)?([\w.-]+)[^\n]*(?:urlopen error|Network is unreachable)"
)
_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|nodename nor servname provided|getaddrinfo failed"
)
_VARIABLES = re.compile(
    r"KeyError: ['\"](\w+)['\"]|[Ee]nvironment variable ['\"](\w+)['\"]"
    r"|(\w+): (?:unbound variable|parameter (?:not set|null or not set))"
)


def lacked(
    log: bytes,
    environ: Mapping[str, str],
    shown: Collection[str],
    *,
    exists: Callable[[str], bool] = os.path.lexists,
    home: str = "",
) -> tuple[str, ...]:
    """What is outside, and was not inside, of what the program says it has not found.

    Args:
        log: what it printed.
        environ: all variables of the user.
        shown: names of those that the program saw.
        exists: whether a path is there outside.
        home: of the user; by default as `environ` has it.

    Returns:
        For instance `the file /home/ada/key.txt`, `the network (api.example.com)`,
        `the variable TEAM`; at most ten.
    """
    text = log.decode("utf-8", "replace")
    home = home or environ.get("HOME", "")
    found = dict.fromkeys(
        [
            *_hidden_paths(text, exists, home),
            *_network(text),
            *(f"the variable {name}" for name in _variables(text, environ, shown)),
        ]
    )
    return tuple(found)[:MOST]


def _names(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """What any of its groups matched."""
    for found in pattern.finditer(text):
        yield from (group for group in found.groups() if group)


def _hidden_paths(text: str, exists: Callable[[str], bool], home: str) -> Iterator[str]:
    for path in (path for pattern in _PATHS for path in _names(pattern, text)):
        outside = f"{home}{path.removeprefix(HOME)}" if path.startswith(f"{HOME}/") else path
        if outside.startswith("/") and outside.isprintable() and exists(outside):
            yield f"the file {outside}"
    yield from (f"a place to write: {path}" for path in _names(_READ_ONLY, text))
    yield from (f"the library {name}" for name in _names(_LIBRARIES, text))
    yield from (f"the program {name}" for name in _names(_PROGRAMS, text))


def _network(text: str) -> Iterator[str]:
    hosts = dict.fromkeys(_names(_HOSTS, text))
    yield from (f"the network ({host})" for host in hosts)
    if not hosts and _NETWORK.search(text):
        yield "the network"


def _variables(text: str, environ: Mapping[str, str], shown: Collection[str]) -> Iterator[str]:
    for name in _names(_VARIABLES, text):
        if name in environ and name not in shown:
            yield name
