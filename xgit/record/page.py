"""The README.md of a record: the experiment as a page that any git host renders.

Every word in it may be a stranger's, so all of them pass through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xgit.record import figures
from xgit.record.escape import code_span, fenced, markdown
from xgit.record.model import Environment, Experiment, Hardware, Number, Pin

_MARKS = {True: "✓ met", False: "✗ not met", None: "not judged"}


def page(it: Experiment) -> str:
    """The page, as markdown, ending in a newline; sections without content are left out."""
    sections = (
        _head(it),
        section("Expectations", _expectations(it)),
        section("Metrics", _metrics(it)),
        section("Parameters", _params(it)),
        section("Data", _data(it)),
        section("Command", [fenced(shell_line(it.command), "sh")]),
        section("Code", _code(it)),
        section("Environment", _environment(it)),
        section("Guards", _guards(it)),
        section("Artifacts", _artifacts(it)),
        section("Notes", [f"- {markdown(note)}" for note in it.notes]),
        [f"Recorded by xgit {markdown(it.xgit_version)}."],
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def shell_line(argv: Sequence[str]) -> str:
    """The command as it could be pasted into a shell."""
    from shlex import join

    return join(argv)


def series_of(it: Experiment) -> dict[str, list[Number]]:
    """The logged values of each metric, in the order of time."""
    series: dict[str, list[Number]] = {}
    for point in it.metrics.series:
        series.setdefault(point.name, []).append(point.value)
    return series


def reach(it: Experiment) -> str:
    """What a *yes* to reproducible rests on: nobody watched what the run read."""
    return "" if it.evidence else ", as far as the guards can tell"


def ending(it: Experiment) -> str:
    """How it ended, in a few words: `completed`, `failed with exit code 3`, `… by SIGKILL`."""
    outcome = it.outcome
    if outcome.signal:
        return f"{outcome.status} by {outcome.signal}"
    if outcome.exit_code:
        return f"{outcome.status} with exit code {outcome.exit_code}"
    return outcome.status


def machine(hardware: Hardware) -> list[str]:
    """The machine in a few phrases, what is not known left out."""
    told = [hardware.cpu] if hardware.cpu else []
    if hardware.cores:
        told.append(f"{hardware.cores} cores" if hardware.cores > 1 else "1 core")
    if hardware.memory_bytes:
        told.append(f"{figures.format_bytes(hardware.memory_bytes)} memory")
    return [*told, *gpu_names(hardware)] if hardware.gpus or not told else [*told, "no GPU"]


def gpu_names(hardware: Hardware) -> list[str]:
    """Each kind of GPU once, with its count: `2x NVIDIA H100 (85.0 GB)`."""
    counts: dict[str, int] = {}
    for gpu in hardware.gpus:
        name = f"{gpu.name} ({figures.format_bytes(gpu.memory_bytes)})"
        counts[name] = counts.get(name, 0) + 1
    return [f"{count}x {name}" if count > 1 else name for name, count in counts.items()]


def section(title: str, lines: Iterable[str]) -> list[str]:
    """The lines under a heading; nothing where there are none."""
    content = list(lines)
    return [f"## {title}", "", *content] if content else []


def _head(it: Experiment) -> list[str]:
    repeat = "yes" if it.reproducible else "no"
    span = figures.format_span(it.outcome.duration_seconds)
    finished = f"{it.outcome.finished:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"# {markdown(it.id)}", ""]
    if it.why:
        lines += [f"> {markdown(it.why)}", ""]
    lines.append(
        f"**{markdown(ending(it))}** after {span} on {finished}, by {markdown(it.author.name)}"
    )
    if it.labels:
        lines += ["", "Labels: " + ", ".join(code_span(label) for label in it.labels)]
    lines += ["", f"Reproducible: **{repeat}**{reach(it) if it.reproducible else ''}"]
    if it.reasons:
        lines += ["", *(f"- {markdown(reason)}" for reason in it.reasons)]
    return lines


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table of cells that are markdown already; nothing where there is no row."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    rule = "|".join("---" for _ in header)
    return [f"| {' | '.join(header)} |", f"|{rule}|", *body] if body else []


def _expectations(it: Experiment) -> Iterator[str]:
    for one in it.expectations:
        problem = f": {markdown(one.problem)}" if one.problem else ""
        yield f"- {code_span(one.expression)} {_MARKS[one.met]}{problem}"


def _metrics(it: Experiment) -> list[str]:
    series = series_of(it)
    names = dict.fromkeys((*it.metrics.values, *series))
    drawn = {name: figures.sparkline(series.get(name, [])) for name in names}
    rows = [
        (
            markdown(name),
            _metric(it, name),
            markdown(it.metrics.sources.get(name, "")),
            f"<code>{drawn[name]}</code>" if drawn[name] else "",
        )
        for name in names
    ]
    if any(drawn.values()):
        return table(("metric", "value", "source", "series"), rows)
    return table(("metric", "value", "source"), [row[:3] for row in rows])


def _metric(it: Experiment, name: str) -> str:
    value = it.metrics.values.get(name)
    return "" if value is None else markdown(figures.format_number(value))


def _params(it: Experiment) -> list[str]:
    rows = (
        (markdown(name), markdown(figures.format_value(value)))
        for name, value in it.params.values.items()
    )
    return table(("parameter", "value"), rows)


def _data(it: Experiment) -> list[str]:
    header = ("data set", "path", "size", "hash", "made by")
    return table(header, (_pin(pin) for pin in it.data))


def _pin(pin: Pin) -> tuple[str, ...]:
    size = "" if pin.size_bytes is None else figures.format_bytes(pin.size_bytes)
    files = f", {pin.files} files" if pin.files is not None and pin.files > 1 else ""
    return (
        markdown(pin.label),
        markdown(pin.path),
        size + files,
        markdown(pin.hash),
        code_span(pin.command or ""),
    )


def _code(it: Experiment) -> list[str]:
    code = it.code
    branch = f"branch {markdown(code.branch)}" if code.branch else "no branch"
    where = f", on {markdown(code.remote)}" if code.remote else ""
    lines = [f"- commit {code_span(code.commit)}, {branch}{where}"]
    if not code.pushed:
        lines.append("- that commit was on no remote when it ran")
    if code.snapshot:
        lines.append(f"- with uncommitted files, kept as {code_span(code.snapshot)}")
    for one in code.submodules:
        changed = ", changed" if one.dirty else ""
        lines.append(f"- submodule {code_span(one.path)} at {code_span(one.commit)}{changed}")
    return lines


def _environment(it: Experiment) -> list[str]:
    env = it.environment
    told = [f"Python {env.python.version} ({env.python.implementation})"] if env.python else []
    told += [env.platform] if env.platform else []
    told += [" · ".join(machine(it.hardware))] if it.hardware != Hardware() else []
    lines = [f"- {markdown(text)}" for text in told]
    if env.packages:
        lines.append(f"- {len(env.packages)} packages: all are in [record.json](record.json)")
    lines += _lock(env)
    # The index's packages would double the size of the page; what is from elsewhere is told.
    elsewhere = ((name, one) for name, one in env.packages.items() if one.source != "index")
    rows = ((markdown(name), markdown(p.version), markdown(p.source)) for name, p in elsewhere)
    packages = table(("package", "version", "source"), rows)
    pairs = ((markdown(name), markdown(value)) for name, value in env.variables.items())
    variables = table(("variable", "value"), pairs)
    tables = [line for part in (packages, variables) if part for line in ("", *part)]
    return _folded(", ".join(told[:1]) or "What it ran in", [*lines, *tables])


def _lock(env: Environment) -> Iterator[str]:
    """Whether the packages could be installed again, and which could not."""
    lock = env.lock
    if lock is None:
        return
    if lock.source is None:
        yield f"- no pylock.toml: {markdown(lock.problem or 'it is not known why')}"
    else:
        lacks = f" has all but {len(lock.missing)} of them:" if lock.missing else " has them all"
        yield f"- [pylock.toml](pylock.toml){lacks}"
        for one in lock.missing:
            yield f"  - {markdown(one.name)} {markdown(one.version)}: {markdown(one.why)}"
    if lock.project:
        yield f"- lock file of the project: {code_span(lock.project)}"


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    """A part that opens on a click; the blank lines make hosts read its inside as markdown."""
    if not lines:
        return []
    return [f"<details><summary>{markdown(title)}</summary>", "", *lines, "", "</details>"]


def _guards(it: Experiment) -> Iterator[str]:
    for guard in it.guards:
        if guard.outcome != "passed":
            yield f"- {markdown(guard.id)} {guard.outcome}"
            yield from (f"  - {markdown(one.subject)}" for one in guard.violations)


def _artifacts(it: Experiment) -> list[str]:
    rows = (
        (markdown(one.path), figures.format_bytes(one.size_bytes), markdown(one.hash))
        for one in it.artifacts
    )
    return table(("artifact", "size", "hash"), rows)
