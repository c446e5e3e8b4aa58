"""Known shapes of tokens, through the scanner detect-secrets where that is installed.

Its detectors are asked one by one. Its own settings, which may name code to load, and its
verification, which sends secrets over the network, are never used.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, AnyStr

from xgit.errors import XgitError

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_PACKAGE = "detect_secrets"
_MODULES = {
    "AWSKeyDetector": "aws",
    "AzureStorageKeyDetector": "azure_storage_key",
    "BasicAuthDetector": "basic_auth",
    "DiscordBotTokenDetector": "discord",
    "GitHubTokenDetector": "github_token",
    "GitLabTokenDetector": "gitlab_token",
    "JwtTokenDetector": "jwt",
    "NpmDetector": "npm",
    "OpenAIDetector": "openai",
    "PrivateKeyDetector": "private_key",
    "PypiTokenDetector": "pypi_token",
    "SendGridDetector": "sendgrid",
    "SlackDetector": "slack",
    "SquareOAuthDetector": "square_oauth",
    "StripeDetector": "stripe",
}
DETECTORS = tuple(_MODULES)
"""Those that know a shape that nothing else has: they hardly ever raise a false alarm."""
# In a record URLs are masked anyway, and the head line of a key is no secret.
_NOT_MASKED = ("BasicAuthDetector", "PrivateKeyDetector")
SHORTEST = 20  # characters; no token is shorter
LONGEST = 4096  # a longer run is no token, and some expressions take quadratic time on it
MARGIN_BYTES = 128  # hardly any token is longer
_REST = "[A-Za-z0-9_-]*"  # some expressions do not go to the end of the token
RUN = re.compile(f"([A-Za-z0-9_=.-]{{{LONGEST},}})")
_RUN_BYTES = re.compile(RUN.pattern.encode())


def detectors(names: Iterable[str]) -> tuple[BasePlugin, ...] | None:
    """The detectors of these class names, or None where detect-secrets is not installed.

    Raises:
        XgitError: detect-secrets has no detector of one of the names.
    """
    try:
        with _requests_when_used():
            return tuple(_detector(name) for name in names)
    except ModuleNotFoundError as error:
        if f"{error.name}".partition(".")[0] == _PACKAGE:
            return None
        raise


def _detector(name: str) -> BasePlugin:
    if name in _MODULES:
        found: Any = getattr(import_module(f"{_PACKAGE}.plugins.{_MODULES[name]}"), name)
        return found()  # type: ignore[no-any-return]
    util = import_module(f"{_PACKAGE}.core.plugins.util")
    known = {one.__name__: one for one in util.get_mapping_from_secret_type_to_class().values()}
    if name not in known:
        raise XgitError(
            f"{name!r} in plugins in tool.xgit.guards.secrets is no detector",
            f"known are: {', '.join(sorted(known))}",
        )
    return known[name]()  # type: ignore[no-any-return]


def detector_files(names: Sequence[str]) -> tuple[str, ...]:
    """The files that make the detectors what they are, without importing them.

    Returns:
        Nothing where detect-secrets is not installed, or one of the names is none of `DETECTORS`.
    """
    if any(name not in _MODULES for name in names):
        return ()
    modules = ("base", *(_MODULES[name] for name in names))
    for place in sys.path:
        folder = os.path.join(place, _PACKAGE, "plugins")
        if os.path.isfile(os.path.join(place, _PACKAGE, "__init__.py")):
            return tuple(os.path.join(folder, f"{module}.py") for module in modules)
    return ()


class _Later(ModuleType):
    """Stands for a module until an attribute of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def _requests_when_used() -> Iterator[None]:
    """Keep `requests` unloaded: it is two thirds of the import, and only verification uses it."""
    if "requests" in sys.modules:
        yield
        return
    stand_in = _Later("requests")
    sys.modules["requests"] = stand_in
    try:
        yield
    finally:
        if sys.modules.get("requests") is stand_in:
            del sys.modules["requests"]


# ---------------------------------------------------------------- what a record must not hold


class Shapes:
    """Masks tokens of known shapes in texts and bytes."""

    def __init__(self, plugins: Iterable[BasePlugin]) -> None:
        known = [regex for plugin in plugins for regex in getattr(plugin, "denylist", ())]
        self._in_text = tuple(re.compile(f"{one.pattern}{_REST}", one.flags) for one in known)
        self._in_bytes = tuple(
            re.compile(f"{one.pattern}{_REST}".encode(), one.flags & ~re.UNICODE) for one in known
        )

    def mask_text(self, text: str, mask: str) -> str:
        """The text with `mask` in place of each token."""
        return text if len(text) < SHORTEST else _masked(text, self._in_text, mask, RUN)

    def mask_bytes(self, data: bytes, mask: bytes) -> bytes:
        """The same for bytes of whatever encoding."""
        return data if len(data) < SHORTEST else _masked(data, self._in_bytes, mask, _RUN_BYTES)


def _masked(
    text: AnyStr, patterns: Iterable[re.Pattern[AnyStr]], mask: AnyStr, run: re.Pattern[AnyStr]
) -> AnyStr:
    parts = run.split(text) if len(text) > LONGEST else [text]
    for at in range(0, len(parts), 2):
        for pattern in patterns:
            parts[at] = pattern.sub(lambda found: _mask(found[0], mask), parts[at])
    return text[:0].join(parts)


def _mask(found: AnyStr, mask: AnyStr) -> AnyStr:
    return found if is_sequence(found) else mask


def is_sequence(text: str | bytes) -> bool:
    """Whether it is rather a part of a gene or a protein, where `AKIA` and `ACCA` turn up, too."""
    return text.isalpha() and text.isupper()


@lru_cache(maxsize=1)
def shapes() -> Shapes | None:
    """The shapes that no record may hold, or None where detect-secrets is not installed."""
    found = detectors(name for name in DETECTORS if name not in _NOT_MASKED)
    return None if found is None else Shapes(found)
