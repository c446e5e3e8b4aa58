"""The straight line: fetch, environment, data, run, judge, keep the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import xgit
from xgit.capture import code
from xgit.git import fresh, plumbing
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.record.model import Experiment, Pin
from xgit.record.verdict import Manner, Rerun, Verdict
from xgit.reproduce import checkout as checkouts
from xgit.reproduce import data, grounds, judging
from xgit.reproduce.checkout import Checkout
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.place import make_place
from xgit.reproduce.rerun import Ground, rerun
from xgit.reproduce.tolerances import tolerances_of
from xgit.reproduce.wish import Wish
from xgit.settings import Settings, load_settings
from xgit.store import experiments, verdicts
from xgit.store.figures import with_figures
from xgit.store.tags import Saved


class Reproduced(NamedTuple):
    """A verdict, and where it went.

    Attributes:
        saved: None where nothing was kept: it says nothing of the experiment, or nothing new.
        kept: the directory that was left for the user, or None.
    """

    verdict: Verdict
    saved: Saved | None
    kept: Path | None


@dataclass
class _Attempt:
    """How far it has come; what is known of it when a step fails."""

    manner: Manner
    notes: tuple[str, ...] = ()
    runs: tuple[Rerun, ...] = ()

    def note(self, *texts: str) -> None:
        self.notes = tuple(dict.fromkeys((*self.notes, *texts)))


Tell = Callable[[str], None]


def reproduce(repo: Repo, experiment: Experiment, wish: Wish, tell: Tell) -> Reproduced:
    """Run an experiment again from what git and its remotes hold, and judge what comes out.

    Args:
        experiment: with its figures among its `files`.
        tell: is given a few words at the start of each step.

    Raises:
        XgitError: the verdict could not be kept, or there is no place for the checkout.
    """
    identity = plumbing.identity_line(repo)
    (tag,) = git_objects.object_names(repo, [refs.format_ref(experiment.id)])
    attempt = _Attempt(Manner(hermetic=wish.hermetic, builds=wish.builds and not wish.here))
    verdict = Verdict(
        of=experiment.id,
        tag=tag or "",
        result="failed",
        started=_now(),
        finished=_now(),
        by=code.parse_identity(identity),
        xgit_version=xgit.__version__,
    )
    tells = True
    with make_place(experiment.id, keep=wish.keep) as place:
        try:
            verdict = _attempt(repo, experiment, wish, place, attempt, verdict, tell)
        except CannotReproduce as error:
            tells = error.tells
            verdict = verdict._replace(step=error.step, reason=error.message, remedy=error.hint)
        verdict = verdict._replace(
            finished=_now(), manner=attempt.manner, notes=attempt.notes, runs=len(attempt.runs)
        )
        kept = place if wish.keep else None
    saved = _keep(repo, verdict, attempt, identity) if wish.store and tells else None
    return Reproduced(verdict, saved, kept)


def _now() -> datetime:
    return datetime.now(UTC)


def _attempt(
    repo: Repo,
    experiment: Experiment,
    wish: Wish,
    place: Path,
    attempt: _Attempt,
    verdict: Verdict,
    tell: Tell,
) -> Verdict:
    """The steps, each of which may raise `CannotReproduce`."""
    tell("the code")
    found = checkouts.fetch(repo, experiment, place / "checkout")
    attempt.note(*found.notes)
    attempt.manner = attempt.manner._replace(code=found.source, remote=found.url)
    settings = load_settings(found.repo.work_tree)
    tolerances = tolerances_of(settings.tolerances, rtol=wish.rtol, atol=wish.atol)
    problem = judging.why_not(experiment, tolerances)
    if problem is not None:
        raise CannotReproduce("run", problem)
    pins = data.needed_pins(found.repo, experiment)
    if not wish.here:
        tell("the environment")
    laid = grounds.lay(repo, experiment, found.repo.work_tree, place, settings, wish)
    attempt.note(*laid.notes)
    attempt.manner = attempt.manner._replace(
        environment=laid.how, missing_packages=laid.missing_packages
    )
    if pins:
        tell("the data")
        data.fetch_data(repo, found.repo, pins, place / "data", shown=wish.shown)
    _run(repo, experiment, wish, place, attempt, found, settings, laid.ground, pins, tell)
    judged = judging.judge(experiment, attempt.runs, tolerances, root=str(found.repo.work_tree))
    attempt.note(*grounds.what_it_lacked(attempt.runs, laid.ground))
    return verdict._replace(**judged._asdict())


def _run(
    repo: Repo,
    experiment: Experiment,
    wish: Wish,
    place: Path,
    attempt: _Attempt,
    found: Checkout,
    settings: Settings,
    ground: Ground,
    pins: tuple[Pin, ...],
    tell: Tell,
) -> None:
    """The command, as often as wished, each time on a checkout where nothing is left over."""
    for number in range(1, wish.repeat + 1):
        if number > 1:
            fresh.wipe(found.repo, experiment.code.ran, repo)
        hashes = place / f"hashes-{number}"
        data.lay_data(found.repo, pins, place / "data", hashes, last=number == wish.repeat)
        tell("the run" if wish.repeat == 1 else f"run {number} of {wish.repeat}")
        once = rerun(
            found.repo,
            experiment,
            ground,
            settings,
            stdout=wish.stdout,
            timeout_seconds=wish.timeout_seconds,
        )
        attempt.runs = (*attempt.runs, once)
        if once.experiment.outcome.status != experiment.outcome.status:
            return  # more of the same would tell no more


def _keep(repo: Repo, verdict: Verdict, attempt: _Attempt, identity: str) -> Saved | None:
    """Store the verdict, unless it is a failure that is known already."""
    known = verdicts.newest(verdicts.list_verdicts(repo, [verdict.of]).get(verdict.of, ()))
    if not attempt.runs and known is not None:
        same = (verdict.tag, verdict.step, verdict.reason)
        if (known.tag, known.step, known.reason) == same:
            return None
    last = attempt.runs[0].experiment if attempt.runs else None
    return verdicts.save(repo, verdict, last, identity=plumbing.identity_now(identity))


def load(repo: Repo, experiment_id: str) -> Experiment:
    """The experiment as it is needed here, with its figures."""
    return with_figures(repo, experiments.load(repo, experiment_id))
