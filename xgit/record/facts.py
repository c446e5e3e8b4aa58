"""The nouns of what is captured: parameters, environment, metrics, and what guards look at."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

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
        source: `index`, or where it came from: `git+https://…@<commit>`, with
            `#subdirectory=<path>` where it is not at the top; `editable:<path>`; `file:<path>`; the
            URL of an archive, with `#sha256=<hex>` where its installer noted that; or `conda`.
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


class Unlocked(NamedTuple):
    """A package that `pylock.toml` does not have, so that it cannot be installed from there.

    Attributes:
        why: in words that could follow `because`.
        directory: where in the repository it is installed from, `.` for its top; None elsewhere.
    """

    name: str
    version: str
    why: str
    directory: str | None = None


class EnvironmentLock(NamedTuple):
    """What is known of how the packages could be installed again.

    Attributes:
        fingerprint: of interpreter, platform and packages: the same for the same environment.
        source: who made the `pylock.toml` of the record; None where the record has none.
        problem: why it has none, and what would mend it.
        project: the lock file of the project in the commit that ran, or None.
    """

    fingerprint: str
    source: Literal["uv"] | None = None
    missing: tuple[Unlocked, ...] = ()
    problem: str | None = None
    project: str | None = None


class Environment(NamedTuple):
    """What the program ran in; `python` is None when no Python program was seen.

    Attributes:
        notes: what could not be read; they are kept among the notes of the experiment.
        lock: None when no Python program was seen, or a version before locks recorded it.
    """

    python: Python | None = None
    platform: str = ""
    packages: Mapping[str, Package] = NOTHING
    variables: Mapping[str, str] = NOTHING
    system_libraries: tuple[Json, ...] = ()
    container: Json = None
    notes: tuple[str, ...] = ()
    lock: EnvironmentLock | None = None


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


# ---------------------------------------------------------------- what guards judge


class Credential(NamedTuple):
    """A secret where none may be. The secret itself is not kept.

    Attributes:
        path: of the staged file that has it in `line`, counted from one.
        remote: name of the remote whose URL has it; `url` is the URL without it.
        push: it is the URL for pushes alone.
    """

    kind: str
    path: str = ""
    line: int = 0
    remote: str | None = None
    url: str = ""
    push: bool = False


class Lock(NamedTuple):
    """A lock file.

    Attributes:
        path: relative to the root.
        versions: those it allows of each package, by the normal form of its name.
        stale: in words, how it differs from the pyproject.toml that it was made for.
        elsewhere: packages, by that name, that come from no index: a commit, an address, a path.
        gone: names and versions that no index has, where an index was asked.
    """

    path: str
    versions: Mapping[str, tuple[str, ...]]
    stale: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    gone: tuple[tuple[str, str], ...] = ()


class Installed(NamedTuple):
    """An environment and its packages.

    Attributes:
        prefix: of a virtual environment its directory, else the interpreter.
        install: the start of a command that installs into it, such as `uv pip install`.
        sync: the command that brings it to the state of uv.lock, or None where there is none.
    """

    prefix: str
    packages: Mapping[str, Package]
    install: str
    sync: str | None = None


class ConfigFile(NamedTuple):
    """A Hydra config as the index has it.

    Attributes:
        directory: the config directory that it lies in; `.` is the root.
        text: what a link leads to where it is one; None when the next commit removes the file.
        staged: the next commit changes it.
        primary: programs start from it, as far as can be told.
    """

    path: str
    directory: str
    text: str | None
    staged: bool = False
    primary: bool = False
    link: bool = False


class ConfigFailure(NamedTuple):
    """A config that the project's Hydra cannot compose, as the index has it.

    Attributes:
        inside: path of the config that has to be changed; often the same.
        lacking: path of a config that is in the work tree and not in the index, and would help.
        ignored: git ignores what is lacking.
    """

    path: str
    reason: str
    inside: str
    lacking: str = ""
    ignored: bool = False


class RequiredVariable(NamedTuple):
    """A variable that a staged config demands, at its first place; lines are counted from one.

    Attributes:
        declare_in: the file of settings to which the table of the guard can be appended, or empty
            where it has the table.
    """

    name: str
    path: str
    line: int
    declare_in: str = ""


class ComposedConfig(NamedTuple):
    """A config as the program composed it, or `params.yaml` as it stands.

    Attributes:
        values: dotted name to resolved value.
        variables: name of each environment variable that it reads through `oc.env` without a
            default, with its value, or None where it is unset.
        readers: name of a variable to the dotted names whose values it went into, where known.
        source: `hydra`, or the path of the params file.
    """

    values: Mapping[str, Json]
    variables: Mapping[str, str | None] = NOTHING
    source: str = "hydra"
    readers: Mapping[str, tuple[str, ...]] = NOTHING


class StagedFile(NamedTuple):
    """A file whose content the next commit adds or changes.

    Attributes:
        mode: as git has it: `100644`, `100755`, `120000` (a link) or `160000` (a submodule).
        blob: the id of the staged content.
        lfs: the content is a pointer of git LFS; `size_bytes` is that of the pointer.
        known: HEAD has this very content, under this path or one that the commit changes.
    """

    path: str
    mode: str
    blob: str
    size_bytes: int
    lfs: bool = False
    known: bool = False


class MentionedPath(NamedTuple):
    """A file or directory that a run is told to use, and that no commit and no pin has.

    Attributes:
        path: relative to the root; absolute where it lies outside.
        where: what names it: `the command line`, or the config and the dotted name in it.
        state: `ignored` by git, or `outside` the repository.
        add: of what is ignored, the path that `dvc add` takes: of a directory that is ignored as a
            whole, DVC takes all or nothing.
        reinclude: the directory whose `*.dvc` git ignores, which has to end before; or None.
    """

    path: str
    where: str
    state: Literal["ignored", "outside"]
    add: str = ""
    reinclude: str | None = None


class PushedRef(NamedTuple):
    """One line that git gives a pre-push hook; an id of zeros stands for nothing.

    Attributes:
        remote: name or URL of where it is pushed to.
    """

    local_ref: str
    local_id: str
    remote_ref: str
    remote_id: str
    remote: str = "origin"

    @property
    def deletes(self) -> bool:
        """Whether the remote is to have the ref no longer."""
        return not self.local_id.strip("0")

    @property
    def creates(self) -> bool:
        """Whether the remote does not have the ref yet."""
        return not self.remote_id.strip("0")


class Trouble(NamedTuple):
    """Why something could not be had or known, and the command that helps."""

    reason: str
    remedy: str
