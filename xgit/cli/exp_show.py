"""`xgit exp show`: all that is known of one experiment, on a page of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.saying import note_document, note_lines
from xgit.cli.table import Screen, aligned, json_text, paint, screen
from xgit.record import figures
from xgit.record.escape import visible
from xgit.record.events import labels_after, notes_in
from xgit.record.model import Artifact, Event, Experiment, GuardResult, Pin
from xgit.record.page import ending, machine, reach, series_of, shell_line
from xgit.record.refs import VERDICT_TAG_PREFIX, format_tag, format_verdict_tag
from xgit.record.verdict import VerdictSummary
from xgit.record.verdict_codec import standing_document
from xgit.record.verdict_page import ENVIRONMENTS, WORDS
from xgit.store import events
from xgit.store import experiments as store
from xgit.store.standing import NOTHING_TRIED, Standing, standings

_MET = {True: "met", False: "not met", None: "not judged"}
_STYLES = {"completed": "green", "failed": "red", "interrupted": "yellow"}
_LABEL_WIDTH = 14


@click.command(name="show")
@click.argument("experiment", metavar="ID", type=ExperimentId())
@click.option("--all", "everything", is_flag=True, help="List packages and variables as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the record.json of the experiment.")
def command(experiment: str, everything: bool, as_json: bool) -> int:
    """Show one experiment: how it ended, whether it can be repeated, and what it used.

    With --json the record is printed as it is stored; its keys are those of docs/record.md:
    "id", "status", "params", "metrics", "data", "environment", "reproducible" and so on. Added is
    "verdict": null, or of the latest {"number", "result", "step", "reason", "finished", "by",
    "environment", "hermetic", "stale", "count"}, and "said": {"labels", "notes": [{"at", "by",
    "text"}]}, the labels that hold now and what was noted since.

    \b
    Example: xgit exp show @
             xgit exp show wide-net --json
    """
    repo = current_repo()
    experiment_id = store.resolve(repo, experiment)
    own = standings(repo, [experiment_id]).get(experiment_id, NOTHING_TRIED)
    said = events.events_of(repo, events.record_commit(repo, experiment_id))
    if as_json:
        verdict = standing_document(own.latest, own.stale, own.verdicts)
        record = store.record_json(repo, experiment_id)
        labels = labels_after(record["labels"], said)
        later = {"labels": labels, "notes": [note_document(one) for one in notes_in(said)]}
        click.echo(json_text({**record, "verdict": verdict, "said": later}), nl=False)
        return 0
    it = store.load(repo, experiment_id)
    it = it._replace(labels=labels_after(it.labels, said))
    now = datetime.now(UTC)
    lines = page_lines(it, screen(), now=now, everything=everything, own=own, said=said)
    click.echo("\n".join(lines))
    return 0


def page_lines(
    it: Experiment,
    where: Screen,
    *,
    now: datetime,
    everything: bool = False,
    own: Standing = NOTHING_TRIED,
    said: Sequence[Event] = (),
) -> Iterator[str]:
    """The page, line by line; what there is nothing to say of is left out."""
    yield from _head(it, where, now)
    yield from _field("verdict", _verdict(own, where, now))
    yield from _field("why", [visible(line) for line in (it.why or "").strip().splitlines()])
    yield from _field("labels", _joined(it.labels))
    yield from _field("said", note_lines(said, now))
    yield from _field("expected", _expectations(it))
    yield from _field("code", _code(it))
    yield from _field("command", [visible(shell_line(it.command))])
    yield from _field("in", [] if it.cwd in ("", ".") else [visible(it.cwd)])
    yield from _block("params", _params(it))
    yield from _block("data", [_pin(pin) for pin in it.data])
    yield from _block("metrics", _metrics(it))
    yield from _field("environment", _environment(it, everything))
    if everything:
        yield from _block("packages", _packages(it))
        variables = it.environment.variables.items()
        yield from _block("variables", [(visible(name), visible(to)) for name, to in variables])
    yield from _field("hardware", [visible(" · ".join(machine(it.hardware)))])
    yield from _field("guards", _guards(it.guards))
    yield from _block("artifacts", [_artifact(one) for one in it.artifacts])
    yield from _field("notes", [visible(note) for note in it.notes])


# ---------------------------------------------------------------- the parts


def _head(it: Experiment, where: Screen, now: datetime) -> Iterator[str]:
    parts = (
        paint(format_tag(it.id), "bold", where),
        paint(visible(ending(it)), _STYLES[it.outcome.status], where),
        figures.format_span(it.outcome.duration_seconds),
        f"{figures.format_age(it.outcome.finished, now)} ago",
        f"by {visible(it.author.name)}",
    )
    yield "   ".join(parts)
    yes = paint("yes", "green", where) + reach(it)
    answer = yes if it.reproducible else paint("no", "red", where)
    because = ": " + "; ".join(visible(reason) for reason in it.reasons) if it.reasons else ""
    yield f"reproducible: {answer}{because}"
    yield ""


def _field(label: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{label:<{_LABEL_WIDTH}}{line}".rstrip()
        label = ""


def _block(label: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    return _field(label, aligned(rows) if rows else ())


def _verdict(own: Standing, where: Screen, now: datetime) -> Iterator[str]:
    """The latest verdict: what, when, by whom, and how it was made."""
    it = own.latest
    if it is not None:
        style = "green" if it.reproduced and not own.stale else "red"
        others = f" of {own.verdicts}" if own.verdicts > 1 else ""
        parts = (
            paint(WORDS[it.result] + (f" at {it.step}" if it.step else ""), style, where),
            f"{figures.format_age(it.finished, now)} ago",
            f"by {visible(it.by)}",
            format_verdict_tag(it.of, it.number) + others,
        )
        yield "   ".join(parts)
        yield from _about(it, own.stale)
    yield from (
        visible(f"unreadable: {VERDICT_TAG_PREFIX}{one.id}: {one.reason}") for one in own.broken
    )


def _about(it: VerdictSummary, stale: bool) -> Iterator[str]:
    if it.reason:
        yield visible(it.reason)
    environment = ENVIRONMENTS.get(it.environment, it.environment)
    yield visible(f"with {environment}" + (", hermetic" if it.hermetic else ""))
    if stale:
        yield "stale: it is about an earlier tag of that name"


def _joined(words: Iterable[str]) -> list[str]:
    text = ", ".join(visible(word) for word in words)
    return [text] if text else []


def _expectations(it: Experiment) -> Iterator[str]:
    for one in it.expectations:
        problem = f": {one.problem}" if one.problem else ""
        yield visible(f"{one.expression}   {_MET[one.met]}{problem}")


def _code(it: Experiment) -> Iterator[str]:
    code = it.code
    yield visible(f"{code.branch or 'detached'}@{code.commit[:7]}   {code.commit}")
    where = code.remote or "no remote"
    yield visible(where if code.pushed else f"{where}, where that commit was not when it ran")
    if code.snapshot:
        yield visible(f"with uncommitted files, kept as {code.snapshot}")
    for one in code.submodules:
        changed = ", changed" if one.dirty else ""
        yield visible(f"submodule {one.path}@{one.commit[:7]}{changed}")


def _params(it: Experiment) -> list[tuple[str, ...]]:
    return [
        (visible(name), visible(figures.format_value(value)))
        for name, value in it.params.values.items()
    ]


def _pin(pin: Pin) -> tuple[str, ...]:
    size = "" if pin.size_bytes is None else figures.format_bytes(pin.size_bytes)
    files = f"{pin.files} files" if pin.files is not None and pin.files > 1 else ""
    told = (pin.label, pin.path, pin.hash, size, files)
    made = f"made by {pin.command}" if pin.command else ""
    return tuple(visible(text) for text in (*told, made))


def _metrics(it: Experiment) -> list[tuple[str, ...]]:
    series = series_of(it)
    rows: list[tuple[str, ...]] = []
    for name in dict.fromkeys((*it.metrics.values, *series)):
        value = it.metrics.values.get(name)
        number = "" if value is None else figures.format_number(value)
        source = visible(it.metrics.sources.get(name, ""))
        rows.append((visible(name), number, source, figures.sparkline(series.get(name, []))))
    return rows


def _environment(it: Experiment, everything: bool) -> Iterator[str]:
    env = it.environment
    if env.python:
        yield visible(f"Python {env.python.version} ({env.python.implementation})")
    if env.platform:
        yield visible(env.platform)
    if env.packages:
        yield f"{len(env.packages)} packages" + ("" if everything else " (--all lists them)")
    if env.lock and env.lock.source is None:
        yield visible(f"no pylock.toml: {env.lock.problem}")
    elif env.lock and env.lock.missing:
        yield visible("pylock.toml lacks " + ", ".join(one.name for one in env.lock.missing))


def _packages(it: Experiment) -> list[tuple[str, ...]]:
    return [
        (visible(name), visible(one.version), "" if one.source == "index" else visible(one.source))
        for name, one in it.environment.packages.items()
    ]


def _guards(guards: Sequence[GuardResult]) -> Iterator[str]:
    passed = [guard.id for guard in guards if guard.outcome == "passed"]
    for guard in guards:
        if guard.outcome != "passed":
            found = ", ".join(violation.subject for violation in guard.violations)
            yield visible(f"{guard.id} {guard.outcome}: {found}".removesuffix(": "))
    if passed:
        yield visible("passed: " + ", ".join(passed))


def _artifact(one: Artifact) -> tuple[str, ...]:
    return visible(one.path), figures.format_bytes(one.size_bytes), visible(one.hash)
