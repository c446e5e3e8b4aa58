"""The texts of a commit, scanned for secrets by the detectors of detect-secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from xgit.capture.secret_sieve import is_config, named_value, searchable
from xgit.record.token_shapes import detectors, is_sequence

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_BY_ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString")
# Bits a character that a random value has at least: of hexadecimal digits, of letters and digits,
# of letters alone, which words have nearly as many of.
_HEX_ENTROPY, _ENTROPY, _LETTERS_ENTROPY = 3.0, 4.0, 4.4
_HEX = re.compile("[0-9a-fA-F]+")
_MIXED = re.compile("(?=.*[a-z])(?=.*[A-Z0-9])|(?=.*[A-Z])(?=.*[0-9])")
_LOGIN = re.compile(r"(\w*)://([^:@/\s]*):([^@/\s]*)@([^/:\s\"'`]*)")
_EXAMPLE_WORDS = re.compile(
    r"(my|your|the)?[-_]?(pass|passwd|password|pw|pwd|secret|token|user|username|changeme|x+)", re.I
)
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{32,}")
_HEAD_LINES = 4  # of a key, before its body begins
_EXAMPLE_HOSTS = re.compile(
    r"(localhost|127\.0\.0\.1|host|hostname|server|db|(.*\.)?example(\.\w+)?)", re.I
)


class Finding(NamedTuple):
    """A secret by its place, its kind, and the SHA-1 by which a baseline knows it."""

    line: int
    kind: str
    digest: str


class Scanner:
    """The chosen detectors, and what else makes a line suspicious.

    Args:
        plugins: detectors of detect-secrets.
        names: judge values in configs whose name says secret by how random they are.
    """

    def __init__(self, plugins: Sequence[BasePlugin], *, names: bool) -> None:
        self._plugins = plugins
        self._names = names

    def scan(self, path: str, text: str) -> Iterator[Finding]:
        """What is found in a text; a line with `pragma: allowlist secret` is passed over."""
        from detect_secrets.filters import heuristic

        if heuristic.is_non_text_file(path) or heuristic.is_lock_file(path):
            return
        text = searchable(text)
        plugins = [plugin for plugin in self._plugins if _may_find(plugin, text)]
        by_name = self._names and is_config(path)
        if not plugins and not by_name:
            return
        lines = text.split("\n")
        for number, line in enumerate(lines, start=1):
            found = set(_by_shape(plugins, path, lines, number))
            if by_name and not found:
                found = set(_by_name(line, number))
            if found and not _is_allowed(path, lines, number):
                yield from sorted(found)


def _may_find(plugin: BasePlugin, text: str) -> bool:
    """False where no line can have what the plugin knows; asked of the whole text, it is fast."""
    patterns = getattr(plugin, "denylist", None)
    return patterns is None or any(pattern.search(text) for pattern in patterns)


def _by_shape(
    plugins: Sequence[BasePlugin], path: str, lines: Sequence[str], number: int
) -> Iterator[Finding]:
    line = lines[number - 1]
    for plugin in plugins:
        for secret in plugin.analyze_line(filename=path, line=line, line_number=number):
            value = secret.secret_value
            following = "\n".join(lines[number : number + _HEAD_LINES])
            if value and not _is_example(type(plugin).__name__, value, line, following):
                yield Finding(number, secret.type, secret.secret_hash)


def _is_example(detector: str, value: str, line: str, following: str) -> bool:
    """Whether it only stands for a secret: a variable, a placeholder, an example of a manual."""
    from detect_secrets.filters import heuristic

    if detector == "BasicAuthDetector":
        logins = [found for found in _LOGIN.finditer(line) if found[3] == value]
        if logins and all(_is_example_login(*found.groups()) for found in logins):
            return True
    if detector == "PrivateKeyDetector":  # a program that reads keys names their first line, too
        return not _KEY_BODY.search(line.partition(value)[2] + "\n" + following)
    return is_sequence(value) or (
        heuristic.is_templated_secret(value)
        or heuristic.is_prefixed_with_dollar_sign(value)
        or heuristic.is_not_alphanumeric_string(value)
        or "EXAMPLE" in value
    )


def _is_example_login(scheme: str, user: str, password: str, host: str) -> bool:
    return (
        scheme == "github"  # fsspec: github://owner:repository@commit/path
        or password == user
        or password.startswith(("%", "$", "<", "{"))
        or _EXAMPLE_WORDS.fullmatch(password) is not None
        or _EXAMPLE_HOSTS.fullmatch(host) is not None
    )


def _by_name(line: str, number: int) -> Iterator[Finding]:
    """A value that looks random, if its name says that it is secret."""
    found = named_value(line)
    if found is None or not _is_random(found[1]):
        return
    from detect_secrets.core.potential_secret import PotentialSecret

    name, value = found
    yield Finding(number, f"random value of {name}", PotentialSecret.hash_secret(value))


def _is_random(value: str) -> bool:
    from detect_secrets.filters import heuristic

    if heuristic.is_potential_uuid(value) or heuristic.is_sequential_string(value):
        return False
    if "EXAMPLE" in value:
        return False
    base64, hexadecimal = _entropy_plugins()
    if _HEX.fullmatch(value):
        return bool(hexadecimal.calculate_shannon_entropy(value) > _HEX_ENTROPY)
    least = _ENTROPY if any(map(str.isdigit, value)) else _LETTERS_ENTROPY
    mixed = _MIXED.match(value) is not None
    return mixed and bool(base64.calculate_shannon_entropy(value) > least)


@lru_cache(maxsize=1)
def _entropy_plugins() -> tuple[Any, ...]:
    found = detectors(_BY_ENTROPY)
    assert found is not None  # or no scanner had been made
    return found


def _is_allowed(path: str, lines: Sequence[str], number: int) -> bool:
    from detect_secrets.filters.allowlist import is_line_allowlisted
    from detect_secrets.util.code_snippet import get_code_snippet

    context = get_code_snippet(list(lines), number)
    return is_line_allowlisted(path, lines[number - 1].rstrip(), context)
