"""What git and servers complain of, in words, with the command that mends it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import NamedTuple

from xgit.errors import XgitError
from xgit.git.plumbing import GitError
from xgit.record.urls import mask_urls
from xgit.share.nouns import Remote

_TOLD = 3  # lines of a server that are passed on
_LABEL = re.compile(r"^(?:(?:remote|error|fatal|warning): ?)+", re.IGNORECASE)
_LONGEST = 300  # characters of a line that are passed on


class _Kind(NamedTuple):
    """What a complaint looks like, what it means, and what to type."""

    sign: re.Pattern[str]
    meaning: str
    hint: Callable[[Remote], str]


def _look(remote: Remote) -> str:
    return f"git ls-remote -- {shlex.quote(remote.name)}"


def _set_url(remote: Remote) -> str:
    return f"git remote set-url {shlex.quote(remote.name)} URL"


def _kind(sign: str, meaning: str, hint: Callable[[Remote], str]) -> _Kind:
    return _Kind(re.compile(sign, re.IGNORECASE), meaning, hint)


_KINDS = (
    _kind(r"protocol '.*' not allowed|transport '.*' not allowed",
          "xgit talks over https, ssh and to directories alone", _set_url),
    _kind(r"shallow update not allowed", "it takes nothing from a shallow clone",
          lambda remote: f"git fetch --unshallow {shlex.quote(remote.name)}"),
    _kind(r"permission denied \(|authentication failed|could not read (username|password)|"
          r"terminal prompts disabled|host key verification|error: 401",
          "it does not know you", lambda remote: f"{_look(remote)}, on a terminal"),
    _kind(r"no space left|disk quota|quota exceeded", "its disk is full", _look),
    _kind(r"error: 403|permission to .* denied|insufficient permission|read-only|"
          r"unable to create temporary object|permission denied|not allowed to push|"
          r"access denied|write access",
          "you may not write there", lambda remote: "xgit exp push --remote NAME"),
    _kind(r"could not resolve host|connection (refused|timed out|reset)|network is unreachable|"
          r"no route to host|failed to connect|no answer within|operation timed out",
          "it cannot be reached", _look),
    _kind(r"does not appear to be a git repository|repository .*not found|does not exist|"
          r"not a git repository|no such file or directory|error: 404",
          "there is no repository, or none that you may see", _set_url),
)  # fmt: skip


def explain(remote: Remote, doing: str, said: str) -> XgitError:
    """The error to raise where a transfer failed as a whole.

    Args:
        doing: such as `push to`.
        said: what git and the server wrote.
    """
    told = words(said)
    kind = next((kind for kind in _KINDS if kind.sign.search(said)), None)
    where = f"{remote.name} ({remote.url})"
    if kind is None:
        return XgitError(f"cannot {doing} {where}: {told}", _look(remote))
    return XgitError(f"cannot {doing} {where}: {kind.meaning} ({told})", kind.hint(remote))


def of_git(remote: Remote, doing: str, error: GitError) -> XgitError:
    """The same for a git command that failed."""
    return explain(remote, doing, error.stderr)


def words(said: str) -> str:
    """What git and a server say, on one line: the server's own words first, no credentials."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    server = [line for line in lines if line.startswith("remote:") and _bare(line)]
    grave = [line for line in lines if line.startswith(("fatal:", "error:"))]
    chosen = [*server[:_TOLD], *grave[: max(1, _TOLD - len(server))]] or lines[-1:]
    told = "; ".join(dict.fromkeys(_bare(line)[:_LONGEST] for line in chosen))
    return mask_urls(told, "***") or "git says nothing"


def _bare(line: str) -> str:
    return _LABEL.sub("", line).strip()


def refusal(reason: str, said: str) -> str:
    """Why a remote did not take a ref: git's reason, and what the server added to it."""
    found = re.search(r"\((.*)\)$", reason.strip())
    plain = found[1] if found else reason.strip("[] ")
    server = [_bare(line)[:_LONGEST] for line in said.splitlines() if line.startswith("remote:")]
    added = "; ".join(dict.fromkeys(line for line in server if line))
    return mask_urls(f"{plain}: {added}" if added else plain, "***")


def mend(remote: Remote, reason: str) -> str | None:
    """The command that mends what a remote refused, where one is known."""
    kind = next((kind for kind in _KINDS if kind.sign.search(reason)), None)
    return None if kind is None else kind.hint(remote)
