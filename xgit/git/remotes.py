"""What a remote has, asked of the remote itself.

No ref, no configuration and no `FETCH_HEAD` is written. Programs that the repository's own
configuration names (`core.sshCommand`, a credential helper of its own) are not started.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from subprocess import CompletedProcess

from xgit.git.plumbing import GitError, Repo, git_done, git_line

ANSWER_SECONDS = 60.0
FETCH_SECONDS = 600.0
_UPLOAD_PACK = "--upload-pack=git-upload-pack"  # the repository's own config may name another
_OURS = ("system", "global", "command")
_PROGRAMS = r"^(core\.sshcommand|core\.askpass|credential\.(.*\.)?helper)$"
HARMLESS_HELPER = re.compile(r"[\w-]+")
_PEELED = "^{}"


class NoAnswer(GitError):
    """The remote did not answer, or not as git understands it."""


def remote_refs(repo: Repo, remote: str, kind: str) -> dict[str, str]:
    """Name of each ref of the remote to the commit it leads to.

    Args:
        kind: `heads` or `tags`.

    Raises:
        NoAnswer: as its name says.
    """
    args = ("ls-remote", f"--{kind}", "--quiet", _UPLOAD_PACK, "--", remote)
    done = _asked(repo, args, ANSWER_SECONDS)
    found: dict[str, str] = {}
    for line in os.fsdecode(done.stdout).splitlines():
        commit, _, ref = line.partition("\t")
        found[ref.removesuffix(_PEELED)] = commit  # the peeled line of a tag comes after its own
    return found


def fetch_objects(repo: Repo, remote: str, refs: Iterable[str]) -> None:
    """Have the commits that the remote's refs lead to, and leave every ref here as it is.

    Raises:
        NoAnswer: they cannot be had.
    """
    still = ("--refmap=", "--no-write-fetch-head", "--no-tags", "--no-prune", "--no-prune-tags")
    alone = ("--no-auto-maintenance", "--no-recurse-submodules", "--no-show-forced-updates")
    args = ("fetch", "--quiet", *still, *alone, _UPLOAD_PACK, "--stdin", "--", remote)
    _asked(repo, args, FETCH_SECONDS, data="".join(f"{ref}\n" for ref in refs))


def commits_here(repo: Repo, commits: Iterable[str]) -> set[str]:
    """Those of the commits that are in this repository; a partial clone fetches none for it."""
    data = "".join(f"{commit}\n" for commit in commits).encode()
    env = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    done = git_done(repo, "cat-file", "--batch-check", data=data, env=env)
    lines = (line.split(" ") for line in done.stdout.decode("ascii").splitlines())
    return {words[0] for words in lines if words[1:2] == ["commit"]}


def is_reached(repo: Repo, commit: str, tips: Iterable[str]) -> bool:
    """Whether the commit is one of the tips or an ancestor of one; all of them are here."""
    data = "".join(f"{line}\n" for line in (commit, *(f"^{tip}" for tip in tips))).encode()
    return not git_line(repo, "rev-list", "-n1", "--stdin", data=data)


# ---------------------------------------------------------------- asking safely


def _asked(
    repo: Repo, args: Sequence[str], timeout_seconds: float, data: str | None = None
) -> CompletedProcess[bytes]:
    options, env = disarmed(repo)
    done = git_done(
        repo,
        *("-c", "core.alternateRefsCommand=true", "-c", "fetch.writeCommitGraph=false"),
        *options,
        *args,
        data=None if data is None else os.fsencode(data),
        env=env,
        timeout_seconds=timeout_seconds,
    )
    if done.returncode:
        raise NoAnswer(args, done.returncode, done.stderr.decode(errors="replace"))
    return done


def disarmed(repo: Repo) -> tuple[list[str], dict[str, str]]:
    """Options and variables without the programs that the repository's own config names."""
    listed = git_done(repo, "config", "-z", "--show-scope", "--get-regexp", _PROGRAMS).stdout
    fields = os.fsdecode(listed).split("\0")
    entries = [
        (scope, *entry.partition("\n")[::2])
        for scope, entry in zip(fields[::2], fields[1::2], strict=False)
    ]
    ours = [(key, value) for scope, key, value in entries if scope in _OURS]
    theirs = {key: value for scope, key, value in entries if scope not in _OURS}
    return _options(ours, theirs), _ssh(dict(ours), theirs)


def _options(ours: list[tuple[str, str]], theirs: Mapping[str, str]) -> list[str]:
    options: list[str] = []
    if "core.askpass" in theirs:
        options += ["-c", f"core.askPass={dict(ours).get('core.askpass', '')}"]
    helpers = {key: value for key, value in theirs.items() if key.endswith("helper")}
    if not all(HARMLESS_HELPER.fullmatch(value) for value in helpers.values()):
        options += ["-c", "credential.helper="]  # forgets all that came before it
        for key, value in ours:
            if key.endswith("helper"):
                options += ["-c", f"{key}={value}"]
    return options


def _ssh(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    if "core.sshcommand" not in theirs or "GIT_SSH_COMMAND" in os.environ:
        return {}
    plain = shlex.quote(os.environ.get("GIT_SSH", "ssh"))
    return {"GIT_SSH_COMMAND": ours.get("core.sshcommand", plain)}
