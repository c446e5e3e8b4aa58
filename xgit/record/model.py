"""The nouns: everything that is passed from one room to the next.

All are named tuples: frozen, and a tenth of a dataclass's cost at import, which every command
pays. Paths are `/`-separated strings relative to the repository root unless
a name says otherwise; bytes of a file name that are not UTF-8 are kept as surrogate escapes.
Times are `datetime` in UTC. Sizes end in `_bytes`, durations in `_seconds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from xgit.record.code_facts import (
    HiddenChange,
    NestedRepo,
    RemoteAnswer,
    UnnamedModule,
    UnpushedModule,
)
from xgit.record.facts import (
    NOTHING,
    Artifact,
    ComposedConfig,
    ConfigFailure,
    ConfigFile,
    Credential,
    Environment,
    EnvironmentLock,
    Gpu,
    Hardware,
    HydraFacts,
    Installed,
    Json,
    Lock,
    MentionedPath,
    Metrics,
    Number,
    Package,
    Params,
    Point,
    PushedRef,
    Python,
    RequiredVariable,
    StagedFile,
    Trouble,
    Unlocked,
)
from xgit.record.said import Event

__all__ = [
    "NOTHING",
    "Artifact",
    "Broken",
    "Code",
    "ComposedConfig",
    "ConfigFailure",
    "ConfigFile",
    "Credential",
    "Environment",
    "EnvironmentLock",
    "Event",
    "Expectation",
    "Experiment",
    "Gpu",
    "GuardResult",
    "Hardware",
    "HydraFacts",
    "Installed",
    "Json",
    "Lock",
    "MentionedPath",
    "Metrics",
    "Number",
    "Outcome",
    "Package",
    "Params",
    "Person",
    "Pin",
    "Point",
    "PushedRef",
    "Python",
    "RepoState",
    "Request",
    "RequiredVariable",
    "StagedFile",
    "Status",
    "Submodule",
    "Summary",
    "Trouble",
    "Unlocked",
    "Violation",
]

Status = Literal["completed", "failed", "interrupted"]


class Request(NamedTuple):
    """What the user asked for, checked before anything is started.

    Attributes:
        argv: the command, the program first.
        cwd: where it is started; absolute.
        expressions: the `--expect` texts, already parsed once.
        allow: ids of the guards whose violations are recorded instead of refused.
        timeout_seconds: after which the command is ended, or None.
    """

    argv: tuple[str, ...]
    cwd: str
    name: str | None = None
    why: str | None = None
    expressions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()
    snapshot: bool = False
    timeout_seconds: float | None = None


class Person(NamedTuple):
    """Who ran it, as git knows them."""

    name: str
    email: str


class Submodule(NamedTuple):
    """A repository inside this one, at the commit its parent records."""

    path: str
    commit: str
    dirty: bool = False


class Code(NamedTuple):
    """The commit that ran.

    Attributes:
        commit: HEAD before the run.
        branch: None when HEAD is detached.
        remote: name and credential-free URL of the remote the branch belongs to, or None.
        pushed: whether a remote-tracking branch holds HEAD.
        snapshot: the commit made of uncommitted files on top of `commit`, or None.
    """

    commit: str
    branch: str | None
    remote: str | None
    pushed: bool
    snapshot: str | None = None
    submodules: tuple[Submodule, ...] = ()

    @property
    def ran(self) -> str:
        """The commit whose tree ran, and the parent of the record commit."""
        return self.snapshot or self.commit


class Pin(NamedTuple):
    """A content hash that fixes a file or a directory of the work tree.

    Attributes:
        path: the file or directory that is pinned.
        kind: who keeps the content.
        hash: `md5:<hex>`, `md5:<hex>.dir` or `sha256:<hex>`.
        files: how many files a directory holds; 1 for a file; None when not known.
        name: the data set's name: the pin's `meta.name`, else its `desc`, else the path.
        version: the pin's `meta.version`, else the first seven digits of the hash.
        source: the file the pin is written in, such as `data/digits.csv.dvc`.
        command: the dvc.lock stage command that made it, or None.
        stale: how the work tree differs from the pin in a few words, or None where it agrees.
        missing: the file, or a part of the directory, is not there (not pulled yet).
        pushed: whether a DVC remote holds it; None when not asked or not a DVC pin.
        pushable: False where the pin itself says `push: false` or nothing is cached.
        remote: the one DVC remote the pin names for its data, or None.
        legacy: made by DVC 2, which hashes text with LF line ends and has another layout.
        home: the directory of the DVC repository the pin belongs to; empty at the top.
        trouble: why `pushed` is not True, where there is more to say than that it is not pushed.
    """

    path: str
    kind: Literal["dvc", "git", "lfs", "external"]
    hash: str
    size_bytes: int | None = None
    files: int | None = None
    name: str = ""
    version: str = ""
    source: str = ""
    command: str | None = None
    stale: str | None = None
    missing: bool = False
    pushed: bool | None = None
    pushable: bool = True
    remote: str | None = None
    legacy: bool = False
    home: str = ""
    trouble: Trouble | None = None

    @property
    def label(self) -> str:
        """`name:version`, as it is offered among the labels of an experiment."""
        return f"{self.name}:{self.version}"


class RepoState(NamedTuple):
    """What the guards judge: the repository as it was before the run.

    Attributes:
        commit: HEAD, or None when nothing was committed yet.
        ahead: commits that are on no remote; None when not counted.
        remotes: names of the configured remotes.
        upstream: the remote-tracking branch that `branch` follows, such as `origin/main`, or None.
        untracked: untracked files that are not ignored; a wholly untracked directory ends in `/`.
        modified: tracked files that differ from HEAD, staged or not.
        notes: what could not be known, each a sentence for the user.
        stage: `commit`, `push`, `run` or `ci`.
        options: the options of each guard by its id, the defaults included.
        command: what is to be run, the program first; only at the run stage.
        cwd: where it will start; absolute.
        config: what the program composed, where that is known.
        staged: what the next commit adds or changes; only at the commit stage.
        pushes: what is about to be pushed; only in a pre-push hook.
        credentials: secrets in what is staged (at the commit stage), else in the remotes' URLs.
        lock: what the lock file of the project says, where it has one.
        installed: the environment that the command will run in, where it can be told.
        config_files: the Hydra configs that the next commit will have, of each config directory in
            which it changes one; outside the commit stage of all.
        config_failures: the configs that do not compose.
        required_variables: what staged configs read through `oc.env` without a default, and
            `Settings.variables` lacks.
        mentioned: what the command line and the config name and nothing pins; only where something
            is about to run.
        dvc_homes: the directories of the DVC repositories that `staged` and `mentioned` lie in;
            empty at the top.
        lfs: git LFS keeps files of this repository.
        hidden: changed files that git was told not to look at, so that `modified` lacks them.
        nested: untracked repositories, each by itself or in a directory that is `untracked`.
        answers: what the remotes said of HEAD, where they were asked.
        unpushed_modules: submodules whose commit is on no remote, as far as that is known.
        unnamed_modules: submodules of which nothing says where they are from.
    """

    root: str
    commit: str | None
    branch: str | None
    pushed: bool
    ahead: int | None = None
    remotes: tuple[str, ...] = ()
    remote: str | None = None
    untracked: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    submodules: tuple[Submodule, ...] = ()
    pins: tuple[Pin, ...] = ()
    author: Person = Person("", "")
    notes: tuple[str, ...] = ()
    upstream: str | None = None
    stage: str = "run"
    options: Mapping[str, Mapping[str, Json]] = NOTHING
    command: tuple[str, ...] = ()
    cwd: str = ""
    config: ComposedConfig | None = None
    staged: tuple[StagedFile, ...] = ()
    pushes: tuple[PushedRef, ...] = ()
    credentials: tuple[Credential, ...] = ()
    lock: Lock | None = None
    installed: Installed | None = None
    config_files: tuple[ConfigFile, ...] = ()
    config_failures: tuple[ConfigFailure, ...] = ()
    required_variables: tuple[RequiredVariable, ...] = ()
    mentioned: tuple[MentionedPath, ...] = ()
    dvc_homes: tuple[str, ...] = ()
    lfs: bool = False
    hidden: tuple[HiddenChange, ...] = ()
    nested: tuple[NestedRepo, ...] = ()
    answers: tuple[RemoteAnswer, ...] = ()
    unpushed_modules: tuple[UnpushedModule, ...] = ()
    unnamed_modules: tuple[UnnamedModule, ...] = ()


class Violation(NamedTuple):
    """One thing a guard found.

    Attributes:
        guard: the guard's id.
        subject: the path or name that is wrong.
        remedy: the command that mends it, fit to be pasted into a shell.
        alternative: another way out, such as "or ignore it", or None.
    """

    guard: str
    subject: str
    remedy: str
    alternative: str | None = None


class GuardResult(NamedTuple):
    """How one guard judged the state."""

    id: str
    outcome: Literal["passed", "failed", "allowed"]
    violations: tuple[Violation, ...] = ()


class Outcome(NamedTuple):
    """How the command ended.

    Attributes:
        exit_code: as a shell would show it; 128 + n after signal n. None when nobody saw it end.
        signal: the name of the signal that ended it, such as `SIGKILL`, or None.
        duration_seconds: by the monotonic clock.
    """

    status: Status
    exit_code: int | None
    signal: str | None
    started: datetime
    finished: datetime
    duration_seconds: float


class Expectation(NamedTuple):
    """What was expected before the run; `met` is None when it could not be judged."""

    expression: str
    met: bool | None
    problem: str | None = None


class Experiment(NamedTuple):
    """One run of a command and all that is known of it. Its JSON form is `record.json`."""

    id: str
    outcome: Outcome
    author: Person
    command: tuple[str, ...]
    cwd: str
    code: Code
    xgit_version: str
    why: str | None = None
    expectations: tuple[Expectation, ...] = ()
    labels: tuple[str, ...] = ()
    sweep_id: str | None = None
    sweep_index: int | None = None
    params: Params = Params()
    data: tuple[Pin, ...] = ()
    environment: Environment = Environment()
    hardware: Hardware = Hardware()
    utilization: Mapping[str, Json] = NOTHING
    metrics: Metrics = Metrics()
    artifacts: tuple[Artifact, ...] = ()
    evidence: Mapping[str, Json] = NOTHING
    guards: tuple[GuardResult, ...] = ()
    reproducible: bool = False
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    log: bytes = b""
    files: Mapping[str, bytes] = NOTHING
    """Content kept in the record by its path under `.xgit/`, such as `artifacts/model.json`."""


class Summary(NamedTuple):
    """An experiment as its tag message tells it, without opening a tree.

    Attributes:
        labels: those that hold now: recorded, and put on or taken off since.
        cut: parameters were left out for size; the record has them all.
        said: what was said of it after the fact, in the order of time.
        verdict: no part of the tag: what its verdicts come to, in a word (`Standing.word`), where
            somebody looked.
    """

    id: str
    status: Status
    exit_code: int | None
    started: datetime
    finished: datetime
    duration_seconds: float
    author: str
    why: str | None
    labels: tuple[str, ...]
    commit: str
    branch: str | None
    params: Mapping[str, Json]
    metrics: Mapping[str, Number]
    expectations: tuple[Expectation, ...]
    reproducible: bool
    cut: bool = False
    said: tuple[Event, ...] = ()
    verdict: str | None = None


class Broken(NamedTuple):
    """A tag under `experiment/` that could not be read, and why."""

    id: str
    reason: str
