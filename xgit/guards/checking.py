"""The guards of a stage, run on a repository as it is: `xgit check` and the hooks."""

from __future__ import annotations

from collections.abc import Sequence

from xgit.capture.cache import Cache
from xgit.capture.state import Question, read_state
from xgit.git.plumbing import Repo
from xgit.guards import registry
from xgit.record.model import GuardResult, PushedRef, RepoState
from xgit.settings import load_settings


def check_repo(
    repo: Repo,
    stage: str,
    names: Sequence[str] = (),
    pushes: tuple[PushedRef, ...] = (),
    *,
    verify_remote: bool = False,
) -> tuple[RepoState, tuple[GuardResult, ...]]:
    """What was looked at, and what each guard said.

    Args:
        names: ids of guards to run whatever their stage; those of the stage when empty.
        pushes: what is about to be pushed, in a pre-push hook.
        verify_remote: ask the remotes themselves, whatever the settings say.

    Raises:
        XgitError: there is no such guard, the settings are wrong, or the repository is bare.
    """
    settings = load_settings(repo.work_tree)
    if verify_remote:
        settings = settings._replace(guards=registry.verifying(settings.guards))
    chosen = registry.guards_for(stage, settings.guards)
    guards = tuple(registry.guard(name) for name in names) or chosen
    options = registry.options_of(settings.guards, guards)
    question = Question(repo, settings, stage, registry.needs_of(guards), pushes=pushes)
    with Cache(repo.private_dir) as cache:
        state = read_state(question, cache)._replace(options=options)
    return state, registry.judge(state, guards)
