"""The interpreter, the packages, the platform and the allowed variables of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from xgit.capture.environment.packages import installed_packages
from xgit.record.model import Environment, Python
from xgit.settings import DEFAULT_VARIABLES

if TYPE_CHECKING:
    from xgit.capture.spool.reading import PythonFacts


def environment(facts: PythonFacts | None, variables: Mapping[str, str]) -> Environment:
    """What the program ran in.

    Args:
        facts: what the user's interpreter said of itself; None when no Python program was seen.
        variables: as `recorded_variables` picks them.
    """
    if facts is None:
        return Environment(platform=platform_name(), variables=variables)
    found, notes = installed_packages(facts.path)
    version, _, build = facts.version.partition(" ")
    return Environment(
        python=Python(
            version=version,
            implementation=facts.implementation,
            build=" ".join(build.split()),
            executable=facts.executable,
            prefix=facts.prefix,
        ),
        platform=platform_name(),
        packages=found,
        variables=variables,
        notes=notes,
    )


def allowed_variables(further: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the variables whose values may be recorded: the default ones and `further`."""
    return tuple(sorted({*DEFAULT_VARIABLES, *further}))


def recorded_variables(environ: Mapping[str, str], further: Iterable[str] = ()) -> dict[str, str]:
    """The variables that may be recorded and are set."""
    return {name: environ[name] for name in allowed_variables(further) if name in environ}


# ---------------------------------------------------------------- platform


def platform_name() -> str:
    """System, kernel and machine, then distribution and C library where they can be told.

    For instance `Linux 6.1.0-18-amd64 x86_64, Debian GNU/Linux 12 (bookworm), glibc 2.36`.
    """
    system = os.uname()
    parts = [f"{system.sysname} {system.release} {system.machine}"]
    parts += [part for part in (_distribution(), _c_library()) if part]
    return ", ".join(parts)


def _distribution() -> str:
    if sys.platform == "darwin":
        import platform

        return f"macOS {platform.mac_ver()[0]}"
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read(65536).splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip("\"'")
    return ""


def _c_library() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):  # musl and macOS do not know the question
        return ""
