from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from xgit.errors import XgitError
from xgit.record.model import Expectation, Json, Summary
from xgit.store.language import Expression
from xgit.store.query import judge, matches, parse, parse_expectation, summary_scope

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def summary(**changes: Any) -> Summary:
    values: dict[str, Any] = {
        "id": "wide-net",
        "status": "completed",
        "exit_code": 0,
        "started": NOW - timedelta(minutes=5),
        "finished": NOW - timedelta(minutes=2),
        "duration_seconds": 180.0,
        "author": "Ada Lovelace",
        "why": "does it learn?",
        "labels": ("digits:v1", "good"),
        "commit": "a" * 40,
        "branch": None,
        "params": {
            "lr": 0.1,
            "model.name": "svm",
            "model": "wide",
            "layers": [64, 32],
            "a.b": 1,
            "a": 2,
            "seed": None,
        },
        "metrics": {"accuracy": 0.97, "val/acc": 0.9, "loss": math.nan, "n": 3},
        "expectations": (Expectation("accuracy > 0.9", True),),
        "reproducible": True,
    }
    return Summary(**values | changes)


def holds(text: str, it: Summary | None = None) -> bool:
    expression = parse(text)
    return matches(expression, summary_scope(it or summary(), expression.roots, now=NOW))


@pytest.mark.parametrize(
    "text",
    [
        "metrics.accuracy > 0.9 and params.model.name == 'svm'",
        "0.9 < metrics.accuracy < 1",
        'metrics["val/acc"] == 0.9',
        'params["model.name"] == params.model.name',
        'params["model"].name == "svm"',
        "params.a.b == 1 and params.a == 2",
        "params.layers[0] == 64 and len(params.layers) == 2",
        "params.seed == None",
        "branch == None",
        "'good' in labels and 'bad' not in labels",
        "'lr' in params and 'momentum' not in params",
        "'learn' in why",
        "lower(author) == 'ada lovelace'",
        "startswith(id, 'wide')",
        "status in ['completed', 'failed']",
        "exit_code == 0 and reproducible",
        "not reproducible or duration_seconds == 180",
        "age_seconds == 120",
        "started > '2026-11-23' and finished < '2026-11-24'",
        "isnan(metrics.loss)",
        "min(1, 2) + max([3, 4]) * 2 - 8 / 4 == 7",
        "abs(-3) ** 2 % 5 == 4 and 7 // 2 == 3 and round(2.567, 1) == 2.6",
        "(metrics.accuracy\n > 0.9)",
        "+params.lr == 0.1",
    ],
)
def test_what_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.accuracy > 0.99",
        "metrics.absent > 0",
        "metrics.absent == None",
        "metrics.absent != 1",
        "metrics.absent + 1 > 0",
        "-metrics.absent < 0",
        "abs(metrics.absent) >= 0",
        "metrics.absent",
        "params.layers[9] == 1",
        "params.lr[0] == 1",
        "metrics.loss < 1 or metrics.loss > 0 or metrics.loss == metrics.loss",
        "metrics.loss != 1",
        "params.model.name < 3",
        "params.model.name + 1 > 0",
        "1 in params.model.name",
        "1 in params.lr",
        "1 / 0 > 0",
        "1e308 ** 9 > 0",
        "(-1) ** 0.5 > 0",
        "0 ** -1 > 0",
        "round(metrics.loss) == 0",
        "round(1, 10 ** 9) == 1",
        "max([]) > 0",
        "params > 3",
    ],
)
def test_what_does_not(text: str) -> None:
    assert not holds(text)


def test_a_comparison_that_cannot_be_made_does_not_spoil_the_others() -> None:
    assert holds("params.model.name < 3 or metrics.accuracy > 0.9")
    assert holds("not metrics.absent > 0.9")


@pytest.mark.parametrize("text", ["9**9**9 > 1", "9**9**9**9 > 1", "2**4000 * 2**4000 > 1"])
def test_no_number_grows_without_bound(text: str) -> None:
    start = time.monotonic()
    assert not holds(text)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("text", "said", "hinted"),
    [
        ("", "empty", "--where"),
        ("metrics.accuracy = 0.9", "character", "=="),
        ("metrics.accuracy >", "too early", "--where"),
        ("metrics.accuracy > 0.9 && status", "character 25", "and, or, not"),
        ("acuracy > 0.9", "'acuracy' is not a known name", "metrics.acuracy"),
        ("metric.accuracy > 0.9", "not a known name", "did you mean metrics?"),
        ("metrics.val/acc > 0.9", "two names", 'metrics["val/acc"]'),
        ("metrics.val-acc > 0.9", "two names", 'metrics["val-acc"]'),
        ("params.model.lambda > 0.9", "character", 'params["…lambda"]'),
        ("__import__('os').system('x')", "no function", "known functions"),
        ("open('x')", "no function", "startswith"),
        ("id.__class__ == 1", "one value", "--where"),
        ("(lambda: 1)() == 1", "no function", "startswith"),
        ("[x for x in labels] == 1", "not in the language", "--where"),
        ("(status := 1) == 1", "not in the language", "--where"),
        ("f'{id}' == 'x'", "not in the language", "--where"),
        ("1 if id else 2", "not in the language", "--where"),
        ("id is None", "compares with `is`", "=="),
        ("b'x' == id", "not a number", "--where"),
        ("1j == id", "not a number", "--where"),
        ("id << 3", "not in the language", "and, or"),
        ("~1 == 2", "not in the language", "not"),
        ("abs(1, 2) == 1", "arguments", "--where"),
        ("min(*labels) == 1", "not in the language", "--where"),
        ("abs(x=1) == 1", "arguments", "--where"),
        ("'x'.y == 1", "not in the language", "metrics.accuracy"),
        ("labels[0:1] == 1", "not in the language", "metrics.accuracy"),
        ("id == 'é' and ünknown > 1", "at character 15, 'ünknown'", "known are"),
    ],
)
def test_what_is_refused(text: str, said: str, hinted: str) -> None:
    with pytest.raises(XgitError) as caught:
        parse(text)
    assert said in caught.value.message
    assert hinted in (caught.value.hint or "")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000 + "1" + ")" * 1000,
        "-" * 4000 + "1",
        "not " * 1000 + "1",
        "[" * 90 + "]" * 90,
        "metrics" + ".a" * 2000 + " > 1" + " + 1" * 10,
        "1" + "+1" * 2000,
        "x" * 100_000,
        "9" * 4096,
        "id == '\0'",
        "id == '\udcff'",
        "id == '\\d'" * 3,
        "'a' 'b' is 'c'",
    ],
)
def test_hostile_text_is_an_error_or_harmless(text: str) -> None:
    for read in (parse, parse_expectation):
        assert len(message(read, text)) < 300


def message(read: Callable[[str], Expression], text: str) -> str:
    try:
        return read(text).text[:1]
    except XgitError as error:
        return error.message


# ---------------------------------------------------------------- expectations

METRICS: dict[str, float] = {"accuracy": 0.97, "val/acc": 0.9, "val.f1": 0.8, "nan": math.nan}
PARAMS: dict[str, Json] = {"lr": 0.1, "name": "svm"}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("accuracy > 0.95", True),
        ("accuracy > 0.98", False),
        ("metrics.accuracy > 0.95 and params.lr == 0.1", True),
        ('metrics["val/acc"] >= 0.9', True),
        ("val/acc >= 0.9", True),
        ("val.f1 == 0.8", True),
        ("not accuracy < 0.5", True),
        ("nan > 0", False),
        ("isnan(metrics.nan)", True),
        ("startswith(params.name, 's')", True),
        ("accuracy - 0.07 > 0.8", True),
    ],
)
def test_an_expectation_is_met_or_not(text: str, met: bool) -> None:
    assert judge(parse_expectation(text), METRICS, PARAMS) == (met, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acuracy > 0.95", "no metric named acuracy (closest: accuracy)"),
        ("metrics.acuracy > 0.95", "no metric named acuracy (closest: accuracy)"),
        ("params.lrr > 1", "no param named lrr (closest: lr)"),
        ("params.name > 1", "'svm' and 1 cannot be put in order"),
        ("accuracy / 0 > 1", "division by zero"),
        ("params.lr[0] > 1", "params.lr has no 0"),
    ],
)
def test_an_expectation_that_cannot_be_judged_says_why(text: str, problem: str) -> None:
    met, said = judge(parse_expectation(text), METRICS, PARAMS)
    assert met is None
    assert said is not None
    assert problem in said


def test_without_any_metrics_the_problem_says_so() -> None:
    assert (
        judge(parse_expectation("a > 1"), {}, {})[1] == "no metric named a (there are no metrics)"
    )


@pytest.mark.parametrize(
    "text",
    ["accuracy", "0.95", "accuracy + 1", "accuracy > 1 and loss", "1 > 0", "metrics.val/acc > 1"],
)
def test_an_expectation_must_ask_something(text: str) -> None:
    with pytest.raises(XgitError) as caught:
        parse_expectation(text)
    assert "--expect" in caught.value.message
    assert caught.value.hint
