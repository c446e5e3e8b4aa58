"""The machine a run had: processor, memory and NVIDIA accelerators.

The driver's library is asked in a short-lived process of its own. Its Python binding takes 18 MiB,
which the parent would hold for as long as the job trains, and a driver in trouble can hang or
crash whoever asks it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xgit.record.model import Gpu, Hardware

DRIVER_SIGNS = (
    Path("/proc/driver/nvidia/version"),
    Path("/dev/nvidiactl"),
    Path("/dev/dxg"),  # Windows Subsystem for Linux
)
PATIENCE_SECONDS = 30.0
# Names of the processor in /proc/cpuinfo, by architecture: x86, ARM boards, POWER, RISC-V.
_CPU_KEYS = ("model name", "Model", "cpu", "uarch", "Hardware")


def hardware() -> Hardware:
    """What the machine has, whether or not the program may use all of it.

    `CUDA_VISIBLE_DEVICES` and the limits of a container are not applied. What cannot be found
    out is empty or zero; no accelerator is a normal answer.
    """
    found, problem = gpus()
    return Hardware(
        cpu=cpu_name(),
        cores=os.cpu_count() or 0,
        memory_bytes=memory_bytes(),
        gpus=found,
        notes=(problem,) if problem else (),
    )


def memory_bytes() -> int:
    """The memory of the machine."""
    if sys.platform == "darwin":
        import psutil

        return psutil.virtual_memory().total
    # The same answer, without the 7 MiB that psutil takes.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model as its maker calls it, else the architecture."""
    name = _sysctl_cpu() if sys.platform == "darwin" else _cpuinfo_name(cpuinfo)
    return " ".join(name.split()) or os.uname().machine


def _cpuinfo_name(cpuinfo: Path) -> str:
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(16384).splitlines()  # the first processor's lines will do
            lines += file.read()[-4096:].splitlines()  # boards name themselves at the end
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    said = {key.strip(): value.strip() for key, _, value in pairs}
    return next((said[key] for key in _CPU_KEYS if said.get(key)), "")


def _sysctl_cpu() -> str:
    argv = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


# ---------------------------------------------------------------- accelerators


def gpus() -> tuple[tuple[Gpu, ...], str | None]:
    """All NVIDIA GPUs of the machine, and what the user should know where a driver fails.

    No driver at all is no problem.
    """
    if not any(path.exists() for path in DRIVER_SIGNS):
        return (), None
    argv = [sys.executable, "-P", "-m", "xgit.capture.hardware"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return (), f"the NVIDIA driver did not answer within {PATIENCE_SECONDS:g} s"
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.returncode)]
        return (), f"the NVIDIA driver could not be asked: {said[-1]}"
    answer = json.loads(done.stdout)
    return tuple(Gpu(**gpu) for gpu in answer["gpus"]), answer["problem"]


def read_gpus() -> tuple[tuple[Gpu, ...], str | None]:
    """What the driver says in this process, in the shape of `gpus`.

    A driver too old for a question, a lost device or a missing permission makes a shorter
    answer, never an exception.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return (), None
    except pynvml.NVMLError as error:
        return (), f"the NVIDIA driver does not work: {error}"
    try:
        return tuple(_devices(pynvml)), None
    finally:
        pynvml.nvmlShutdown()


def _devices(nvml: Any) -> Iterator[Gpu]:
    driver = _text(nvml, nvml.nvmlSystemGetDriverVersion)
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError:
        return
    for index in range(count):
        try:
            device = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError:
            continue  # fallen off the bus, or not ours to see
        name = _text(nvml, nvml.nvmlDeviceGetName, device)
        uuid = _text(nvml, nvml.nvmlDeviceGetUUID, device)
        yield Gpu(name, _memory_bytes(nvml, device), driver, uuid)


def _text(nvml: Any, question: Any, *about: Any) -> str:
    try:
        answer = question(*about)
    except nvml.NVMLError:
        return ""
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)


def _memory_bytes(nvml: Any, device: Any) -> int:
    try:
        return int(nvml.nvmlDeviceGetMemoryInfo(device).total)
    except nvml.NVMLError:  # unified memory has no size of its own
        return 0


def _answer() -> None:
    """What the process started by `gpus` does."""
    found, problem = read_gpus()
    sys.stdout.write(json.dumps({"gpus": [gpu._asdict() for gpu in found], "problem": problem}))


if __name__ == "__main__":
    _answer()
