from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from xgit.capture import hardware
from xgit.record.model import Gpu


def test_the_machine() -> None:
    found = hardware.hardware()
    assert found.cpu
    assert found.cores == os.cpu_count()
    assert found.memory_bytes == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "model name\t: AMD  EPYC 7763\nprocessor\t: 1\nmodel name\t: AMD  EPYC 7763\n",
            "AMD EPYC 7763",
        ),
        (
            "processor\t: 0\nBogoMIPS\t: 108\n\nHardware\t: BCM2711\nModel\t\t: Raspberry Pi 4\n",
            "Raspberry Pi 4",
        ),
        ("processor\t: 0\nFeatures\t: fp\n", os.uname().machine),
        ("model name\t:\n", os.uname().machine),
        ("", os.uname().machine),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no /proc/cpuinfo")
def test_the_processor_by_what_the_kernel_says(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    assert hardware.cpu_name(tmp_path / "cpuinfo") == name


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no /proc/cpuinfo")
def test_the_processor_where_the_kernel_says_nothing(tmp_path: Path) -> None:
    assert hardware.cpu_name(tmp_path / "none") == os.uname().machine


# ---------------------------------------------------------------- accelerators


class FakeError(Exception):
    pass


class FakeLibraryNotFoundError(FakeError):
    pass


class FakeNvml(types.ModuleType):
    """Three devices: a whole one, one that tells nothing of itself, one that is gone."""

    NVMLError = FakeError
    NVMLError_LibraryNotFound = FakeLibraryNotFoundError

    def __init__(self, trouble: FakeError | None = None) -> None:
        super().__init__("pynvml")
        self.trouble = trouble
        self.started = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.trouble:
            raise self.trouble
        self.started += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.started -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "550.54.15"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index == 2:
            raise FakeError("lost")
        return index

    def nvmlDeviceGetName(self, device: int) -> bytes:  # noqa: N802
        return self._of_the_first(device, b"NVIDIA H100")

    def nvmlDeviceGetUUID(self, device: int) -> bytes:  # noqa: N802
        return self._of_the_first(device, b"GPU-1")

    def nvmlDeviceGetMemoryInfo(self, device: int) -> SimpleNamespace:  # noqa: N802
        self._of_the_first(device, b"")
        return SimpleNamespace(total=85_000_000_000)

    def _of_the_first(self, device: int, answer: bytes) -> bytes:
        if device:
            raise FakeError("not supported")
        return answer


def test_devices_as_the_driver_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    expected = (
        Gpu("NVIDIA H100", 85_000_000_000, "550.54.15", "GPU-1"),
        Gpu("", 0, "550.54.15", ""),
    )
    assert hardware.read_gpus() == (expected, None)
    assert nvml.started == 0


def test_a_driver_that_does_not_count_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: nvml.nvmlDeviceGetHandleByIndex(2))
    assert hardware.read_gpus() == ((), None)
    assert nvml.started == 0


def test_a_library_and_a_driver_that_do_not_match_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = FakeError("Driver/library version mismatch")
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(trouble))
    problem = "the NVIDIA driver does not work: Driver/library version mismatch"
    assert hardware.read_gpus() == ((), problem)


has_driver = any(path.exists() for path in hardware.DRIVER_SIGNS)


@pytest.mark.skipif(has_driver, reason="this machine has an NVIDIA driver")
def test_no_driver_is_a_normal_answer() -> None:
    assert hardware.read_gpus() == ((), None)
    assert hardware.gpus() == ((), None)


@pytest.mark.skipif(has_driver, reason="this machine has an NVIDIA driver")
def test_the_process_that_asks_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "DRIVER_SIGNS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('the work tree was imported')")
    assert hardware.gpus() == ((), None)


def test_a_driver_that_hangs_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "DRIVER_SIGNS", (tmp_path,))
    monkeypatch.setattr(hardware, "PATIENCE_SECONDS", 0.0001)
    assert hardware.gpus() == ((), "the NVIDIA driver did not answer within 0.0001 s")
    assert hardware.hardware().notes == ("the NVIDIA driver did not answer within 0.0001 s",)


def test_a_driver_that_crashes_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "DRIVER_SIGNS", (tmp_path,))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert hardware.gpus() == ((), "the NVIDIA driver could not be asked: 1")


def test_asking_for_hardware_does_not_load_the_binding() -> None:
    program = (
        "import sys; from xgit.capture.hardware import hardware; hardware()\n"
        "print(*{'pynvml', 'psutil', 'ctypes'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program]).split() == []
