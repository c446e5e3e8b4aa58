"""The straight line: capture, guards, execute, assemble, save."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import xgit
from xgit.capture.cache import Cache
from xgit.capture.data import find as data
from xgit.capture.metrics.files import MetricFiles, dvc_metric_paths
from xgit.capture.params import reading as params
from xgit.capture.state import Question, read_state, with_config
from xgit.errors import REFUSED, XgitError, os_trouble
from xgit.git import plumbing
from xgit.git import status as git_status
from xgit.git.plumbing import Repo
from xgit.guards import registry
from xgit.record import refs
from xgit.record.model import Experiment, GuardResult, Outcome, RepoState, Request, Summary
from xgit.run import begin, execute, journal
from xgit.run.handshake import Handshake, Judge
from xgit.run.journal import Journal
from xgit.run.meanwhile import Findings
from xgit.run.output import BoundedLog
from xgit.run.processes import SPOOL_VARIABLE
from xgit.settings import Settings

if TYPE_CHECKING:
    from xgit.store.tags import Saved

PIPELINES = ("dvc.yaml", "*/dvc.yaml")
INJECT = Path(xgit.__file__).parent / "inject"


class Refused(XgitError):
    """The guards found violations; `results` has what each of them said."""

    def __init__(self, results: tuple[GuardResult, ...]) -> None:
        count = sum(len(one.violations) for one in registry.refusals(results))
        noun = "violation" if count == 1 else "violations"
        super().__init__(f"this run could not be repeated ({count} {noun})", exit_code=REFUSED)
        self.results = results


@dataclass(frozen=True)
class Recorded:
    """A run that is on disk; `previous` is the newest experiment before it."""

    experiment: Experiment
    saved: Saved
    previous: Summary | None


class Launch(NamedTuple):
    """How a command is started, where that is not as the user would start it.

    Attributes:
        environ: the environment instead of ours.
        wrap: what is really started, of the command, its environment and the spool: a sandbox
            that starts it.
        guarded: whether the guards are asked.
    """

    environ: Mapping[str, str] | None = None
    wrap: Callable[[Sequence[str], Mapping[str, str], Path], Sequence[str]] = (
        lambda argv, env, spool: argv
    )
    guarded: bool = True


AS_USUAL = Launch()


def run(
    repo: Repo,
    request: Request,
    settings: Settings,
    *,
    stdout: int = 1,
    launch: Launch = AS_USUAL,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Recorded:
    """Run a command as an experiment.

    Args:
        stdout: the descriptor of ours that the command's stdout comes out at.
        launch: how it is started, where that is not as usual.
        now: the clock.

    Raises:
        Refused: a guard refused; nothing was started, or what was started was ended before its
            first task. Nothing is left.
        XgitError: the command could not be started, or the run could not be recorded. In the
            latter case all that was measured lies in the journal, and the message says so.
    """
    environ = dict(os.environ if launch.environ is None else launch.environ)
    execute.find_program(request.argv[0], request.cwd, environ)
    identity = plumbing.identity_line(repo)
    root, cwd = repo.work_tree, Path(request.cwd)
    fallback = params.file_params(root, cwd)
    tracked = git_status.tracked_paths(repo, *data.PIN_PATTERNS, *PIPELINES)
    guards = registry.guards_for("run", settings.guards) if launch.guarded else ()
    with Cache(repo.private_dir) as cache:
        state = _state(repo, request, settings, guards, identity, tracked, cache)
        pipelines = (path for path in tracked if path.endswith(".yaml"))
        named, metric_notes = dvc_metric_paths(root, pipelines, cache)
    results = registry.judge(state, guards, request.allow, request.snapshot)
    if registry.refusals(results):
        raise Refused(results)
    place = journal.reserve(repo, request.name, lambda: refs.new_id(now()))
    try:
        snapshot = _snapshot(repo, request, state, place, identity)
        begun = begin.provisional(
            place.id,
            request,
            state,
            results,
            params=fallback,
            snapshot=snapshot,
            started=now(),
        )
        findings = Findings(begun)
        findings.note(*metric_notes)
        files = MetricFiles.before(root, cwd, settings.metrics, named)
        place.note_environ(begin.telling_variables(environ, settings))
        place.note(begun)
    except BaseException:
        _abandon(repo, place)
        raise
    read_again = partial(with_config, repo, registry.needs_of(guards))
    judge = Judge(state, guards, request.allow, request.snapshot, results, read_again)
    talk = Handshake(place.spool, judge, lambda told: findings.keep_guards(place, told))
    outcome = _execute(repo, request, settings, place, findings, environ, stdout, talk, launch)
    with suppress(OSError):  # the directory is gone, or the disk is broken: go on to the end
        place.note_ending(outcome)
    # What the end needs was imported while the command ran (Findings.gather).
    from xgit.capture.environment.locking import lock_place
    from xgit.run import assemble

    locks = lock_place(repo, environ)
    around = assemble.Circumstances(root, settings, environ, fallback, files, talk.results, locks)
    experiment = assemble.finish(findings.experiment, outcome, place.directory, around)
    saved = _save(repo, experiment, place, identity, findings.base_tree)
    return Recorded(experiment, saved, findings.previous)


def _state(
    repo: Repo,
    request: Request,
    settings: Settings,
    guards: tuple[registry.Guard, ...],
    identity: str,
    tracked: Sequence[str],
    cache: Cache,
) -> RepoState:
    """What the guards judge, and what the record needs whatever they do."""
    options = registry.options_of(settings.guards, guards)
    needs = registry.needs_of(guards) | {"work-tree", "pushed", "pins"}
    question = Question(repo, settings, "run", needs, identity, request.argv, request.cwd, tracked)
    state = read_state(question, cache)
    if state.commit is None:
        raise XgitError(
            "there is no commit yet, and an experiment belongs to one",
            'git add -A && git commit -m "first"',
            exit_code=REFUSED,
        )
    return state._replace(options=options)


def _snapshot(
    repo: Repo, request: Request, state: RepoState, place: Journal, identity: str
) -> str | None:
    if not request.snapshot or not (state.untracked or state.modified) or state.commit is None:
        return None
    from xgit.git import pack

    scratch = place.directory / "snapshot"
    return pack.snapshot_work_tree(
        repo, scratch=scratch, head=state.commit, identity=identity, owner=place.id
    )


def _execute(
    repo: Repo,
    request: Request,
    settings: Settings,
    place: Journal,
    findings: Findings,
    environ: dict[str, str],
    stdout: int,
    talk: Handshake,
    launch: Launch,
) -> Outcome:
    env = execute.child_environment(place.spool, INJECT, environ)
    how = execute.Started(
        argv=launch.wrap(request.argv, env, place.spool),
        cwd=request.cwd,
        env=env,
        mark=env[SPOOL_VARIABLE],
        stdout=stdout,
        timeout_seconds=request.timeout_seconds,
        grace_seconds=settings.grace_seconds,
    )
    try:
        log = _log(place, settings)
        with talk:
            steps = findings.gather(repo, place, settings, environ)
            outcome = execute.execute(how, log, steps, talk)
        if talk.refused:
            raise Refused(talk.refused)
    except XgitError:  # nothing that was asked for has begun, so there is nothing to keep
        _abandon(repo, place)
        raise
    if log.failed:
        findings.note(f"the log is not whole: {log.failed} while it was written")
    findings.note(*talk.notes)
    return outcome


def _log(place: Journal, settings: Settings) -> BoundedLog:
    try:
        return BoundedLog(place.directory, settings.log_bytes)
    except OSError as error:
        raise os_trouble(error, exit_code=REFUSED) from error


def _save(
    repo: Repo, experiment: Experiment, place: Journal, identity: str, base_tree: bytes | None
) -> Saved:
    """Record it; when that fails, leave everything for the next command to pick up."""
    from xgit.store import experiments

    with suppress(OSError):  # a full disk, or the command took the directory away
        place.note(experiment, assembled=True)
    try:
        saved = experiments.save(
            repo, experiment, identity=plumbing.identity_now(identity), base_tree=base_tree
        )
    except (XgitError, OSError) as error:
        place.leave()
        raise XgitError(
            f"the run ended with exit code {experiment.outcome.exit_code}, "
            f"and could not be recorded: {error}",
            f"what it measured is safe in {place.directory}; mend the cause, then: xgit exp recover"
            if place.has_begun
            else None,
            exit_code=REFUSED,
        ) from error
    place.close()
    _tidy(repo, kept=experiment.code.snapshot is not None)
    return saved


def _abandon(repo: Repo, place: Journal) -> None:
    """Nothing was started: leave nothing."""
    place.close()
    _tidy(repo, kept=True)


def _tidy(repo: Repo, *, kept: bool) -> None:
    """Let go of what was kept for runs that are over, and of too many small packs."""
    from xgit.git import pack

    if kept:
        pack.drop_keeps(repo, journal.is_under_way)
    if pack.is_crowded(repo):
        pack.consolidate(repo)
