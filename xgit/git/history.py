"""Which commits a ref would lose, and which tags still hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xgit.git.plumbing import Repo, git_done, git_line, git_success

_MOST = 1000  # commits that are looked for in tags: the oldest ones, which the others build on


def object_id(repo: Repo, name: str) -> str:
    """The id of what the name stands for.

    Raises:
        GitError: it stands for nothing.
    """
    return git_line(repo, "rev-parse", "--verify", "--end-of-options", name)


def object_type(repo: Repo, name: str) -> str | None:
    """`commit`, `tag`, `tree` or `blob`; None where there is no such object here."""
    done = git_done(repo, "cat-file", "-t", name)
    return done.stdout.decode("ascii").strip() if done.returncode == 0 else None


def is_here(repo: Repo, commit: str) -> bool:
    """Whether the commit is in this repository."""
    return git_success(repo, "cat-file", "-e", f"{commit}^{{commit}}")


def commits_lost(
    repo: Repo, old: str, kept: Iterable[str], branches: Iterable[str]
) -> tuple[str, ...]:
    """The commits that `old` reaches and no remote branch will, the oldest first.

    Args:
        kept: what will be on the remote, too.
        branches: names of the remote's branches that do not count, as they are pushed.
    """
    excluded = [f"--exclude=*/{branch}" for branch in branches]
    known = [one for one in kept if is_here(repo, one)]
    names = (old, "--not", *known, *excluded, "--remotes")
    lines = git_line(repo, "rev-list", "--topo-order", "--reverse", *names).splitlines()
    return tuple(lines[:_MOST])


def refs_with_any(repo: Repo, prefix: str, commits: Sequence[str]) -> list[str]:
    """The refs under a prefix whose history holds any of the commits, in the order of names."""
    contains = [f"--contains={commit}" for commit in commits]
    return git_line(repo, "for-each-ref", "--format=%(refname)", *contains, prefix).splitlines()
