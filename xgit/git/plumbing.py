"""Objects, refs, status and config: each function is named by the answer it gives.

Internal calls do not depend on the user's configuration and run none of the code that a hostile
one names: hooks, fsmonitor, external diffs, and content filters of the repository's own config.
Nothing here writes to the user's index or work tree (`GIT_OPTIONAL_LOCKS=0`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from xgit.errors import XgitError

SAFE_OPTIONS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=false"),
    *("-c", "core.pager=cat"),
    *("-c", "color.ui=false"),
    *("-c", "gc.auto=0"),
    *("-c", "log.showSignature=false"),
    *("-c", "submodule.recurse=false"),
)
SAFE_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_BENDING = {  # variables that would make git mean something else by what it is asked here
    "GIT_CONFIG",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
}
_TOLD = 3  # how much of what git complains of is passed on
_LFS_COMMANDS = {
    "git-lfs clean -- %f",
    "git-lfs filter-process",
    "git-lfs filter-process --skip",
    "git-lfs smudge -- %f",
    "git-lfs smudge --skip -- %f",
}


class GitError(XgitError):
    """A git command that failed; `stderr` is what it said."""

    def __init__(self, args: Sequence[str], code: int, stderr: str) -> None:
        lines = stderr.strip().splitlines() or [f"exit code {code}"]
        grave = [line for line in lines if line.startswith(("error: ", "fatal: "))][-_TOLD:]
        said = "; ".join(line.partition(": ")[2] for line in grave) or lines[-1]
        rest = iter(args)
        command = next((word for word in rest if word != "-c" or not next(rest)), "")
        super().__init__(f"git {command} failed: {said}")
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True)
class Repo:
    """A git repository, opened once and passed to every function here.

    Attributes:
        root: the top of the work tree, or None in a bare repository.
        git_dir: this work tree's own git directory.
        common_dir: the git directory that all linked work trees share.
        object_format: `sha1` or `sha256`.
    """

    root: Path | None
    git_dir: Path
    common_dir: Path
    object_format: str = "sha1"
    shallow: bool = False
    _options: list[str] = field(default_factory=list, repr=False, compare=False)
    _places: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def zero(self) -> str:
        """The id that stands for no object."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    @property
    def work_tree(self) -> Path:
        """The top of the work tree.

        Raises:
            XgitError: the repository is bare.
        """
        if self.root is None:
            raise XgitError(
                f"{self.git_dir} is a bare repository, and this needs a work tree",
                f"git clone {shlex.quote(str(self.git_dir))}",
            )
        return self.root

    @property
    def private_dir(self) -> Path:
        """`.git/xgit`, which git never shares."""
        return self.common_dir / "xgit"

    @cached_property
    def config(self) -> Config:
        """All configuration in force, read once; content filters it names locally are disarmed."""
        config = _read_config(self)
        self._options.extend(config.disarming)
        return config


@dataclass(frozen=True)
class Config:
    """Git's configuration: the last value of each key, keys as git prints them."""

    values: Mapping[str, str]
    disarming: tuple[str, ...] = ()

    def get(self, key: str) -> str | None:
        """The value of `key`, its section and name in lower case, or None."""
        return self.values.get(key)

    def is_true(self, key: str) -> bool:
        """Whether `key` is set to something git reads as true."""
        return (self.get(key) or "false").lower() in ("true", "yes", "on", "1")

    @property
    def remotes(self) -> tuple[str, ...]:
        """Names of the configured remotes, in the order of the file."""
        names = (
            key.removeprefix("remote.").removesuffix(".url")
            for key in self.values
            if key.startswith("remote.") and key.endswith(".url")
        )
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class WorkTreeStatus:
    """What `git status` says: `commit` and `branch` are None when unborn or detached."""

    commit: str | None
    branch: str | None
    upstream: str | None
    untracked: tuple[str, ...]
    modified: tuple[str, ...]
    dirty_submodules: frozenset[str]


def open_repo(path: Path) -> Repo:
    """The repository that `path` lies in.

    Raises:
        XgitError: there is none, git is missing, or git refuses to open it.
    """
    fixed = ["--is-bare-repository", "--is-inside-work-tree", "--is-shallow-repository"]
    arguments = [*fixed, "--show-object-format", "--show-cdup", "--absolute-git-dir"]
    done = _run(["git", *SAFE_OPTIONS, "rev-parse", *arguments], cwd=path)
    if done.returncode:
        raise _cannot_open(path, done.stderr.decode(errors="replace"))
    # The paths come last: they alone may hold a newline.
    bare, inside, shallow, object_format, rest = os.fsdecode(done.stdout).split("\n", 4)
    root = None
    if inside == "true":
        up, _, rest = rest.partition("\n")
        root = Path(os.path.realpath(path / up))
    own = Path(rest.removeprefix("\n").removesuffix("\n"))
    if root is None and bare != "true":
        raise XgitError(f"{path} lies inside a git directory", f"cd {shlex.quote(str(own.parent))}")
    common = _common_dir(own)
    # As in a git hook, these may be set, and relative to where we are now: git runs elsewhere.
    places = {"GIT_DIR": own, "GIT_WORK_TREE": root, "GIT_COMMON_DIR": common}
    absolute = {name: str(place) for name, place in places.items() if place and name in os.environ}
    return Repo(root, own, common, object_format, shallow == "true", _places=absolute)


def _common_dir(git_dir: Path) -> Path:
    try:
        written = os.fsdecode((git_dir / "commondir").read_bytes()).removesuffix("\n")
    except FileNotFoundError:
        return git_dir
    return Path(os.path.realpath(git_dir / written))


def _cannot_open(path: Path, said: str) -> XgitError:
    if "dubious ownership" in said:
        return XgitError(
            f"git refuses {path}: the repository belongs to another user",
            f"git config --global --add safe.directory {shlex.quote(str(path))}",
        )
    if "not a git repository" in said and "GIT_DIR" in os.environ:
        told = f"GIT_DIR is set to {os.environ['GIT_DIR']}, which is not a git repository"
        return XgitError(told, "unset GIT_DIR")
    if "not a git repository" in said:
        return XgitError(f"{path} is not in a git repository", "git init")
    return GitError(["rev-parse"], 128, said)


def _run(
    argv: Sequence[str],
    *,
    cwd: Path,
    data: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv,
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**_environment(), **(env or {})},
            check=False,
        )
    except FileNotFoundError as error:
        if not Path(cwd).is_dir():
            raise XgitError(f"{cwd} is not a directory") from error
        raise XgitError("git is not installed", "install git 2.30 or newer") from error


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _BENDING}
    return {**inherited, **SAFE_ENVIRONMENT}


def git_done(
    repo: Repo, *args: str, data: bytes | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in the repository and return how it ended, whatever that was."""
    argv = ["git", *SAFE_OPTIONS, *repo._options, *args]
    return _run(argv, cwd=repo.root or repo.git_dir, data=data, env={**repo._places, **(env or {})})


def git_bytes(
    repo: Repo, *args: str, data: bytes | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """What git printed.

    Raises:
        GitError: it failed.
    """
    done = git_done(repo, *args, data=data, env=env)
    if done.returncode:
        raise GitError(args, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def git_line(
    repo: Repo, *args: str, data: bytes | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The one line git printed, without its newline; empty when it printed none."""
    return os.fsdecode(git_bytes(repo, *args, data=data, env=env)).removesuffix("\n")


def git_fields(repo: Repo, *args: str) -> list[str]:
    """The NUL-separated fields git printed (the command must have its `-z`)."""
    return [item for item in os.fsdecode(git_bytes(repo, *args)).split("\0") if item]


def git_success(repo: Repo, *args: str) -> bool:
    """Whether git ended with 0."""
    return git_done(repo, *args).returncode == 0


# ---------------------------------------------------------------- config and identity


def _read_config(repo: Repo) -> Config:
    values: dict[str, str] = {}
    local_filters: dict[str, str] = {}
    fields = git_fields(repo, "config", "--list", "-z", "--show-scope")
    for scope, entry in zip(fields[::2], fields[1::2], strict=True):
        key, given, value = entry.partition("\n")
        values[key] = value if given else "true"
        if key.startswith("filter.") and scope in ("local", "worktree"):
            local_filters[key] = value
    return Config(values, tuple(_disarm(local_filters)))


def _disarm(filters: Mapping[str, str]) -> Iterator[str]:
    """Options that switch off the filter commands a repository's own config brings along."""
    for key, value in filters.items():
        if key.endswith((".clean", ".smudge", ".process")) and value not in _LFS_COMMANDS:
            yield from ("-c", f"{key}=")
            yield from ("-c", f"{key.rpartition('.')[0]}.required=false")


def identity_line(repo: Repo) -> str:
    """`Name <email> seconds zone` as git would write it for a commit made now.

    Raises:
        XgitError: git knows no name or no email.
    """
    done = git_done(repo, "var", "GIT_COMMITTER_IDENT")
    if done.returncode:
        raise XgitError(
            "git does not know who you are, and an experiment has an author",
            'git config --global user.name "Your Name" && '
            "git config --global user.email you@example.com",
        )
    return os.fsdecode(done.stdout).removesuffix("\n")


def identity_now(line: str) -> str:
    """The identity line with the time of this moment, unless the user has set a time."""
    if "GIT_COMMITTER_DATE" in os.environ:
        return line
    who, _, zone = line.rsplit(" ", 2)
    return f"{who} {int(time.time())} {zone}"


# ---------------------------------------------------------------- status and commits


def work_tree_status(repo: Repo) -> WorkTreeStatus:
    """HEAD, branch, untracked and modified files by one `git status`, the index left alone."""
    entries = git_fields(
        repo,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--no-ahead-behind",
        "--no-renames",
        "--untracked-files=normal",
        "--ignore-submodules=none",
    )
    headers: dict[str, str] = {}
    untracked: list[str] = []
    modified: list[str] = []
    submodules: set[str] = set()
    for entry in entries:
        match entry[0]:
            case "#":
                _, key, value = entry.split(" ", 2)
                headers[key] = value
            case "?":
                untracked.append(entry[2:])
            case "1" | "u":
                path = entry.split(" ", 8 if entry[0] == "1" else 10)[-1]
                modified.append(path)
                if entry.split(" ", 3)[2].startswith("S"):
                    submodules.add(path)
    oid = headers.get("branch.oid")
    head = headers.get("branch.head")
    return WorkTreeStatus(
        commit=None if oid == "(initial)" else oid,
        branch=None if head == "(detached)" else head,
        upstream=headers.get("branch.upstream"),
        untracked=tuple(untracked),
        modified=tuple(modified),
        dirty_submodules=frozenset(submodules),
    )


def is_on_a_remote(repo: Repo, commit: str) -> bool:
    """Whether a remote-tracking branch holds the commit, as of the last fetch or push."""
    return not git_line(repo, "rev-list", "-n1", commit, "--not", "--remotes")


def commits_on_no_remote(repo: Repo, commit: str) -> int:
    """How many commits that `commit` reaches are on no remote-tracking branch."""
    return int(git_line(repo, "rev-list", "--count", commit, "--not", "--remotes"))


def tracked_paths(repo: Repo, *patterns: str) -> list[str]:
    """Tracked paths that match any of the pathspecs, relative to the root."""
    return git_fields(repo, "ls-files", "-z", "--full-name", "--", *patterns)


def submodule_commits(repo: Repo) -> dict[str, str]:
    """Path of each submodule to the commit the index records for it."""
    found: dict[str, str] = {}
    for entry in git_fields(repo, "ls-files", "-z", "--stage"):
        if entry.startswith("160000 "):
            head, _, path = entry.partition("\t")
            found[path] = head.split(" ")[1]
    return found


@dataclass(frozen=True)
class CodeChange:
    """What lies between two commits: how many on each side, and the change of files in words."""

    behind: int
    ahead: int
    diffstat: str
    files: tuple[str, ...]


def code_change(repo: Repo, old: str, new: str) -> CodeChange:
    """Compare two commits, `.xgit/` left out.

    Raises:
        GitError: one of them is not in this repository.
    """
    left, right = git_line(repo, "rev-list", "--left-right", "--count", f"{old}...{new}").split()
    safe = ("diff", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=dirty")
    where = (old, new, "--", ".", ":(exclude).xgit")
    stat = git_line(repo, *safe, "--shortstat", *where).strip()
    names = git_fields(repo, *safe, "--name-only", "-z", *where)
    return CodeChange(int(left), int(right), stat, tuple(names))


# ---------------------------------------------------------------- objects and refs


@dataclass(frozen=True)
class RefLine:
    """One ref: what it points at, what that is, and the message of an annotated tag."""

    ref: str
    kind: str
    target: str | None
    subject_and_body: str


def refs_with_messages(repo: Repo, prefix: str, *, newest: int | None = None) -> list[RefLine]:
    """Every ref under `prefix` with its tag message; the newest by creation first if limited."""
    form = "%(refname)%00%(objecttype)%00%(*objectname)%00%(contents)%00%01"
    order = ["--sort=-creatordate", f"--count={newest}"] if newest else []
    text = git_bytes(repo, "for-each-ref", f"--format={form}", *order, prefix)
    lines = text.decode("utf-8", "replace").split("\0\x01\n")
    return [_ref_line(line) for line in lines if line]


def _ref_line(line: str) -> RefLine:
    ref, kind, target, message = line.split("\0", 3)
    return RefLine(ref, kind, target or None, message)


def ref_names(repo: Repo, prefix: str) -> list[str]:
    """Full names of the refs under `prefix` (a directory, or the start of one name with `*`)."""
    return git_bytes(repo, "for-each-ref", "--format=%(refname)", prefix).decode().splitlines()


def read_objects(repo: Repo, names: Iterable[str], *, limit_bytes: int) -> list[bytes | int | None]:
    """The content behind each object name, in order; one process for all of them.

    Returns:
        For each name its bytes, None when there is no such object, or its size when that is over
        `limit_bytes` (the content is then not kept).
    """
    wanted = list(names)
    lines = "".join(f"{name}\n" for name in wanted).encode("utf-8", "surrogateescape")
    checked = git_bytes(repo, "cat-file", "--batch-check=%(objectname) %(objectsize)", data=lines)
    sizes = [_size(line) for line in checked.decode("utf-8", "surrogateescape").splitlines()]
    small = [pair[0] for pair in sizes if pair is not None and pair[1] <= limit_bytes]
    contents = _read_batch(repo, small)
    answer: list[bytes | int | None] = []
    for pair in sizes:
        if pair is None:
            answer.append(None)
        else:
            answer.append(contents.get(pair[0], pair[1]))
    return answer


def _size(line: str) -> tuple[str, int] | None:
    name, _, size = line.rpartition(" ")
    return (name, int(size)) if size.isdigit() else None


def _read_batch(repo: Repo, oids: Sequence[str]) -> dict[str, bytes]:
    if not oids:
        return {}
    out = git_bytes(repo, "cat-file", "--batch", data="".join(f"{oid}\n" for oid in oids).encode())
    contents: dict[str, bytes] = {}
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        oid, _, size = out[at:end].split(b" ")
        start = end + 1
        contents[oid.decode()] = out[start : start + int(size)]
        at = start + int(size) + 1
    return contents


def object_names(repo: Repo, names: Iterable[str]) -> list[str | None]:
    """The full object id behind each name, or None where there is no such object."""
    lines = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    checked = git_bytes(repo, "cat-file", "--batch-check=%(objectname) %(objecttype)", data=lines)
    answers = checked.decode("utf-8", "surrogateescape").splitlines()
    absent = (" missing", " ambiguous")
    return [None if line.endswith(absent) else line.split(" ")[0] for line in answers]


def tree_bytes(repo: Repo, commit: str) -> bytes:
    """The raw root tree of a commit, entries `mode name NUL id` as git hashes them."""
    return git_bytes(repo, "cat-file", "tree", f"{commit}^{{tree}}")


def has_ref(repo: Repo, ref: str) -> bool:
    """Whether a ref of exactly this name exists."""
    return git_success(repo, "show-ref", "--verify", "--quiet", ref)


def ref_in_the_way(repo: Repo, ref: str) -> str | None:
    """A ref because of which git cannot create this one: the same, one below it, or one above.

    Of those above only loose ones are looked for, which is what a slip leaves.
    """
    below = ref_names(repo, ref)
    if below:
        return below[0]
    above = [parent for parent in PurePosixPath(ref).parents if len(parent.parts) > 2]  # noqa: PLR2004 - refs/tags
    return next((str(one) for one in above if (repo.common_dir / one).is_file()), None)
