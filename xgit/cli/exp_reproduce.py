"""`xgit exp reproduce`: run an experiment again from nothing, and say whether it repeats."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.table import Screen, aligned, json_text, paint, screen
from xgit.errors import NO, TROUBLE, XgitError
from xgit.record import refs
from xgit.record.escape import visible

if TYPE_CHECKING:
    from xgit.git.plumbing import Repo
    from xgit.record.model import Experiment
    from xgit.record.verdict import MetricVerdict, Verdict
    from xgit.reproduce.reproduction import Reproduced
    from xgit.reproduce.wish import Wish

_STDERR = 2
_SHOWN = 12  # of each kind: a verdict that is a wall of text is not read
_STYLES = {"identical": "green", "within-tolerance": "green", "different": "red", "failed": "red"}


@click.command(name="reproduce")
@click.argument("experiment", metavar="ID", type=ExperimentId())
@click.option("--hermetic", is_flag=True, help="No network and no home: only what is recorded.")
@click.option("--here", is_flag=True, help="Use the packages installed here; it proves less.")
@click.option(
    "--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Run it N times."
)
@click.option("--rtol", type=click.FloatRange(min=0), metavar="X", help="Relative tolerance.")
@click.option("--atol", type=click.FloatRange(min=0), metavar="X", help="Absolute tolerance.")
@click.option("--trust", is_flag=True, help="Do not ask whether to run it.")
@click.option("--no-build", is_flag=True, help="Build no package from source, which runs its code.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help="End a run after S s.")
@click.option("--keep", is_flag=True, help="Leave the checkout, to look around in.")
@click.option("--no-store", is_flag=True, help="Do not keep the verdict.")
@click.option(
    "--summary", type=click.Path(path_type=Path), metavar="FILE", help="Add the page to this file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict; output goes to stderr.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but the verdict.")
def command(
    *,
    experiment: str,
    hermetic: bool,
    here: bool,
    repeat: int,
    rtol: float | None,
    atol: float | None,
    trust: bool,
    no_build: bool,
    timeout: float | None,
    keep: bool,
    no_store: bool,
    summary: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run an experiment again, from what git and its remotes hold, and judge what comes out.

    A fresh clone of its commit, its packages in an environment of their own, its data from the
    DVC remote, every file hashed; then its command. The verdict is identical, within-tolerance,
    different or failed, and is kept as the tag reproduction/<id>/<n>.

    It runs code of the experiment's author on this machine, so it shows what that is and asks.
    Exit code 0: it came out again; 1: it did not; 2: it could not be tried.

    With --json the verdict.json is printed, with "ref" and "kept" beside it; its keys are in
    docs/reproduction.md.

    \b
    Example: xgit exp reproduce @
             xgit exp reproduce wide-net --hermetic --repeat 3
    """
    from xgit.reproduce.reproduction import load, reproduce
    from xgit.reproduce.wish import Wish
    from xgit.store import experiments

    if here and hermetic:
        raise XgitError("--here and --hermetic exclude each other", "leave one of them out")
    repo = current_repo()
    it = load(repo, experiments.resolve(repo, experiment))
    wish = Wish(
        hermetic=hermetic, here=here, builds=not no_build, repeat=repeat, rtol=rtol, atol=atol,
        timeout_seconds=timeout, keep=keep, store=not no_store,
        shown=sys.stderr.isatty() and not quiet, stdout=_STDERR if as_json else 1,
    )  # fmt: skip
    if not (trust and quiet):
        _show(repo, it, wish)
    if not trust:
        _ask(it)
    done = reproduce(repo, it, wish, lambda step: None if quiet else _tell_step(step))
    if summary is not None:
        _add_page(summary, done.verdict)
    if as_json:
        from xgit.record import verdict_codec

        document = dict(verdict_codec.to_document(done.verdict))
        document["ref"] = done.saved and done.saved.ref
        document["kept"] = done.kept and os.fspath(done.kept)
        click.echo(json_text(document), nl=False)
    for line in verdict_lines(done, screen(sys.stderr)):
        click.echo(line, err=True)
    return _exit_code(done.verdict)


def _add_page(path: Path, verdict: Verdict) -> None:
    """The verdict for the summary of a CI job, which others may have begun."""
    from xgit.record.verdict_page import verdict_page

    with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(verdict_page(verdict))


def _exit_code(verdict: Verdict) -> int:
    if verdict.reproduced:
        return 0
    return NO if verdict.runs else TROUBLE


# ---------------------------------------------------------------- before


def _show(repo: Repo, it: Experiment, wish: Wish) -> None:
    from xgit.reproduce.asking import what_would_run

    lines = what_would_run(repo, it, hermetic=wish.hermetic, here=wish.here, builds=wish.builds)
    click.echo(f"reproduce {refs.format_tag(it.id)}", err=True)
    rows = [(line.name, visible(line.text)) for line in lines]
    for row in aligned(rows, indent="  "):
        click.echo(row, err=True)


def _ask(it: Experiment) -> None:
    """Go on only if a person says so; a script has to say it beforehand."""
    again = f"xgit exp reproduce {it.id} --trust"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise XgitError("this runs the experiment's code, and there is nobody to ask", again)
    if not click.confirm("Run it?", default=False, err=True):
        raise XgitError("nothing was run", again)


def _tell_step(step: str) -> None:
    click.echo(f"· {step}", err=True)


# ---------------------------------------------------------------- after


def verdict_lines(done: Reproduced, where: Screen) -> Iterator[str]:
    """The verdict as it is told at the end."""
    verdict = done.verdict
    mark = "✓" if verdict.reproduced else "✗"
    seconds = (verdict.finished - verdict.started).total_seconds()
    ref = done.saved.ref.removeprefix("refs/tags/") if done.saved else refs.format_tag(verdict.of)
    result = paint(verdict.result.replace("-", " "), _STYLES[verdict.result], where)
    yield f"{paint(mark, _STYLES[verdict.result], where)} {ref}   {result}   {seconds:.1f} s"
    if verdict.reason:
        step = f"{verdict.step}: " if verdict.step else ""
        yield f"  {visible(step + verdict.reason)}"
    if verdict.remedy:
        yield f"  hint: {visible(verdict.remedy)}"
    if verdict.result != "identical":
        yield from _suspects(verdict)
    for package in verdict.manner.missing_packages[:_SHOWN]:
        yield f"  not installed: {visible(package)}"
    yield from _metrics(verdict)
    yield from _outputs(verdict)
    for note in verdict.notes:
        yield f"  note: {visible(note)}"
    if done.kept:
        yield f"  kept: {visible(os.fspath(done.kept))}"
    if done.saved is not None:
        yield f"  xgit exp push {verdict.of}"
    else:
        yield "  the verdict was not kept"


def _suspects(verdict: Verdict) -> Iterator[str]:
    if not verdict.suspects:
        return
    yield "  suspects:"
    rows = [
        (one.kind, visible(one.name), visible(_from_to(one.recorded, one.reproduced)))
        for one in verdict.suspects[:_SHOWN]
    ]
    yield from aligned(rows, indent="    ")
    yield from _more(len(verdict.suspects))


def _from_to(recorded: str, reproduced: str) -> str:
    return f"{recorded} → {reproduced}" if recorded or reproduced else ""


def _metrics(verdict: Verdict) -> Iterator[str]:
    rows = [_metric(one) for one in verdict.metrics[:_SHOWN]]
    yield from aligned(rows, indent="  ")
    yield from _more(len(verdict.metrics))


def _metric(one: MetricVerdict) -> tuple[str, ...]:
    from xgit.record.figures import difference, format_change, format_numbers

    values = [one.recorded, *one.reproduced]
    told = iter(format_numbers([value for value in values if value is not None]))
    recorded, *again = ("-" if value is None else next(told) for value in values)
    change = ""
    first = one.reproduced[0] if one.reproduced else None
    if one.recorded is not None and first is not None:
        moved = difference(one.recorded, first)
        change = format_change(moved) if moved else ""
    how = one.agreement.replace("-", " ")
    source = f" ({one.tolerance.source})" if one.tolerance.source else ""
    return visible(one.name), recorded, ", ".join(again), change, how + source


def _outputs(verdict: Verdict) -> Iterator[str]:
    wrong = [one for one in verdict.outputs if one.agreement in ("different", "missing")]
    rows = [(visible(one.name), one.agreement) for one in wrong[:_SHOWN]]
    yield from aligned(rows, indent="  ")
    yield from _more(len(wrong))


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"    and {count - _SHOWN} more"
