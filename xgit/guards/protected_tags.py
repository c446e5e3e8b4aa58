"""`protected-tags`: a push that deletes or moves the tag of an experiment or of a reproduction.

Others name an experiment by its tag; what was said of it would then be true of something else.
"""

from __future__ import annotations

from xgit.guards.quoting import shell_word
from xgit.record.model import PushedRef, RepoState, Violation
from xgit.record.refs import PROTECTED_PREFIXES

ID = "protected-tags"
STAGES = ("push",)
NEEDS = ("pushes",)
REASON = "an experiment that others have seen must stay what it was"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each tag; a tag that is new on the remote is none."""
    return tuple(
        _deleted(push) if push.deletes else _moved(push)
        for push in state.pushes
        if push.remote_ref.startswith(PROTECTED_PREFIXES)
        and not push.creates
        and push.local_id != push.remote_id
    )


def _deleted(push: PushedRef) -> Violation:
    """To have the tag here again also mends a `git push --prune`."""
    remote, name = shell_word(push.remote), _name(push)
    fetch = f"git fetch {remote} {_same(push)}"
    anyway = f"or, if it must go for everyone: git push --no-verify {remote} --delete {name}"
    return Violation(ID, f"{_name(push)} would be deleted", fetch, anyway)


def _moved(push: PushedRef) -> Violation:
    """What is here keeps a name, then the tag becomes what everyone else has."""
    mine = shell_word(push.remote_ref.removeprefix("refs/tags/").replace("/", "-") + "-mine")
    keep = f"git tag {mine} {push.local_id}"
    fetch = f"git fetch {shell_word(push.remote)} +{_same(push)}"
    return Violation(ID, f"{_name(push)} would be moved", f"{keep} && {fetch}")


def _same(push: PushedRef) -> str:
    ref = shell_word(push.remote_ref)
    return f"{ref}:{ref}"


def _name(push: PushedRef) -> str:
    return push.remote_ref.removeprefix("refs/tags/")
