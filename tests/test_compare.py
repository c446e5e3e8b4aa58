from __future__ import annotations

import math
from typing import Any

import pytest

from tests.stored import make_experiment
from xgit.compare.experiments import Comparison, compare
from xgit.compare.rows import ABSENT, Row
from xgit.git.status import CodeChange
from xgit.record.model import (
    Code,
    Environment,
    Experiment,
    Hardware,
    Metrics,
    Package,
    Params,
    Submodule,
)


def pair(everything: bool = False, **changes: Any) -> Comparison:
    first = make_experiment()
    second = make_experiment("wide-net", **changes)
    return compare([first, second], [None], everything=everything)


def rows(comparison: Comparison, name: str) -> dict[str, Row]:
    section = next(one for one in comparison.sections if one.name == name)
    return {row.name: row for row in section.rows}


def test_the_same_experiment_differs_in_nothing() -> None:
    comparison = pair()
    assert comparison.same
    assert all(section.same and not section.rows for section in comparison.sections)


def test_everything_keeps_what_agrees() -> None:
    comparison = pair(everything=True)
    assert comparison.same
    assert {"cpu", "cores", "memory", "gpu", "gpu driver"} == set(rows(comparison, "hardware"))
    assert "numpy" in rows(comparison, "environment")


def test_metrics_have_a_change_and_enough_digits_to_differ() -> None:
    metrics = Metrics({"accuracy": 0.96101, "loss": math.nan, "steps": 12})
    first = make_experiment(metrics=Metrics({"accuracy": 0.96102, "loss": math.nan, "gone": 1}))
    comparison = compare([first, make_experiment("b", metrics=metrics)], [None])
    found = rows(comparison, "metrics")
    assert set(found) == {"accuracy", "gone", "steps"}  # NaN agrees with NaN
    assert found["accuracy"].texts == ("0.96102", "0.96101")
    assert found["accuracy"].changes[1] == pytest.approx(-1e-5)
    assert found["gone"].values == (1, ABSENT)
    assert found["gone"].changes == (None, None)


def test_a_change_without_meaning_is_none() -> None:
    first = make_experiment(metrics=Metrics({"a": math.inf, "b": 10**400, "c": 1.0}))
    second = make_experiment("b", metrics=Metrics({"a": 1.0, "b": 0.5, "c": math.nan}))
    found = rows(compare([first, second], [None]), "metrics")
    assert [found[name].changes[1] for name in "abc"] == [None, None, None]


def test_overrides_are_told_once() -> None:
    params = make_experiment().params
    assert params.hydra is not None
    changed = Params(
        {"optim.lr": 0.3, "model.name": "svm"},
        source="hydra",
        hydra=params.hydra._replace(overrides=("optim.lr=0.3",)),
    )
    comparison = pair(command=("python", "train.py", "optim.lr=0.3"), params=changed)
    assert rows(comparison, "run") == {}
    assert rows(comparison, "params")["optim.lr"].texts == ("0.1", "0.3")
    other = pair(command=("python", "train2.py", "optim.lr=0.1"))
    assert rows(other, "run")["command"].texts == ("python train.py", "python train2.py")


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, "1"), (None, "null"), (0, None)])
def test_types_are_told_apart(one: object, other: object) -> None:
    first = make_experiment(params=Params({"x": one}))
    second = make_experiment("b", params=Params({"x": other}))
    row = rows(compare([first, second], [None]), "params")["x"]
    assert row.texts[0] != row.texts[1]


def test_a_param_that_is_not_there_is_not_null() -> None:
    comparison = pair(params=Params({"model.name": "svm", "new": None}))
    found = rows(comparison, "params")
    assert found["new"].values == (ABSENT, None)
    assert found["new"].texts == ("-", "null")


def test_code_tells_how_far_apart() -> None:
    change = CodeChange(1, 2, "2 files changed, 3 insertions(+), 1 deletion(-)", ("a.py", "b.py"))
    code = Code("b" * 40, None, None, False, submodules=(Submodule("lib", "c" * 40, True),))
    other = make_experiment("b", code=code)
    found = rows(compare([make_experiment(), other], [change]), "code")
    assert found["code"].texts == ("main@aaaaaaa", "detached@bbbbbbb")
    assert found["commits"].texts == ("", "2 ahead, 1 behind")
    assert found["commits"].values[1] == {"ahead": 2, "behind": 1}
    assert found["files"].texts == ("", "2 files, +3 \u22121")
    assert found["submodule lib"].texts == ("-", "ccccccc+")
    unknown = rows(compare([make_experiment(), other], [None]), "code")
    assert unknown["commits"].texts == ("", "not known here")


@pytest.mark.parametrize(
    ("stat", "text"),
    [
        ("", "no file"),
        ("1 file changed, 0 insertions(+), 0 deletions(-)", "1 file, +0 \u22120"),
        ("1 file changed, 2 deletions(-)", "1 file, \u22122"),
        ("1 file changed", "1 file"),
    ],
)
def test_diffstat_in_short(stat: str, text: str) -> None:
    code = Code("b" * 40, "main", None, False)
    change = CodeChange(0, 1, stat, ())
    found = compare([make_experiment(), make_experiment("b", code=code)], [change], everything=True)
    assert rows(found, "code")["files"].texts[1] == text


def test_the_same_commit_on_another_branch_is_the_same_code() -> None:
    assert pair(code=Code("a" * 40, "topic", None, False)).same


def test_environment_data_and_hardware() -> None:
    plain = make_experiment()
    env = plain.environment._replace(packages={"numpy": Package("2.4.5", "file:x")}, python=None)
    pin = plain.data[0]._replace(hash="md5:" + "cd" * 16, stale="changed")
    comparison = pair(environment=env, data=(pin,), hardware=Hardware("Arm", 4, 8_000_000_000))
    environment = rows(comparison, "environment")
    assert set(environment) == {"python", "python build", "numpy", "own"}
    assert environment["numpy"].texts[1] == "2.4.5 from file:x"
    assert rows(comparison, "data")["data/digits.csv"].texts[1] == "v1 md5:cdcdcdc (changed)"
    assert set(rows(comparison, "hardware")) == {"cpu", "cores", "gpu", "gpu driver"}


def test_three_are_compared_with_the_first() -> None:
    def with_lr(name: str, lr: float, loss: float) -> Experiment:
        return make_experiment(name, params=Params({"lr": lr}), metrics=Metrics({"loss": loss}))

    many = [with_lr("a", 0.1, 1), with_lr("b", 0.2, 3), with_lr("c", 0.1, 0)]
    comparison = compare(many, [None, None])
    assert rows(comparison, "params")["lr"].texts == ("0.1", "0.2", "0.1")
    assert rows(comparison, "metrics")["loss"].changes == (None, 2, -1)


def test_what_nobody_has_is_empty() -> None:
    bare = make_experiment(data=(), environment=Environment(), hardware=Hardware())
    comparison = compare([bare, bare._replace(id="b")], [None])
    empty = {section.name for section in comparison.sections if section.empty}
    assert {"data", "environment", "hardware"} <= empty
