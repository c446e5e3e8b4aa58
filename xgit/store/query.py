"""The expressions of `--where` and `--expect`: a small language, read with Python's own parser.

`metrics.accuracy > 0.9 and params.model.name == 'svm'`. Nothing is ever handed to `eval`: each
node that is allowed becomes a small function, any other is an error (see `language`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import datetime

from xgit.record.json_form import format_time
from xgit.record.model import Expectation, Json, Number, Summary
from xgit.store.language import Expression, Reader
from xgit.store.operators import NotPossible
from xgit.store.scope import Scope

_WHERE_EXAMPLE = "such as --where \"metrics.accuracy > 0.9 and params.model.name == 'svm'\""
_EXPECT_EXAMPLE = 'such as --expect "accuracy > 0.95"'
_OF_A_SUMMARY: Mapping[str, Callable[[Summary], Json]] = {
    "metrics": lambda it: it.metrics,
    "params": lambda it: it.params,
    "id": lambda it: it.id,
    "status": lambda it: it.status,
    "why": lambda it: it.why,
    "labels": lambda it: it.labels,
    "author": lambda it: it.author,
    "branch": lambda it: it.branch,
    "commit": lambda it: it.commit,
    "started": lambda it: format_time(it.started),
    "finished": lambda it: format_time(it.finished),
    "duration_seconds": lambda it: it.duration_seconds,
    "exit_code": lambda it: it.exit_code,
    "reproducible": lambda it: it.reproducible,
    "verdict": lambda it: it.verdict,
}
WHERE_NAMES = (*_OF_A_SUMMARY, "age_seconds")


def parse(text: str) -> Expression:
    """Read the text of `--where`.

    Raises:
        XgitError: it is no expression, or uses a name that no experiment has.
    """
    reader = Reader(text, "--where", _WHERE_EXAMPLE, frozenset(WHERE_NAMES))
    return reader.expression()


def parse_expectation(text: str) -> Expression:
    """Read the text of `--expect`, in which a bare name is a metric.

    Raises:
        XgitError: it is no expression, or none that can be met or not met.
    """
    reader = Reader(text, "--expect", _EXPECT_EXAMPLE, None)
    expression = reader.expression()  # also bounds how deep the tree is
    _refuse_unless_answerable(reader, reader.tree)
    if not expression.roots:
        reader.refuse(reader.tree, "says nothing about the run")
    return expression


def summary_scope(it: Summary, roots: frozenset[str], *, now: datetime) -> Scope:
    """The values of the given roots for one experiment; `now` is what its age is counted to."""
    values = {name: _OF_A_SUMMARY[name](it) for name in roots if name in _OF_A_SUMMARY}
    if "age_seconds" in roots:
        values["age_seconds"] = (now - it.finished).total_seconds()
    return Scope(values)


def matches(expression: Expression, scope: Scope) -> bool:
    """Whether it holds; what cannot be compared, or is not there, does not match."""
    return bool(expression.evaluate(scope))


def judge(
    expression: Expression, metrics: Mapping[str, Number], params: Mapping[str, Json]
) -> tuple[bool | None, str | None]:
    """Whether an expectation is met, or None and the problem when that cannot be said."""
    scope = Scope({"metrics": metrics, "params": params}, strict=True)
    try:
        return bool(expression.evaluate(scope)), None
    except NotPossible as problem:
        return None, str(problem)


def expectation(
    text: str, metrics: Mapping[str, Number], params: Mapping[str, Json]
) -> Expectation:
    """The text of an `--expect`, judged by what came out."""
    met, problem = judge(parse_expectation(text), metrics, params)
    return Expectation(text, met, problem)


def _refuse_unless_answerable(reader: Reader, node: ast.expr) -> None:
    """Refuse what cannot be met or not met, such as a bare name."""
    match node:
        case ast.Compare() | ast.Call(func=ast.Name(id="startswith" | "isnan")):
            return
        case ast.BoolOp():
            for part in node.values:
                _refuse_unless_answerable(reader, part)
        case ast.UnaryOp(op=ast.Not()):
            _refuse_unless_answerable(reader, node.operand)
        case _:
            reader.refuse(node, "is not a comparison, so it can be neither met nor missed")
