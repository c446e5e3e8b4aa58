"""What came out again is told from what did not, and nothing passes emptily."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests import samples
from xgit.record.model import (
    Artifact,
    Environment,
    Experiment,
    Gpu,
    Hardware,
    HydraFacts,
    Metrics,
    Package,
    Params,
    Pin,
    Point,
    Python,
    Submodule,
)
from xgit.record.verdict import Judgement, Rerun, Suspect, Tolerances
from xgit.reproduce import judging
from xgit.reproduce.judging import judge
from xgit.reproduce.suspects import (
    MOST_OF_A_KIND,
    SCATTERED,
    UNRECORDED,
    UNTRIED,
    suspects,
)
from xgit.reproduce.tolerances import (
    prediction_interval,
    student_t,
    tolerance_for,
    tolerances_of,
)

COMMIT = "0123456789" * 4
EXACTLY = Tolerances()


def it(**changes: Any) -> Experiment:
    return samples.experiment("a", COMMIT, **changes)


def measured(**values: float) -> Experiment:
    return it(metrics=Metrics(values))


def judged(recorded: Experiment, *runs: Experiment, by: Tolerances = EXACTLY) -> Judgement:
    return judge(recorded, [Rerun(run) for run in runs], by)


def agreements(found: Judgement) -> dict[str, str]:
    metrics = {one.name: one.agreement for one in found.metrics}
    return {**metrics, **{one.name: one.agreement for one in found.outputs}}


# ---------------------------------------------------------------- metrics


@pytest.mark.parametrize(
    ("old", "new", "agreement"),
    [
        (0.9, 0.9, "identical"),
        (1, 1.0, "identical"),
        (math.nan, math.nan, "identical"),
        (math.inf, math.inf, "identical"),
        (2**70, 2**70, "identical"),
        (0.1 + 0.2, 0.3, "different"),
        (math.nan, 0.0, "different"),
        (math.inf, -math.inf, "different"),
        (2**70, 2**70 + 1, "different"),
        (0.0, -0.0, "identical"),
        (10**400, 1.0, "different"),
    ],
)
def test_equal_is_equal_to_the_last_bit(old: float, new: float, agreement: str) -> None:
    found = judged(measured(x=old), measured(x=new))
    assert agreements(found) == {"x": agreement}
    assert found.result == agreement


def test_one_metric_that_differs_decides() -> None:
    found = judged(measured(a=1, b=2), measured(a=1, b=3))
    assert agreements(found) == {"a": "identical", "b": "different"}
    assert (found.result, found.runs) == ("different", 1)


def test_what_does_not_come_again_is_different_and_what_is_new_is_told() -> None:
    found = judged(measured(a=1, b=2), measured(a=1, c=3))
    assert agreements(found) == {"a": "identical", "b": "missing", "c": "new"}
    assert found.result == "different"
    assert judged(measured(a=1), measured(a=1, c=3)).result == "identical"


def test_every_repetition_must_have_it() -> None:
    recorded = measured(a=1)
    assert judged(recorded, recorded, measured(b=1)).result == "different"
    assert judged(recorded, recorded, recorded, recorded).result == "identical"


def test_within_the_tolerance_of_the_settings() -> None:
    by = tolerances_of({"loss": {"rtol": 0.01}, "acc": {"atol": 0.5}})
    found = judged(measured(loss=100.0, acc=1.0), measured(loss=101.0, acc=1.5), by=by)
    assert found.result == "within-tolerance"
    assert {one.tolerance.source for one in found.metrics} == {"settings"}
    assert judged(measured(loss=100.0), measured(loss=101.01), by=by).result == "different"
    assert judged(measured(loss=math.inf), measured(loss=1.0), by=by).result == "different"


def test_all_repetitions_must_be_within() -> None:
    by = tolerances_of({}, rtol=0.1)
    recorded, near, far = measured(x=1.0), measured(x=1.05), measured(x=1.5)
    assert judged(recorded, near, near, by=by).result == "within-tolerance"
    assert judged(recorded, near, *[far] * 7, by=by).result == "different"


def test_ignored_is_told_and_not_judged() -> None:
    by = tolerances_of({"time/*": {"ignore": True}})
    old = it(metrics=Metrics({"acc": 1.0, "time/epoch": 3.2}))
    new = it(metrics=Metrics({"acc": 1.0, "time/epoch": 4.1}))
    found = judged(old, new, by=by)
    assert agreements(found) == {"acc": "identical", "time/epoch": "ignored"}
    assert found.result == "identical"


# ---------------------------------------------------------------- tolerances


def test_the_most_specific_name_wins_and_the_later_of_equals() -> None:
    by = tolerances_of(
        {
            "*": {"rtol": 1},
            "val/loss": {"rtol": 2},
            "val/*": {"rtol": 3},
            "val/[al]*": {"rtol": 4},
            "*/acc": {"rtol": 5},
            "a[0]": {"rtol": 6},
        }
    )
    assert [tolerance_for(name, by).rtol for name in ("x", "val/loss", "val/x", "val/lr")] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert tolerance_for("test/acc", by).rtol == 5
    assert tolerance_for("a[0]", by).rtol == 6
    assert tolerance_for("Val/x", by).rtol == 1


def test_the_command_line_has_the_last_word_but_ignores_stay() -> None:
    table: dict[str, dict[str, float]] = {"a": {"rtol": 0.5, "atol": 0.25}, "b": {"ignore": True}}
    by = tolerances_of(table, rtol=0.0)
    assert tolerance_for("a", by)[:3] == (0.0, 0.25, "--rtol")
    assert tolerance_for("c", tolerances_of(table, rtol=1, atol=2))[:3] == (1, 2, "--rtol, --atol")
    assert tolerance_for("b", by).ignore


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (10, 2.2281), (30, 2.0423), (99, 1.9842)],
)
def test_the_quantiles_are_those_of_the_printed_tables(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=5e-5)


def test_the_interval_is_that_of_the_next_value() -> None:
    # Mean 10, s 1, n 4: 10 ± 3.1824 * 1 * sqrt(1.25).
    values = [10 + offset * math.sqrt(3) / 2 for offset in (-1, -1, 1, 1)]
    interval = prediction_interval(values)
    assert interval is not None
    assert interval == pytest.approx((10 - 3.55806, 10 + 3.55806), abs=1e-4)
    assert prediction_interval([1.0]) is None
    assert prediction_interval([1.0, None]) is None
    assert prediction_interval([1.0, math.nan]) is None
    assert prediction_interval([1e308, -1e308, 1e308]) is None
    assert prediction_interval([2, 2, 2]) == (2.0, 2.0)


def test_repetitions_tell_noise_from_change() -> None:
    runs = [measured(x=value) for value in (1.00, 1.02, 0.98, 1.01, 0.99)]
    noise = judged(measured(x=1.03), *runs)
    assert noise.result == "within-tolerance"
    assert noise.metrics[0].tolerance.source == "--repeat"
    low, high = noise.metrics[0].interval or (0, 0)
    assert 0.95 < low < 0.97
    assert 1.03 < high < 1.05
    change = judged(measured(x=1.2), *runs)
    assert change.result == "different"
    assert change.metrics[0].interval == (low, high)


def test_without_any_spread_another_value_is_change() -> None:
    assert judged(measured(x=1.0), *[measured(x=1.0 + 1e-15)] * 5).result == "different"
    assert judged(measured(x=1.0), measured(x=1.1)).metrics[0].interval is None


# ---------------------------------------------------------------- outputs


def left(**content: bytes) -> Experiment:
    artifacts = (Artifact("artifacts/m.bin", f"sha256:{content['model'].hex()}", 1, stored=True),)
    points = (Point("loss", 0.5, 1, 7.0), Point("loss", 0.25, 2, 8.0))
    metrics = Metrics({"loss": 0.25}, series=points)
    return it(artifacts=artifacts, files={"plots/a.png": content["plot"]}, metrics=metrics)


SAME = left(model=b"m", plot=b"p")


def test_identical_means_every_byte_of_every_output() -> None:
    assert agreements(judged(SAME, SAME)) == dict.fromkeys(
        ("loss", "artifacts/m.bin", "plots/a.png", "metrics.jsonl"), "identical"
    )
    assert judged(SAME, SAME).result == "identical"


@pytest.mark.parametrize("other", [{"model": b"n", "plot": b"p"}, {"model": b"m", "plot": b"q"}])
def test_other_bytes_beside_equal_metrics_are_within_tolerance(other: dict[str, bytes]) -> None:
    found = judged(SAME, left(**other))
    assert found.result == "within-tolerance"
    assert list(agreements(found).values()).count("different") == 1


def test_other_bytes_alone_are_different() -> None:
    old, new = (one._replace(metrics=Metrics()) for one in (SAME, left(model=b"n", plot=b"p")))
    assert judged(old, new).result == "different"
    assert judged(old, old).result == "identical"


def test_an_output_that_does_not_come_is_different() -> None:
    found = judged(SAME, SAME._replace(artifacts=()))
    assert (found.result, agreements(found)["artifacts/m.bin"]) == ("different", "missing")
    assert judged(SAME._replace(artifacts=()), SAME).result == "identical"


def test_an_output_can_be_ignored() -> None:
    by = tolerances_of({"artifacts/*": {"ignore": True}})
    assert judged(SAME, left(model=b"n", plot=b"p"), by=by).result == "identical"


def series(*points: Point) -> Experiment:
    return it(metrics=Metrics({"loss": 1.0}, series=points))


def test_the_series_is_compared_without_its_times_and_metric_by_metric() -> None:
    old = series(Point("loss", 1, 1, 7.0), Point("acc", 0.5, None, 7.1))
    again = series(Point("acc", 0.5, None, 1.0), Point("loss", 1.0, 1.0, 2.0))
    assert judged(old, again).result == "identical"
    for other in (Point("loss", 1, 2, 7.0), Point("loss", 2, 1, 7.0)):
        found = judged(old, series(other, Point("acc", 0.5, None, 7.1)))
        assert agreements(found)["metrics.jsonl"] == "different"
        assert found.result == "within-tolerance"


def test_the_series_of_ignored_and_new_metrics_does_not_count() -> None:
    by = tolerances_of({"time": {"ignore": True}})
    old = series(Point("loss", 1, 1, 7.0), Point("time", 3.1, 1, 7.0))
    new = series(Point("loss", 1, 1, 9.0), Point("time", 4.7, 1, 9.0), Point("more", 1, 1, 9.0))
    assert judged(old, new, by=by).result == "identical"
    assert judged(old, new).result == "within-tolerance"


def test_large_artifacts_are_found_again_at_another_place() -> None:
    def kept(root: str, day: str, model: str) -> Experiment:
        paths = {f"{root}/outputs/{day}/model.pt": model, f"{root}/a/best.pt": "1"}
        stored = [Artifact(path, f"sha256:{h}", 9, stored=False) for path, h in paths.items()]
        return it(artifacts=tuple(stored))

    old = kept("/home/ada/digits", "2026-11-23/20-15-02", "aa")
    same = judged(old, kept("/tmp/x/checkout", "2026-11-24/09-00-00", "aa"))
    assert agreements(same)["model.pt"] == "identical"
    assert same.result == "identical"
    other = judged(old, kept("/tmp/x/checkout", "2026-11-24/09-00-00", "bb"))
    assert (agreements(other)["model.pt"], other.result) == ("different", "within-tolerance")


def test_two_large_artifacts_of_one_name_are_told_apart() -> None:
    def kept(root: str, first: str) -> Experiment:
        return it(
            artifacts=(
                Artifact(f"{root}/a/model.pt", first, 9, stored=False),
                Artifact(f"{root}/b/model.pt", "2", 9, stored=False),
            )
        )

    found = agreements(judged(kept("/home/ada", "1"), kept("/tmp/x", "3")))
    assert (found["a/model.pt"], found["b/model.pt"]) == ("different", "identical")


# ---------------------------------------------------------------- it cannot pass emptily


def test_nothing_to_compare_is_a_failure() -> None:
    empty = it(metrics=Metrics())
    for run in (empty, measured(x=1.0)):
        found = judged(empty, run)
        assert (found.result, found.step) == ("failed", "run")
        assert found.reason == judging.NOTHING_RECORDED
    assert judging.why_not(empty, EXACTLY) == judging.NOTHING_RECORDED


def test_all_ignored_is_a_failure() -> None:
    by = tolerances_of({"*": {"ignore": True}})
    found = judged(SAME, SAME, by=by)
    assert (found.result, found.step, found.reason) == ("failed", "run", judging.ALL_IGNORED)


def test_a_series_alone_of_ignored_metrics_is_nothing() -> None:
    by = tolerances_of({"loss": {"ignore": True}})
    found = judged(series(Point("loss", 1, 1, 7.0)), series(Point("loss", 2, 1, 7.0)), by=by)
    assert found.result == "failed"


# ---------------------------------------------------------------- how it ended


def ended(status: str, code: int) -> Experiment:
    return it(outcome=samples.outcome(status=status, exit_code=code))


def test_a_run_that_fails_where_the_recorded_one_did_not() -> None:
    found = judged(it(), ended("failed", 3))
    assert (found.result, found.step, found.runs_exit_code) == ("failed", "run", 3)
    assert found.reason == "the run failed with exit code 3, and the recorded one completed"


def test_a_failure_that_comes_again_is_judged_by_what_it_measured() -> None:
    assert judged(ended("failed", 3), ended("failed", 3)).result == "identical"
    other = ended("failed", 3)._replace(metrics=Metrics({"accuracy": 0.1, "loss": 0.25}))
    assert judged(ended("failed", 3), other).result == "different"
    assert judged(ended("failed", 3), ended("failed", 4)).result == "failed"


def test_a_failure_that_does_not_come_again_is_different() -> None:
    found = judged(ended("failed", 3), it())
    assert found.result == "different"
    assert found.reason == "the recorded run failed with exit code 3, and this one completed"


def test_an_interrupted_run_has_no_end_to_compare_with() -> None:
    found = judged(ended("interrupted", 130), it())
    assert (found.result, found.reason) == ("failed", judging.CUT_SHORT)
    assert judged(it(), ended("interrupted", 143)).result == "failed"


# ---------------------------------------------------------------- suspects

BASE = it(
    data=(Pin("data/a.csv", "dvc", "md5:aaaaaaaaaa"),),
    environment=Environment(
        Python("3.11.7", "cpython", "gcc", "/home/ada/p/.venv/bin/python", "/home/ada/p/.venv"),
        "Linux 6.1 x86_64",
        {"numpy": Package("2.4.5"), "own": Package("0.1", "editable:/home/ada/p")},
        {"OMP_NUM_THREADS": "1"},
    ),
    hardware=Hardware("Xeon", 8, 64_000_000_000, (Gpu("H100", 2**36, "560", "u1"),)),
)


def found(rerun: Experiment, recorded: Experiment = BASE, root: str = "") -> list[Suspect]:
    return list(suspects(recorded, rerun, root=root))


def with_packages(**packages: Package) -> Experiment:
    return BASE._replace(environment=BASE.environment._replace(packages=packages))


def test_where_nothing_differs_it_is_chance() -> None:
    (only,) = found(BASE)
    assert only.kind == "randomness"
    assert only.name == UNTRIED
    assert judged(BASE, BASE).suspects == ()
    worse = BASE._replace(metrics=Metrics({"accuracy": 0.1, "loss": 0.25}))
    assert [one.kind for one in judged(BASE, worse).suspects] == ["randomness"]


def test_repetitions_tell_more_of_chance() -> None:
    old, *new = (measured(x=value) for value in (1.0, 2.0, 3.0))
    assert judged(old, *new).suspects == (Suspect("randomness", SCATTERED),)
    assert judged(old, new[0], new[0]).suspects == (Suspect("randomness", UNRECORDED),)
    other = Hardware("EPYC", 8)
    elsewhere = [one._replace(hardware=other) for one in new]
    assert [one.kind for one in judged(old, *elsewhere).suspects][-2:] == ["hardware", "randomness"]
    same = [elsewhere[0]] * 2
    assert "randomness" not in [one.kind for one in judged(old, *same).suspects]


def test_each_difference_is_named_in_the_order_of_suspicion() -> None:
    recorded = BASE._replace(
        reasons=("stale-pin was allowed: data/a.csv",),
        code=BASE.code._replace(submodules=(Submodule("lib", COMMIT, dirty=True),)),
    )
    rerun = BASE._replace(
        data=(Pin("data/a.csv", "dvc", "md5:bbbbbbbbbb"),),
        code=BASE.code._replace(submodules=(Submodule("lib", COMMIT),)),
        params=Params({"lr": 0.2, "model.name": "svm"}),
        environment=Environment(
            Python("3.12.1", "cpython", "gcc", "/e/bin/python", "/e"),
            "Linux 6.9 x86_64",
            {"numpy": Package("2.4.6")},
            {"OMP_NUM_THREADS": "8"},
        ),
        hardware=Hardware("EPYC", 8, 64_000_000_001, (Gpu("H100", 2**36, "570", "u2"),)),
    )
    names = [(one.kind, one.name) for one in found(rerun, recorded)]
    assert names == [
        ("guards", "stale-pin was allowed: data/a.csv"),
        ("data", "data/a.csv"),
        ("code", "submodule lib"),
        ("params", "lr"),
        ("environment", "python"),
        ("environment", "numpy"),
        ("environment", "own"),
        ("variables", "$OMP_NUM_THREADS"),
        ("hardware", "cpu"),
        ("hardware", "gpu driver"),
        ("environment", "platform"),
    ]
    data = found(rerun, recorded)[1]
    assert (data.recorded, data.reproduced) == ("md5:aaaaaaa", "md5:bbbbbbb")


def test_uncommitted_files_that_are_not_there_again_are_named() -> None:
    recorded = BASE._replace(code=BASE.code._replace(snapshot="f" * 40))
    assert [one.kind for one in found(BASE, recorded)] == ["code"]
    rerun = BASE._replace(code=BASE.code._replace(commit="f" * 40, branch=None))
    assert [one.kind for one in found(rerun, recorded)] == ["randomness"]


def hydra(root: str, day: str, lr: float = 0.1, group: str = "svm") -> Experiment:
    values = {
        "lr": lr,
        "data.path": f"{root}/data/a.csv",
        "paths": [f"{root}/x", "y"],
        "url": f"sqlite:///{root}/db.sqlite",
        "out": f"outputs/{day}",
        "log": f"{root}/outputs/{day}/log",
    }
    facts = HydraFacts("config", (), {"model": group}, f"{root}/outputs/{day}")
    own = {"own": Package("0.1", f"editable:{root}")}
    return BASE._replace(
        params=Params(values, None, "hydra", facts),
        environment=BASE.environment._replace(packages=own),
    )


def test_the_place_and_the_time_of_a_run_are_no_difference() -> None:
    old = hydra("/home/ada/p", "2026-11-23/20-15-02")
    new = hydra("/tmp/r/checkout", "2026-11-24/09-00-00")
    assert [one.kind for one in found(new, old, "/tmp/r/checkout")] == ["randomness"]


def test_what_differs_beside_the_place_is_told() -> None:
    old = hydra("/home/ada/p", "2026-11-23/20-15-02")
    new = hydra("/tmp/r/checkout", "2026-11-24/09-00-00", lr=0.2, group="cnn")
    values = {**new.params.values, "data.path": "/tmp/r/checkout/data/b.csv", "on": True}
    new = new._replace(params=new.params._replace(values=values))
    old = old._replace(params=old.params._replace(values={**old.params.values, "on": 1}))
    names = [one.name for one in found(new, old, "/tmp/r/checkout")]
    assert names == ["lr", "data.path", "on", "model="]


def test_another_place_outside_is_told_also_where_the_end_is_the_same() -> None:
    old = hydra("/home/ada/p", "2026-11-23/20-15-02")
    elsewhere = {**old.params.values, "data.path": "/mnt/nas/data/a.csv"}
    old = old._replace(params=old.params._replace(values=elsewhere))
    new = hydra("/tmp/r/checkout", "2026-11-24/09-00-00")
    assert [one.name for one in found(new, old, "/tmp/r/checkout")] == ["data.path"]


def test_the_program_may_lie_elsewhere_but_not_the_arguments() -> None:
    command = ("/cache/env/bin/python3.11", "train.py", "lr=0.1")
    assert found(BASE._replace(command=command))[0].kind == "randomness"
    (only,) = found(BASE._replace(command=(*command, "--fast")))
    assert (only.kind, only.name) == ("params", "command")


def test_many_packages_are_counted() -> None:
    old = with_packages(**{f"p{i}": Package("1") for i in range(70)})
    new = with_packages(**{f"p{i}": Package("2") for i in range(70)})
    told = found(new, old)
    assert len(told) == MOST_OF_A_KIND + 1
    assert told[-1] == Suspect("environment", "and 20 more")


def test_packages_that_nobody_read_are_one_suspect() -> None:
    (only,) = found(BASE, with_packages())
    assert only == Suspect("environment", "packages", "not known", "2 packages")


def test_long_values_are_cut() -> None:
    rerun = BASE._replace(params=Params({"lr": "x" * 10_000, "model.name": "svm"}))
    assert len(found(rerun)[0].reproduced) < 300
