"""The nouns of what is captured: parameters, environment, hardware, metrics, artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Number = int | float
Json = Any  # a value that json.loads can return
NOTHING: Mapping[str, Any] = MappingProxyType({})


class HydraFacts(NamedTuple):
    """What the Hydra app composed."""

    config_name: str | None
    overrides: tuple[str, ...]
    choices: Mapping[str, str | None]
    output_dir: str | None = None


class Params(NamedTuple):
    """The parameters of the run.

    Attributes:
        values: dotted name to resolved leaf (a JSON scalar, or a list of scalars).
        text: the config as written, interpolations kept, as YAML; None without a config.
        source: `hydra`, the path of a params file, or `none`.
    """

    values: Mapping[str, Json] = NOTHING
    text: str | None = None
    source: str = "none"
    hydra: HydraFacts | None = None


class Package(NamedTuple):
    """An installed distribution.

    Attributes:
        source: `index`, or where it came from: `git+https://…@<commit>`, `editable:<path>`,
            `file:<path>`, the URL of an archive, or `conda`.
    """

    version: str
    source: str = "index"


class Python(NamedTuple):
    """The interpreter that ran the program."""

    version: str
    implementation: str
    build: str
    executable: str
    prefix: str


class Environment(NamedTuple):
    """What the program ran in; `python` is None when no Python program was seen.

    Attributes:
        notes: what could not be read; they are kept among the notes of the experiment.
    """

    python: Python | None = None
    platform: str = ""
    packages: Mapping[str, Package] = NOTHING
    variables: Mapping[str, str] = NOTHING
    system_libraries: tuple[Json, ...] = ()
    container: Json = None
    notes: tuple[str, ...] = ()


class Gpu(NamedTuple):
    """One accelerator, as its driver names it."""

    name: str
    memory_bytes: int
    driver: str
    uuid: str


class Hardware(NamedTuple):
    """The machine.

    Attributes:
        cores: logical processors.
        notes: what could not be read; they are kept among the notes of the experiment.
    """

    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()


class Point(NamedTuple):
    """One logged value of one metric.

    Attributes:
        step: as the program gave it, or None.
        time: seconds since the epoch, as the program's clock had it.
    """

    name: str
    value: Number
    step: Number | None
    time: float


class Metrics(NamedTuple):
    """What was measured.

    Attributes:
        values: the final value of each metric; NaN and infinities are floats here.
        sources: where each came from: `xgit.log`, `xgit.summary`, `hydra return value`, or a path.
        series: every logged point in the order of time.
        notes: what was dropped, each a sentence for the user.
    """

    values: Mapping[str, Number] = NOTHING
    sources: Mapping[str, str] = NOTHING
    series: tuple[Point, ...] = ()
    notes: tuple[str, ...] = ()


class Artifact(NamedTuple):
    """A file the run left; `stored` says whether the record holds its content."""

    path: str
    hash: str
    size_bytes: int
    stored: bool
