"""The code of experiments: the branches they ran on go on at the remote, where nothing is lost.

The record commit has the commit that ran for its parent, so a tag takes the code along whatever
becomes of the branch. The branch is for people: code that only a tag has is hard to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from xgit.git import remotes, transport
from xgit.git.plumbing import Repo, git_done, git_line
from xgit.record.model import Summary
from xgit.share.nouns import Remote, Watch
from xgit.share.trouble import refusal, words

HEADS = "refs/heads/"
_SHOWN = 3


class CodePush(NamedTuple):
    """Name of each branch of the remote that went on to its new commit, and what to say."""

    branches: Mapping[str, str]
    notes: tuple[str, ...]


class _Step(NamedTuple):
    """A branch of the remote and the commit that it is to go on to."""

    branch: str
    commit: str


def push_code(
    repo: Repo,
    remote: Remote,
    experiments: Iterable[Summary],
    there: Mapping[str, str],
    watch: Watch,
    *,
    dry_run: bool = False,
) -> CodePush:
    """Let each branch go on to the newest commit that ran on it, if it lost nothing by that.

    Args:
        there: full name to commit of the remote's branches.
    """
    tips = {ref: oid for ref, oid in there.items() if ref.startswith(HEADS)}
    here = remotes.commits_here(repo, set(tips.values()))
    known = _reached(repo, here)
    wanted: dict[str | None, dict[str, str]] = {}
    for one in experiments:
        if one.commit not in known:
            wanted.setdefault(one.branch, {})[one.commit] = one.id
    branches: dict[str, str] = {}
    notes: list[str] = []
    for branch, commits in wanted.items():
        step, problem = _step(repo, remote, branch, commits, tips)
        if step is not None and not dry_run:
            problem = _push_step(repo, remote, step, watch)
        if step is None or problem is not None:
            notes.append(_note(problem or "", commits))
            continue
        branches[step.branch] = step.commit
        on_it = _reached(repo, [step.commit])
        left = {commit: id_ for commit, id_ in commits.items() if commit not in on_it}
        if left:
            notes.append(_note(f"it is not in the history of {step.branch}", left))
    return CodePush(branches, tuple(notes))


def _push_step(repo: Repo, remote: Remote, step: _Step, watch: Watch) -> str | None:
    """Push a branch; why it was not taken, or None."""
    watch(f"pushing {step.branch}", 0, None)
    answer = transport.push_branch(repo, remote.name, step.commit, step.branch, watch)
    if answer.code == 0:
        return None
    reason = answer.refused.get(HEADS + step.branch)
    told = refusal(reason, answer.said) if reason else words(answer.said)
    return f"{step.branch} was not taken: {told}"


def _reached(repo: Repo, commits: Iterable[str]) -> set[str]:
    """The commits and all that they build on, as far as it is here."""
    data = "".join(f"{commit}\n" for commit in commits).encode("ascii")
    if not data:
        return set()
    return set(git_line(repo, "rev-list", "--stdin", data=data).split("\n"))


def _step(
    repo: Repo,
    remote: Remote,
    branch: str | None,
    commits: Mapping[str, str],
    tips: Mapping[str, str],
) -> tuple[_Step | None, str | None]:
    """What is to be pushed, or why nothing is."""
    if branch is None:
        return None, "it ran on no branch"
    line = _history(repo, branch)
    if line is None:
        return None, f"the branch {branch} is not here any more"
    newest = next((commit for commit in line if commit in commits), None)
    if newest is None:
        return None, f"the branch {branch} was rewritten since"
    name = _name_there(repo, remote, branch)
    tip = tips.get(HEADS + name)
    if tip is not None and tip not in _reached(repo, [newest]):
        return None, f"{name} of {remote.name} has commits that this branch does not build on"
    return _Step(name, newest), None


def _history(repo: Repo, branch: str) -> Iterator[str] | None:
    """The commits of a branch, the newest first."""
    command = ("rev-list", "--topo-order", "--end-of-options", HEADS + branch)
    done = git_done(repo, *command)
    return None if done.returncode else iter(done.stdout.decode("ascii").split())


def _name_there(repo: Repo, remote: Remote, branch: str) -> str:
    """What the branch is called on the remote: as the configuration says, else the same."""
    merge = repo.config.get(f"branch.{branch}.merge") or ""
    follows = repo.config.get(f"branch.{branch}.remote") == remote.name
    return merge.removeprefix(HEADS) if follows and merge.startswith(HEADS) else branch


def _note(problem: str, commits: Mapping[str, str]) -> str:
    ids = sorted(set(commits.values()))
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"the tag alone keeps the code of {', '.join(ids[:_SHOWN])}{more}: {problem}"
