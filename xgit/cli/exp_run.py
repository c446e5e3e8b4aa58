"""`xgit exp run`: a command becomes an experiment."""

from __future__ import annotations

import json
import os
import sys

import click

from xgit.cli.repository import current_repo
from xgit.errors import REFUSED, TROUBLE, XgitError, os_trouble
from xgit.git.plumbing import Repo
from xgit.guards.report import lines_here, violations_document
from xgit.record import codec, json_form, refs
from xgit.record.escape import visible
from xgit.record.model import Experiment, Request, Summary
from xgit.run.experiment import Recorded, Refused, run
from xgit.settings import Settings, load_settings
from xgit.share.nouns import Remote

_SHOWN_METRICS = 4


class RunCommand(click.Command):
    """What stands before `--` are options and overrides; what follows it is the command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split at the first `--`."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta["xgit.command"] = tuple(args[at + 1 :]) if at < len(args) else None
        if {"-m", "--multirun"} & set(args[:at]):
            raise click.UsageError(
                "a sweep is run with its whole command: xgit exp run -- python train.py -m lr=1,2",
                ctx,
            )
        return super().parse_args(ctx, args[:at])


@click.command(name="run", cls=RunCommand, options_metavar="[OPTIONS]")
@click.argument("overrides", nargs=-1, metavar="[OVERRIDES… | -- COMMAND…]")
@click.option("--name", metavar="ID", help="Its name; without one, the time and four letters.")
@click.option("--why", metavar="TEXT", help="The reason for this experiment, kept with it.")
@click.option(
    "--expect",
    "expressions",
    multiple=True,
    metavar="EXPR",
    help="What should come out, such as 'accuracy > 0.95'; judged after the run.",
)
@click.option("--label", "labels", multiple=True, metavar="L", help="A label; may be repeated.")
@click.option(
    "--allow",
    multiple=True,
    metavar="GUARD",
    help="Record what this guard finds instead of refusing; may be repeated.",
)
@click.option(
    "--snapshot", is_flag=True, help="Keep uncommitted and untracked files with the experiment."
)
@click.option(
    "--verify-remote", is_flag=True, help="Ask the remotes themselves; believe no earlier answer."
)
@click.option("--push", is_flag=True, help="Push it when it is recorded; see xgit exp push.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="End it after S seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the record; output goes to stderr.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    overrides: tuple[str, ...],
    name: str | None,
    why: str | None,
    expressions: tuple[str, ...],
    labels: tuple[str, ...],
    allow: tuple[str, ...],
    snapshot: bool,
    verify_remote: bool,
    push: bool,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a command as an experiment: a commit with its record, and a tag that keeps it.

    Without `--` it runs `command` of [tool.xgit] in pyproject.toml, the overrides appended. The
    command keeps the terminal and its exit code. Exit code 125: refused, not started, or not
    recorded; 126 and 127: the command cannot be executed, or is not there.

    With --json the record.json of the experiment is printed; its keys are in docs/record.md. When
    guards refuse, it is {"refused": [{"id", "outcome", "violations"}]}.

    \b
    Example: xgit exp run optim.lr=0.3 --why "does it learn faster?"
             xgit exp run --expect "accuracy > 0.95" -- python train.py
    """
    try:
        repo = current_repo()
        settings = load_settings(repo.work_tree)
        if verify_remote:
            settings = _verifying(settings)
        to = _remote(repo) if push else None
        argv, cwd = _command(ctx.meta["xgit.command"], overrides, repo, settings)
        request = Request(
            argv=argv,
            cwd=cwd,
            name=None if name is None else refs.check_id(name),
            why=why,
            expressions=tuple(_checked(text) for text in expressions),
            labels=labels,
            allow=_checked_guards(allow),
            snapshot=snapshot,
            timeout_seconds=timeout,
        )
        recorded = run(repo, request, settings, stdout=2 if as_json else 1)
    except Refused as refused:
        return _tell_refusal(refused, repo, as_json, snapshot)
    except XgitError as error:
        if error.exit_code == TROUBLE:
            error.exit_code = REFUSED
        raise
    except OSError as error:
        raise os_trouble(error, exit_code=REFUSED) from error
    if as_json:
        click.echo(json.dumps(json_form.to_json(codec.to_record(recorded.experiment)), indent=2))
    if not quiet:
        _tell(recorded)
    if to is not None:
        _push(repo, to, recorded.experiment.id, quiet=quiet)
    code = recorded.experiment.outcome.exit_code
    return REFUSED if code is None else code


def _command(
    given: tuple[str, ...] | None, overrides: tuple[str, ...], repo: Repo, settings: Settings
) -> tuple[tuple[str, ...], str]:
    """The command and where it starts: the user's own here, the configured one at the root."""
    if given is not None and not given:
        raise XgitError("there is no command behind --", "xgit exp run -- python train.py")
    if given:
        if overrides:
            raise XgitError(
                f"overrides before -- and a command after it: {overrides[0]!r}",
                "write the overrides behind the command",
            )
        return given, os.getcwd()
    if not settings.command:
        raise XgitError(
            "there is no command to run",
            'xgit exp run -- python train.py, or command = "python train.py" '
            "under [tool.xgit] in pyproject.toml",
        )
    return (*settings.command, *overrides), str(repo.work_tree)


def _remote(repo: Repo) -> Remote:
    """Where to push: found out first, so that nobody waits for a run that cannot be shared."""
    from xgit.share.remote import choose_remote

    return choose_remote(repo, None, to_push=True)


def _push(repo: Repo, to: Remote, experiment_id: str, *, quiet: bool) -> None:
    """Push what was recorded; what stands in the way changes nothing of the run's exit code."""
    from xgit.cli.exp_push import push_one

    try:
        lines = push_one(repo, to, experiment_id, quiet=quiet)
    except (XgitError, OSError) as error:
        lines = [f"warning: experiment/{experiment_id} is recorded, and not pushed: {error}"]
        lines.append(f"  hint: xgit exp push {experiment_id}")
    for line in lines:
        click.echo(visible(line), err=True)


def _checked(expression: str) -> str:
    from xgit.store.query import parse_expectation

    parse_expectation(expression)
    return expression


def _verifying(settings: Settings) -> Settings:
    from xgit.guards import registry

    return settings._replace(guards=registry.verifying(settings.guards))


def _checked_guards(names: tuple[str, ...]) -> frozenset[str]:
    if not names:
        return frozenset()
    from xgit.guards import registry

    return frozenset(registry.guard(name).id for name in names)


# ---------------------------------------------------------------- telling


def _tell_refusal(refused: Refused, repo: Repo, as_json: bool, snapshot: bool) -> int:
    if as_json:
        click.echo(json.dumps({"refused": violations_document(refused.results)}, indent=2))
    click.echo(f"error: {refused.message}", err=True)
    for line in lines_here(refused.results, str(repo.work_tree)):
        click.echo(line, err=True)
    failed = [one.id for one in refused.results if one.outcome == "failed"]
    hint = f"--allow {failed[0]} records it all the same, and the record says so"
    if {"untracked", "modified"} & set(failed) and not snapshot:
        hint += "; --snapshot keeps the files with it"
    click.echo(f"hint: {hint}", err=True)
    return refused.exit_code


def _tell(recorded: Recorded) -> None:
    it = recorded.experiment
    good = it.outcome.status == "completed"
    mark = _coloured("✓", "green") if good else _coloured("✗", "red")
    words = _metric_words(it, recorded.previous) if good else _ending(it)
    tag = refs.format_tag(it.id)
    seconds = f"{it.outcome.duration_seconds:.1f} s"
    click.echo(f"{mark} {tag}   {visible('   '.join([*words, seconds]))}", err=True)
    click.echo(f"  {visible(' · '.join(_judgements(it)))}", err=True)
    for note in it.notes:
        click.echo(f"  note: {visible(note)}", err=True)
    click.echo(f"  {_next_step(it, recorded.previous)}", err=True)


def _metric_words(it: Experiment, previous: Summary | None) -> list[str]:
    from xgit.record.figures import difference, format_change, format_number

    before = previous.metrics if previous is not None else {}
    words = []
    for name, value in list(it.metrics.values.items())[:_SHOWN_METRICS]:
        change = difference(before.get(name, value), value)
        told = f" ({format_change(change)} since @~1)" if change else ""
        words.append(f"{name} {format_number(value)}{told}")
    return [" · ".join(words)] if words else ["no metrics"]


def _ending(it: Experiment) -> list[str]:
    how = it.outcome.signal or f"exit code {it.outcome.exit_code}"
    return [f"{it.outcome.status}: {how}"]


def _judgements(it: Experiment) -> list[str]:
    from xgit.record.page import reach

    told = [_expectation_words(one.expression, one.met, one.problem) for one in it.expectations]
    if len(told) == 1 and it.expectations[0].met:
        told = ["expectation met"]
    if it.reproducible:
        return [*told, f"reproducible: yes{reach(it)}"]
    return [*told, f"reproducible: no, {'; '.join(it.reasons)}"]


def _expectation_words(expression: str, met: bool | None, problem: str | None) -> str:
    if met is None:
        return f"expectation not judged: {expression} ({problem})"
    return f"expectation {'met' if met else 'NOT met'}: {expression}"


def _next_step(it: Experiment, previous: Summary | None) -> str:
    look = "xgit exp log @" if it.outcome.status != "completed" else "xgit exp show @"
    if it.outcome.status == "completed" and previous is not None:
        look = "xgit exp compare @~1 @"
    return f"{look}   ·   xgit exp push @"


def _coloured(text: str, colour: str) -> str:
    plain = os.environ.get("NO_COLOR") or not sys.stderr.isatty()
    return text if plain else click.style(text, fg=colour)
