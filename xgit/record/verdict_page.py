"""The README.md of a verdict: what came out again, as a page that any git host renders.

Every word in it may be a stranger's, so all of them pass through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xgit.record.escape import code_span, markdown
from xgit.record.figures import format_number, format_numbers, format_span, short_hash
from xgit.record.model import Number
from xgit.record.page import section, table
from xgit.record.verdict import Manner, MetricVerdict, OutputVerdict, Suspect, Verdict

ENVIRONMENTS = {
    "pylock": "the recorded packages, by hash",
    "lock": "the packages of the project's lock file",
    "names": "the recorded packages, by name and version alone",
    "here": "what was installed already",
}
WORDS = {
    "identical": "identical",
    "within-tolerance": "within tolerance",
    "different": "different",
    "failed": "failed",
}
_MOST_ROWS = 200  # of a table; the JSON beside it has all


def verdict_page(it: Verdict) -> str:
    """The page, as markdown, ending in a newline; sections without content are left out."""
    suspects = "What else was different" if it.result == "identical" else "Suspects"
    sections = (
        _head(it),
        section("Metrics", _bounded(_metrics(it.metrics))),
        section("Outputs", _bounded(_outputs(it.outputs))),
        section(suspects, _bounded(_suspects(it.suspects))),
        section("How it was made", [f"- {markdown(line)}" for line in manner_lines(it.manner)]),
        section("Notes", [f"- {markdown(note)}" for note in it.notes]),
        [f"Recorded by xgit {markdown(it.xgit_version)}."],
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def manner_lines(it: Manner) -> Iterator[str]:
    """How a reproduction was made, in sentences for a person."""
    where = f"fetched from {it.remote or 'a remote'}" if it.code == "remote" else "of this clone"
    yield f"code: {where}"
    yield f"environment: {ENVIRONMENTS[it.environment]}"
    if it.builds:
        yield "packages may have been built from source"
    yield "hermetic: no network, no home" if it.hermetic else "not hermetic"
    yield from (f"not installed: {one}" for one in it.missing_packages)


def _head(it: Verdict) -> list[str]:
    runs = "1 run" if it.runs == 1 else f"{it.runs} runs"
    span = format_span((it.finished - it.started).total_seconds())
    when = f"{it.finished:%Y-%m-%d %H:%M:%S} UTC"
    failed = f" at {it.step}" if it.step else ""
    lines = [
        f"# {markdown(it.of)}: {WORDS[it.result]}{failed}",
        "",
        f"Reproduced by {markdown(it.by.name)} on {when}: {runs}, {span}",
    ]
    lines += ["", markdown(it.reason)] if it.reason else []
    lines += ["", f"What may mend it: {code_span(it.remedy)}"] if it.remedy else []
    return [*lines, "", f"Of the tag object {code_span(it.tag)}"]


def _metrics(metrics: Sequence[MetricVerdict]) -> list[str]:
    header = ("metric", "verdict", "recorded", "reproduced", "tolerance")
    return table(header, (_metric(one) for one in metrics))


def _metric(it: MetricVerdict) -> tuple[str, ...]:
    numbers = [value for value in (it.recorded, *it.reproduced) if value is not None]
    texts = iter(format_numbers(numbers) if numbers else ())
    told = ["none" if value is None else next(texts) for value in (it.recorded, *it.reproduced)]
    cells = (it.name, it.agreement, told[0], ", ".join(told[1:]), tolerance_text(it))
    return tuple(markdown(cell) for cell in cells)


def tolerance_text(it: MetricVerdict) -> str:
    """`rtol 0.001 (settings)`, `0.94 … 0.97 (--repeat)`, or empty where equality was asked."""
    if it.tolerance.ignore:
        return "ignored (settings)"
    if it.tolerance.source == "--repeat" and it.interval is not None:
        low, high = format_numbers(it.interval)
        return f"{low} … {high} (--repeat)"
    parts: dict[str, Number] = {"rtol": it.tolerance.rtol, "atol": it.tolerance.atol}
    told = ", ".join(f"{name} {format_number(value)}" for name, value in parts.items() if value)
    return f"{told} ({it.tolerance.source})" if told else ""


def _outputs(outputs: Sequence[OutputVerdict]) -> list[str]:
    rows = (
        (
            markdown(one.name),
            one.agreement,
            _hash(one.recorded),
            ", ".join(dict.fromkeys(map(_hash, one.reproduced))),
        )
        for one in outputs
    )
    return table(("output", "verdict", "recorded", "reproduced"), rows)


def _hash(text: str | None) -> str:
    return "none" if text is None else markdown(short_hash(text))


def _suspects(suspects: Sequence[Suspect]) -> list[str]:
    rows = (
        (markdown(one.kind), markdown(one.name), markdown(one.recorded), markdown(one.reproduced))
        for one in suspects
    )
    return table(("kind", "what", "recorded", "reproduced"), rows)


def _bounded(lines: list[str]) -> list[str]:
    more = len(lines) - 2 - _MOST_ROWS  # two are the heading
    if more <= 0:
        return lines
    return [*lines[: 2 + _MOST_ROWS], "", f"{more} more are in [verdict.json](verdict.json)."]
