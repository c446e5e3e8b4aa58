"""From what was known before the command and what it left to one experiment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xgit.capture.environment import describe as environment
from xgit.capture.environment import locking
from xgit.capture.environment.locking import LockPlace
from xgit.capture.metrics import merging as metrics
from xgit.capture.metrics.files import MetricFiles
from xgit.capture.params.reading import params_of
from xgit.capture.spool.nouns import HydraJob, Spool
from xgit.capture.spool.reading import read_spool
from xgit.record.model import (
    Environment,
    Experiment,
    GuardResult,
    Outcome,
    Params,
    Pin,
    Violation,
)
from xgit.record.redact import Secrets
from xgit.record.token_shapes import MARGIN_BYTES, Shapes, shapes
from xgit.run.output import read_log
from xgit.settings import DEFAULT_VARIABLES, Settings
from xgit.store import query

NO_METRICS = "no metrics were found: call xgit.log in the program, or write metrics.json"
HELD_BACK = "a secret of this run stands in what uv answered"
NOT_WATCHED = (
    "the Python program was not watched, so its packages and config are not known: "
    "was it started with -E, -I or -S?"
)


@dataclass(frozen=True)
class Circumstances:
    """What is needed to make sense of a run's directory, beside the directory itself.

    Attributes:
        environ: the environment of the command, from which allowed variables and secrets are known.
        fallback: the parameters of a program that is no Hydra app.
        files: the metric files as they were before the run; None when nobody looked.
        judge: what the guards say of the jobs that ran; None when what they said before the start
            is all that is known.
        locks: where the locks of environments are kept; None where none is wanted.
    """

    root: Path
    settings: Settings
    environ: Mapping[str, str]
    fallback: Params = field(default_factory=Params)
    files: MetricFiles | None = None
    judge: Callable[[Sequence[HydraJob]], tuple[GuardResult, ...]] | None = None
    locks: LockPlace | None = None


def finish(
    known: Experiment, outcome: Outcome, directory: Path, around: Circumstances
) -> Experiment:
    """Add what the run left in its directory, and take out what must not be kept."""
    spool = read_spool(directory / "spool")
    params, param_notes = params_of(spool, around.fallback)
    readings = around.files.read_changed(metrics.output_dirs(spool.jobs)) if around.files else ()
    measured = metrics.merge(spool, readings)
    ran_in, lock = _locked(_environment(known.environment, spool, around), around.locks)
    expectations = tuple(
        query.expectation(one.expression, measured.values, params.values)
        for one in known.expectations
    )
    notes = (
        *known.notes,
        *param_notes,
        *spool.notes,
        *measured.notes,
        *ran_in.notes,
        *known.hardware.notes,
        *_missing(known._replace(outcome=outcome), spool, bool(measured.values)),
    )
    whole = known._replace(
        outcome=outcome,
        params=params,
        metrics=measured,
        guards=known.guards if around.judge is None else around.judge(spool.jobs),
        environment=ran_in,
        artifacts=spool.artifacts,
        expectations=expectations,
        files={**spool.files, **lock},
        notes=tuple(dict.fromkeys(notes)),
    )
    return _without_secrets(_judged(whole), spool, directory, around)


def _environment(early: Environment, spool: Spool, around: Circumstances) -> Environment:
    """What was read while the command ran, unless the program's Python turned out another."""
    main = spool.main_python
    if main is None or (early.python is not None and early.python.executable == main.executable):
        return early
    variables = environment.recorded_variables(around.environ, around.settings.variables)
    return environment.environment(main, variables)._replace(lock=early.lock)


def _locked(
    ran_in: Environment, place: LockPlace | None
) -> tuple[Environment, Mapping[str, bytes]]:
    """With what is known of its lock, and the file of it, if there is one."""
    if place is None:
        return ran_in._replace(lock=None), {}
    found, text = locking.with_lock(ran_in, place)
    return found, {} if text is None else {locking.FILE_NAME: text.encode()}


def _missing(known: Experiment, spool: Spool, measured: bool) -> Iterator[str]:
    if not measured and known.outcome.status != "failed":
        yield NO_METRICS
    program = os.path.basename(next(iter(known.command), ""))
    if not spool.pythons and program.startswith("python"):
        yield NOT_WATCHED
    if len(spool.pythons) > 1:
        others = len(spool.pythons) - 1
        yield f"{others} more Python interpreters ran; the packages are those of the last one"


def _judged(it: Experiment) -> Experiment:
    reasons = tuple(_reasons_against(it))
    return it._replace(reproducible=not reasons, reasons=reasons)


def _reasons_against(it: Experiment) -> Iterable[str]:
    """Why the run may not be repeatable, the gravest first."""
    for result in it.guards:
        if result.outcome == "passed":
            continue
        subjects = [one.subject for one in result.violations]
        more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
        how = "was allowed" if result.outcome == "allowed" else "found afterwards"
        yield f"{result.id} {how}: {subjects[0] if subjects else ''}{more}"
    if it.outcome.status != "completed":
        yield f"the run did not complete, it {_ended(it.outcome)}"


def _ended(outcome: Outcome) -> str:
    return "failed" if outcome.status == "failed" else "was interrupted"


# ---------------------------------------------------------------- what must not be kept


def _without_secrets(
    it: Experiment, spool: Spool, directory: Path, around: Circumstances
) -> Experiment:
    secrets = Secrets.gather(
        around.environ,
        seen=spool.env,
        produced=spool.env_leaves,
        allowed=frozenset((*DEFAULT_VARIABLES, *around.settings.variables)),
    )
    known, shape_notes = _shapes()
    environment, files = _masked_lock(it, secrets)
    secrets = secrets.with_shapes(known)
    mask = secrets.mask_text
    margin = max(
        (len(form.encode("utf-8", "surrogateescape")) for form in secrets.forms), default=0
    )
    margin = max(margin, MARGIN_BYTES if known else 0)
    output = read_log(directory, around.settings.log_bytes)
    return it._replace(
        command=secrets.mask_argv(it.command),
        why=None if it.why is None else mask(it.why),
        labels=tuple(mask(one) for one in it.labels),
        params=secrets.mask_params(it.params),
        environment=environment,
        files=files,
        data=tuple(_masked_pin(pin, secrets) for pin in it.data),
        expectations=tuple(
            one._replace(expression=mask(one.expression)) for one in it.expectations
        ),
        guards=tuple(_masked_result(one, secrets) for one in it.guards),
        reasons=tuple(mask(one) for one in it.reasons),
        notes=tuple(mask(one) for one in (*it.notes, *shape_notes)),
        log=output.joined(secrets.mask_bytes, margin),
    )


def _shapes() -> tuple[Shapes | None, tuple[str, ...]]:
    """The shapes of tokens; a note where the scanner is there and broken: the run is kept."""
    try:
        return shapes(), ()
    except Exception as error:  # noqa: BLE001 - it is a package of the user's environment
        what = f"{type(error).__name__}: {error}"
        return None, (f"known shapes of tokens were not looked for: detect-secrets failed: {what}",)


def _masked_lock(it: Experiment, secrets: Secrets) -> tuple[Environment, Mapping[str, bytes]]:
    """The environment and the files, without a lock that has a secret of the run in it.

    A lock with a mask in it would install nothing. Known shapes were looked for when it was made.
    """
    lock, text = it.environment.lock, it.files.get(locking.FILE_NAME)
    if lock is None:
        return it.environment, it.files
    if text is not None and secrets.mask_bytes(text) != text:
        lock = lock._replace(source=None, missing=(), problem=HELD_BACK)
    problem = None if lock.problem is None else secrets.mask_text(lock.problem)
    lock = lock._replace(problem=problem)
    kept = {k: v for k, v in it.files.items() if lock.source or k != locking.FILE_NAME}
    return it.environment._replace(lock=lock), kept


def _masked_pin(pin: Pin, secrets: Secrets) -> Pin:
    command = None if pin.command is None else secrets.mask_text(pin.command)
    return pin._replace(command=command)


def _masked_result(result: GuardResult, secrets: Secrets) -> GuardResult:
    """What a guard found may be a value of the config."""
    return result._replace(
        violations=tuple(
            Violation(
                one.guard,
                secrets.mask_text(one.subject),
                secrets.mask_text(one.remedy),
                None if one.alternative is None else secrets.mask_text(one.alternative),
            )
            for one in result.violations
        )
    )
