"""`xgit.log` and its sisters, in processes of their own as `exp run` starts them."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import xgit
from xgit.capture.spool.reading import Spool, read_spool

INJECT = Path(xgit.__file__).parent / "inject"


def run(
    code: str,
    spool: Path | None,
    *options: str,
    python: str = sys.executable,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run code as a user's program inside a run, or outside of one with spool None."""
    env = dict(os.environ)
    if spool is not None:
        env |= {"XGIT_SPOOL": str(spool), "PYTHONPATH": str(INJECT)}
    return subprocess.run(
        [python, *options, "-c", textwrap.dedent(code)],
        env=env,
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=60,
    )


def ran(code: str, folder: Path, *options: str, python: str = sys.executable) -> tuple[Spool, str]:
    """The spool and stderr of a program that must succeed."""
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    done = run(code, spool, *options, python=python, cwd=folder)
    assert done.returncode == 0, done.stderr
    return read_spool(spool), done.stderr


def test_points_keep_their_type_step_and_order(tmp_path: Path) -> None:
    spool, said = ran(
        """
        import xgit
        for step in range(3):
            xgit.log({"loss": 1.0 / (step + 1), "val/acc": step}, step=step)
        xgit.log({"ok": True})
        """,
        tmp_path,
    )
    assert said == ""
    assert [(p.name, p.value, p.step) for p in spool.points] == [
        ("loss", 1.0, 0),
        ("val/acc", 0, 0),
        ("loss", 0.5, 1),
        ("val/acc", 1, 1),
        ("loss", 1 / 3, 2),
        ("val/acc", 2, 2),
        ("ok", 1, None),
    ]
    assert type(spool.points[1].value) is int
    assert type(spool.points[-1].value) is int
    assert abs(spool.points[0].time - time.time()) < 60
    assert spool.notes == ()


def test_scalars_of_numpy_and_what_no_float_holds(tmp_path: Path) -> None:
    spool, said = ran(
        """
        import numpy, xgit, decimal
        xgit.log({"f32": numpy.float32(0.5), "f64": numpy.float64(0.25), "i": numpy.int64(7),
                  "b": numpy.bool_(True), "one": numpy.array([3.0]), "d": decimal.Decimal("1.5")},
                 step=numpy.int32(4))
        xgit.log({"nan": float("nan"), "inf": float("inf"), "huge": 1e400, "int": 10 ** 400})
        xgit.log({"monster": 10 ** 9000})
        """,
        tmp_path,
    )
    values = {point.name: point.value for point in spool.points}
    assert math.isnan(values.pop("nan"))
    assert values == {
        "f32": 0.5,
        "f64": 0.25,
        "i": 7,
        "b": 1,
        "one": 3.0,
        "d": 1.5,
        "inf": math.inf,
        "huge": math.inf,
        "int": math.inf,
    }
    assert spool.points[0].step == 4
    assert said.count("monster") == 1


def test_what_is_no_number_is_told_once_and_noted(tmp_path: Path) -> None:
    spool, said = ran(
        """
        import numpy, xgit
        for _ in range(5):
            xgit.log({"x": "high", "n": None, "l": [1], "a": numpy.ones(3), "ok": 1.5})
        xgit.log(0.5)
        xgit.log({"ok": 2}, step="late")
        print("went on")
        """,
        tmp_path,
    )
    assert said.count("xgit: metric 'x' is a str, not a number: not kept\n") == 1
    assert len(said.splitlines()) == 6
    assert "metric 'x' is a str, not a number: not kept" in spool.notes
    assert len(spool.notes) == 6
    assert [point.value for point in spool.points] == [1.5] * 5 + [2]


def test_summary_takes_names_that_are_no_identifiers(tmp_path: Path) -> None:
    spool, _ = ran(
        """
        import xgit
        xgit.summary(best=0.5)
        xgit.summary({"val/best": 0.75}, best=0.9)
        xgit.summary({"values": 3})
        """,
        tmp_path,
    )
    assert spool.summary == {"best": 0.9, "val/best": 0.75, "values": 3}


def test_artifacts_small_large_and_hostile(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "big.bin").write_bytes(bytes(1024 * 1024 + 1))
    spool, said = ran(
        """
        import pathlib, xgit
        xgit.log_artifact("model.json")
        xgit.log_artifact(pathlib.Path("model.json"), "sub/best model.json")
        xgit.log_artifact("big.bin")
        hostile = ["/etc/x", "../x", "a/../b", "", ".git/config", "a/.GIT", "git~1", "a\\\\b"]
        for name in hostile + ["a\\nb"]:
            xgit.log_artifact("model.json", name)
        xgit.log_artifact("missing.bin")
        xgit.log_artifact(".", "folder")
        """,
        tmp_path,
    )
    kept = {a.path: (a.size_bytes, a.stored) for a in spool.artifacts}
    assert kept == {
        "artifacts/model.json": (2, True),
        "artifacts/sub/best model.json": (2, True),
        str(tmp_path / "big.bin"): (1024 * 1024 + 1, False),
    }
    assert spool.files == {"artifacts/model.json": b"{}", "artifacts/sub/best model.json": b"{}"}
    assert all(a.hash.startswith("sha256:") for a in spool.artifacts)
    assert len(said.splitlines()) == 11
    assert not (tmp_path / "x").exists()


def test_figures_are_plots_and_a_failing_one_is_no_failure(tmp_path: Path) -> None:
    spool, said = ran(
        """
        import xgit
        class Figure:
            def savefig(self, path, format):
                open(path, "wb").write(b"PNG" + format.encode())
        class Bad:
            def savefig(self, path, format):
                raise RuntimeError("no backend")
        xgit.log_figure(Figure(), "loss")
        xgit.log_figure(Figure(), "val/curve.png")
        xgit.log_figure(Bad(), "bad")
        xgit.log_figure(Figure(), "../bad2")
        """,
        tmp_path,
    )
    assert spool.plots == ("plots/loss.png", "plots/val/curve.png")
    assert spool.files["plots/loss.png"] == b"PNGpng"
    assert "no backend" in said
    assert len(said.splitlines()) == 2


def test_outside_a_run_nothing_happens(tmp_path: Path) -> None:
    done = run(
        """
        import sys, xgit
        before = set(sys.modules)
        xgit.log({"x": "text"})
        xgit.summary(a=1)
        xgit.log_artifact("nothing")
        xgit.log_figure(0, "x")
        assert not {name for name in set(sys.modules) - before}, set(sys.modules) - before
        """,
        None,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_importing_imports_nothing() -> None:
    code = "import sys; b = set(sys.modules); import xgit; print(sorted(set(sys.modules) - b))"
    done = run(code, None)
    assert done.stdout.strip() == "['__future__', 'xgit']"


def test_a_removed_spool_is_one_line(tmp_path: Path) -> None:
    done = run(
        """
        import xgit
        for i in range(100):
            xgit.log({"x": i})
        xgit.log_artifact(__import__("sys").executable, "p")
        print("done")
        """,
        tmp_path / "gone",
    )
    assert done.returncode == 0
    assert done.stdout == "done\n"
    assert done.stderr.count("the spool cannot be written") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    spool, said = ran(
        """
        import os, xgit, xgit_spool
        xgit.log({"x": 1})
        own = xgit_spool._descriptor
        keep = os.dup(own)
        os.dup2(os.open("/dev/full", os.O_WRONLY), own)
        for i in range(100):
            xgit.log({"x": 2})
        os.dup2(keep, own)
        xgit.log({"x": 3})
        """,
        tmp_path,
    )
    assert [point.value for point in spool.points] == [1, 3]
    assert len(said.splitlines()) == 1


def test_a_program_that_closes_all_files_does_not_get_our_lines(tmp_path: Path) -> None:
    spool, _ = ran(
        """
        import os, xgit
        xgit.log({"x": 1})
        os.closerange(3, 1024)
        mine = [open("mine%d" % i, "w") for i in range(20)]
        xgit.log({"x": 2})
        """,
        tmp_path,
    )
    assert [point.value for point in spool.points] == [1, 2]
    assert all((tmp_path / f"mine{i}").read_text() == "" for i in range(20))


def test_threads_do_not_mix(tmp_path: Path) -> None:
    spool, _ = ran(
        """
        import threading, xgit
        def work(n):
            for i in range(1000):
                xgit.log({"t%d" % n: i, "text" * 50: 1.5}, step=i)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """,
        tmp_path,
    )
    files = list((tmp_path / "spool").glob("events-*"))
    lines = files[0].read_text().splitlines()
    assert (len(files), len(lines)) == (1, 8000)
    assert all(json.loads(line)["event"] == "log" for line in lines)
    for n in range(8):
        assert [p.value for p in spool.points if p.name == f"t{n}"] == list(range(1000))


@pytest.mark.parametrize("method", ["fork", "spawn", "os.fork"])
def test_children_have_files_of_their_own(tmp_path: Path, method: str) -> None:
    (tmp_path / "job.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, sys, xgit
            def work(n):
                for i in range(200):
                    xgit.log({"n%d" % n: i})
            if __name__ == "__main__":
                xgit.log({"parent": 1})
                if sys.argv[1] == "os.fork":
                    for n in range(3):
                        if os.fork() == 0:
                            work(n)
                            os._exit(0)
                    [os.wait() for _ in range(3)]
                else:
                    context = multiprocessing.get_context(sys.argv[1])
                    pool = [context.Process(target=work, args=(n,)) for n in range(3)]
                    [p.start() for p in pool]; [p.join() for p in pool]
                xgit.log({"parent": 2})
            """
        )
    )
    spool, _ = ran(f"import runpy, sys; sys.argv = ['job.py', {method!r}]", tmp_path)
    env = {**os.environ, "XGIT_SPOOL": str(tmp_path / "spool"), "PYTHONPATH": str(INJECT)}
    subprocess.run([sys.executable, "job.py", method], cwd=tmp_path, env=env, check=True)
    spool = read_spool(tmp_path / "spool")
    assert len(list((tmp_path / "spool").glob("events-*"))) == 4
    assert [p.value for p in spool.points if p.name == "parent"] == [1, 2]
    for n in range(3):
        assert [p.value for p in spool.points if p.name == f"n{n}"] == list(range(200))


def test_sigkill_loses_at_most_the_last_line(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    code = """if True:
        import sys, xgit
        for i in range(10 ** 9):
            xgit.log({"i": i})
            if i % 100 == 0:
                sys.stdout.write("%d\\n" % i); sys.stdout.flush()
    """
    env = {**os.environ, "XGIT_SPOOL": str(spool), "PYTHONPATH": str(INJECT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(50):
        printed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    printed = int(rest[-1]) if rest else printed
    values = [point.value for point in read_spool(spool).points]
    assert values == list(range(len(values)))
    assert len(values) >= printed


def test_it_works_where_xgit_is_not_installed(tmp_path: Path) -> None:
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("no second interpreter")
    code = """
        import xgit, xgit_spool, xgit_api
        xgit.log({"x": 1})
        print(xgit.__file__)
    """
    assert run("import xgit", None, python=python, cwd=tmp_path).returncode == 1
    spool, _ = ran(code, tmp_path, python=python)
    assert [point.value for point in spool.points] == [1]
    assert spool.pythons[0].prefix == "/usr"


def test_another_package_called_xgit_comes_first(tmp_path: Path) -> None:
    (tmp_path / "xgit.py").write_text("mine = 1\n")
    ran("import xgit; assert xgit.mine == 1", tmp_path)


def test_without_our_pythonpath_it_still_logs(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    env = {**os.environ, "XGIT_SPOOL": str(spool)}
    code = "import sys; sys.path.insert(0, %r); import xgit; xgit.log({'x': 1})"
    root = str(Path(xgit.__file__).parent.parent)
    subprocess.run([sys.executable, "-I", "-c", code % root], env=env, check=True)
    assert [point.value for point in read_spool(spool).points] == [1]


def test_a_call_is_cheap(tmp_path: Path) -> None:
    code = """if True:
        import time, xgit
        best = 1e9
        for _ in range(5):
            start = time.perf_counter()
            for i in range(5000):
                xgit.log({"loss": 0.12345678}, step=i)
            best = min(best, (time.perf_counter() - start) / 5000)
        print(best * 1e6)
    """
    (tmp_path / "spool").mkdir()
    done = run(code, tmp_path / "spool")
    assert float(done.stdout) < 25, "microseconds a call; 5 on an idle machine"
