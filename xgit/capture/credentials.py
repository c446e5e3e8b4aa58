"""Credentials where none may be: in staged text files, and in the URLs of remotes.

What is found is kept as a place and a kind: the secret itself is kept nowhere.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from xgit.capture import secret_sieve
from xgit.capture.cache import Cache
from xgit.git.objects import read_objects
from xgit.git.plumbing import Repo
from xgit.record.model import Credential, Json, StagedFile
from xgit.record.token_shapes import DETECTORS, detectors
from xgit.record.urls import strip_url

if TYPE_CHECKING:
    from xgit.capture.secret_scan import Finding

NOT_SCANNED = "staged files were not scanned for secrets: pip install detect-secrets"
LIMIT_BYTES = 1_000_000
BASELINE = ".secrets.baseline"
_RULES = 1  # to be raised when a file that was found clean may be judged otherwise
_BINARY_BYTES = 8000  # git's own measure: a NUL in here makes a file binary
_REGULAR = ("100644", "100755")


# ---------------------------------------------------------------- staged files


def in_staged(
    repo: Repo, staged: Sequence[StagedFile], options: Mapping[str, Json], cache: Cache
) -> tuple[tuple[Credential, ...], tuple[str, ...]]:
    """The credentials in the staged content of text files, and what could not be found out.

    Args:
        options: what the settings say of the guard `secrets`.

    Raises:
        XgitError: a detector is named that there is not.
    """
    names = _texts(options.get("plugins", list(DETECTORS)))
    by_name = options.get("names") is not False
    keys = _candidates(
        staged, _texts(options.get("allow")), f"{_RULES} {by_name} {' '.join(names)}"
    )
    clean = cache.known_facts(list(keys.values()))
    files = [file for file, key in keys.items() if key not in clean]
    if not files:
        return (), ()
    texts = dict(_read(repo, files))
    suspects = _suspects(texts, names, by_name, cache)
    found: dict[StagedFile, tuple[Finding, ...]] = {}
    if suspects:
        from xgit.capture.secret_scan import Scanner

        plugins = detectors(names)
        if plugins is None:
            return (), (NOT_SCANNED,)
        secret_sieve.remember(names, plugins, cache)
        scanner = Scanner(plugins, names=by_name)
        found = {file: tuple(scanner.scan(file.path, texts[file])) for file in suspects}
    cache.keep_facts(keys[file] for file in texts if not found.get(file))
    known = _baseline(repo) if any(found.values()) else frozenset()
    return tuple(
        Credential(finding.kind, path=file.path, line=finding.line)
        for file, findings in found.items()
        for finding in findings
        if (file.path, finding.digest) not in known
    ), ()


def _texts(value: Json) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _candidates(
    staged: Sequence[StagedFile], allowed: Sequence[str], rules: str
) -> dict[StagedFile, str]:
    """The files that may have to be read, each with the fact that it is clean by these rules."""
    return {
        file: f"no secrets {rules} {os.path.splitext(file.path)[1]} {file.blob}"
        for file in staged
        if file.mode in _REGULAR
        and not file.lfs
        and file.size_bytes <= LIMIT_BYTES
        and file.path != BASELINE
        and not any(fnmatchcase(file.path, pattern) for pattern in allowed)
    }


def _read(repo: Repo, files: Sequence[StagedFile]) -> Iterator[tuple[StagedFile, str]]:
    """The content of each; empty for a binary file."""
    contents = read_objects(repo, [file.blob for file in files], limit_bytes=LIMIT_BYTES)
    for file, content in zip(files, contents, strict=True):
        if isinstance(content, bytes):
            binary = b"\0" in content[:_BINARY_BYTES]
            yield file, "" if binary else content.decode("utf-8", "replace")


def _suspects(
    texts: Mapping[StagedFile, str], names: Sequence[str], by_name: bool, cache: Cache
) -> list[StagedFile]:
    """The files that only the scanner can tell to be clean: all where it was never asked before."""
    sieve = secret_sieve.remembered(names, by_name, cache)
    if sieve is None:
        return list(texts)
    return [file for file, text in texts.items() if sieve.catches(file.path, text)]


def _baseline(repo: Repo) -> frozenset[tuple[str, str]]:
    """Path and SHA-1 of the secrets that a `.secrets.baseline` of detect-secrets knows.

    Nothing else of it is used: its settings may name code that is to be loaded.
    """
    [content] = read_objects(repo, [f":{BASELINE}"], limit_bytes=16 * LIMIT_BYTES)
    try:
        results = json.loads(content)["results"] if isinstance(content, bytes) else {}
        return frozenset(
            (path, secret["hashed_secret"]) for path, known in results.items() for secret in known
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()  # not one of detect-secrets: then nothing is known


# ---------------------------------------------------------------- remotes

_LOGIN = re.compile(r"(https?|[A-Za-z][\w+.-]*)://([^/?#]*)@")
# A user alone is often a plain name, as in the URLs that Bitbucket and Azure offer.
_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{20,}")
# GitLab's own jobs have it in their remote; it is worth nothing when the job is over.
_OF_A_JOB = ("gitlab-ci-token",)


def in_remotes(repo: Repo) -> tuple[Credential, ...]:
    """The credentials in the URLs of the configured remotes."""
    return tuple(_in_remotes(repo.config.values))


def _in_remotes(config: Mapping[str, str]) -> Iterator[Credential]:
    for key, url in config.items():
        section, _, kind = key.rpartition(".")
        if not section.startswith("remote.") or kind not in ("url", "pushurl"):
            continue
        what = _kind_of(url)
        if what is not None:
            name = section.removeprefix("remote.")
            yield Credential(what, remote=name, url=strip_url(url), push=kind == "pushurl")


def _kind_of(url: str) -> str | None:
    found = _LOGIN.match(url)
    if found is None:
        return None
    user, _, password = found[2].partition(":")
    if password:
        return None if user in _OF_A_JOB else "password"
    is_token = found[1].startswith("http") and _TOKEN.fullmatch(user)
    return "token" if is_token else None
