"""Push and fetch: git started and its progress read through GitPython, which is imported here.

`git.Remote.push` and `.fetch` are not used. They let no option stand before the command, need
`FETCH_HEAD`, end on bytes of a server that are no UTF-8, and take a remote or a refspec that looks
like an option for one in some calls. So the arguments are whole lists, in which what is not ours
stands behind `--`; of GitPython there are `Git.execute`, and `RemoteProgress`, which reads what
git prints while it works. What a remote has is asked without a bar, through `plumbing`.

Tags go out from a repository of their own that has nothing but them, and the objects of this one:
git compares each pushed ref with each ref there is, so that 10,000 tags would take a minute.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, NamedTuple

from xgit.git.pack import DURABLE
from xgit.git.plumbing import SAFE_ENVIRONMENT, SAFE_OPTIONS, GitError, Repo, git_done
from xgit.git.references import sync_refs
from xgit.git.remotes import disarmed

if TYPE_CHECKING:
    from subprocess import Popen

    from git import RemoteProgress

Watch = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is, and of how much where that is known."""
_NETWORK = (
    *("-c", "core.alternateRefsCommand=true"),
    *("-c", "push.recurseSubmodules=no"),
    *("-c", "push.followTags=false"),
    *("-c", "fetch.fsckObjects=true"),  # the objects come from strangers
    *("-c", "fetch.unpackLimit=1"),  # a pack is synced to the disk, loose objects are not
    *("-c", "fetch.writeCommitGraph=false"),
)
_ONLY_THESE = (
    *("--no-tags", "--refmap=", "--no-write-fetch-head", "--no-auto-maintenance"),
    *("--no-prune", "--no-prune-tags", "--no-recurse-submodules", "--no-show-forced-updates"),
)
_UPLOAD = "--upload-pack=git-upload-pack"  # the repository's own config may name another
_RECEIVE = "--receive-pack=git-receive-pack"
_SAID_BYTES = 64 * 1024  # what a server says is kept up to here
_OUTGOING = "outgoing"
_DONE = (" * [new ", " = [up to date]")  # of each ref that came in


class Answer(NamedTuple):
    """How a transfer ended.

    Attributes:
        code: git's exit code.
        said: what git and the server wrote to stderr, without the progress.
        refused: full name of each ref that a push did not change, and why, as git has it.
    """

    code: int
    said: str
    refused: Mapping[str, str]


def remote_ids(repo: Repo, remote: str, *prefixes: str) -> dict[str, str]:
    """Full name to object id of the remote's refs under the prefixes, tags not peeled.

    Raises:
        GitError: the remote did not answer.
    """
    options, env = disarmed(repo)
    patterns = [f"{prefix}*" if prefix.endswith("/") else prefix for prefix in prefixes]
    args = ("ls-remote", "--refs", "--quiet", _UPLOAD, "--", remote, *patterns)
    done = git_done(repo, *_NETWORK, *options, *args, env={**env, **_prompting()})
    if done.returncode:
        raise GitError(args, done.returncode, done.stderr.decode(errors="replace"))
    pairs = (line.split("\t", 1) for line in os.fsdecode(done.stdout).splitlines())
    return {ref: oid for oid, ref in pairs if ref.startswith(prefixes)}


def push_new(repo: Repo, remote: str, refs: Mapping[str, str], watch: Watch) -> Answer:
    """Push all the refs or none: each is new there, or a branch of history that goes on.

    A tag that is there is refused by git, as long as nothing forces it, and between looking and
    writing by the server, which is told that there was none. It is what the lease
    `--force-with-lease=<ref>:` does, which takes a second for a thousand of them.

    Args:
        refs: full name to the id of an object that is here.
    """
    with _outgoing(repo, remote, refs) as env:
        args = ("--porcelain", "--progress", _RECEIVE, "--", remote, "refs/*:refs/*")
        answer = _transfer(repo, ("push", "--atomic", *args), watch, env=env)
        if answer.code and "does not support --atomic" in answer.said:
            answer = _transfer(repo, ("push", *args), watch, env=env)
        return answer


def push_branch(repo: Repo, remote: str, commit: str, branch: str, watch: Watch) -> Answer:
    """Make the remote's branch go on to the commit, or begin with it; never force it."""
    args = ("push", "--porcelain", "--progress", "--no-verify", _RECEIVE)
    return _transfer(repo, (*args, "--", remote, f"{commit}:refs/heads/{branch}"), watch)


def delete_refs(repo: Repo, remote: str, refs: Mapping[str, str], watch: Watch) -> Answer:
    """Delete all the refs on the remote, each only if it is still this object, or none."""
    leases = [f"--force-with-lease={ref}:{oid}" for ref, oid in refs.items()]
    args = ("push", "--atomic", "--porcelain", "--progress", *leases, _RECEIVE)
    return _transfer(repo, (*args, "--", remote, *(f":{ref}" for ref in refs)), watch)


def fetch_refs(repo: Repo, remote: str, refspecs: Iterable[str], watch: Watch) -> Answer:
    """Fetch what the refspecs name, durably; no other ref is touched, and none forced by itself."""
    wanted = list(refspecs)
    args = ("fetch", "--progress", *_ONLY_THESE, _UPLOAD, "--stdin", "--", remote)
    answer = _transfer(repo, args, watch, data="".join(f"{one}\n" for one in wanted))
    sync_refs(repo, (one.rpartition(":")[2] for one in wanted))
    return answer


# ---------------------------------------------------------------- a repository of its own


@contextmanager
def _outgoing(repo: Repo, remote: str, refs: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Variables that make git see the refs and no other; it is removed, also if its xgit died."""
    home, lock = _own_place(repo.private_dir / _OUTGOING)
    try:
        _lay_out(repo, home, remote, refs)
        objects = os.environ.get("GIT_OBJECT_DIRECTORY") or repo.common_dir / "objects"
        yield {"GIT_DIR": str(home), "GIT_OBJECT_DIRECTORY": str(objects)}
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _own_place(above: Path) -> tuple[Path, int]:
    """A new directory, locked as long as this process lives; those of the dead are removed."""
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    one_at_a_time = os.open(above, os.O_RDONLY)
    try:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        for place in above.iterdir():
            if _is_free(place):
                shutil.rmtree(place, ignore_errors=True)
        home = Path(tempfile.mkdtemp(dir=above))
        lock = os.open(home, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return home, lock
    finally:
        os.close(one_at_a_time)


def _is_free(place: Path) -> bool:
    with suppress(OSError):
        handle = os.open(place, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(handle)
    return False


def _lay_out(repo: Repo, home: Path, remote: str, refs: Mapping[str, str]) -> None:
    (home / "refs").mkdir()
    (home / "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
    lines = [f"{oid} {ref}\n" for ref, oid in sorted(refs.items())]
    (home / "packed-refs").write_bytes(os.fsencode("".join(lines)))
    if (repo.common_dir / "shallow").exists():
        shutil.copyfile(repo.common_dir / "shallow", home / "shallow")
    form = "\tobjectFormat = sha256\n" if repo.object_format == "sha256" else ""
    promisor = repo.config.get("extensions.partialclone")
    partial = f"\tpartialClone = {_quoted(promisor)}\n" if promisor else ""
    own = [repo.common_dir / "config", repo.git_dir / "config.worktree"]
    text = (
        f"[core]\n\trepositoryFormatVersion = 1\n[extensions]\n{form}{partial}[include]\n"
        + "".join(f"\tpath = {_quoted(str(path))}\n" for path in own)
        + f"[core]\n\tbare = true\n[remote {_quoted(remote)}]\n\tmirror = false\n"
    )
    (home / "config").write_bytes(os.fsencode(text))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# ---------------------------------------------------------------- through GitPython


def _transfer(
    repo: Repo,
    args: Sequence[str],
    watch: Watch,
    *,
    data: str = "",
    env: Mapping[str, str] | None = None,
) -> Answer:
    from git import Git

    options, own = disarmed(repo)
    argv = ["git", *SAFE_OPTIONS, *DURABLE, *_NETWORK, *options, *args]
    variables = {**SAFE_ENVIRONMENT, **repo.places, **own, **_prompting(), **(env or {})}
    with tempfile.TemporaryFile() as stdin:
        stdin.write(os.fsencode(data))
        stdin.seek(0)
        started = Git(str(repo.root or repo.git_dir)).execute(
            argv, istream=stdin, as_process=True, env=variables
        )
        assert started.proc is not None
        return _followed(started.proc, watch)


def _followed(process: Popen[bytes], watch: Watch) -> Answer:
    """Read both of its streams to their ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    listed: list[bytes] = []
    reader = Thread(target=lambda out: listed.append(out.read()), args=(process.stdout,))
    reader.start()
    try:
        said = _read_progress(process.stderr, _reader(watch))
        code = process.wait()
    except BaseException:  # Ctrl-C: git shall not go on by itself
        process.terminate()
        process.wait()
        raise
    finally:
        reader.join()
        process.stdout.close()
        process.stderr.close()
    return Answer(code, said, dict(_refused(b"".join(listed))))


def _read_progress(stream: IO[bytes], progress: RemoteProgress) -> str:
    """Hand on each line as it comes, a carriage return ending one, too; what was no progress.

    Of that the end is kept, where what went wrong stands.
    """
    left = b""
    said: deque[str] = deque()
    size = 0
    while chunk := os.read(stream.fileno(), 65536):
        *lines, left = (left + chunk).replace(b"\r", b"\n").split(b"\n")
        left = left[-_SAID_BYTES:]
        for line in (line.decode("utf-8", "replace").rstrip() for line in lines):
            if line and not line.startswith(_DONE) and not _is_progress(progress, line):
                said.append(line)
                size += len(line)
            while size > _SAID_BYTES and said:
                size -= len(said.popleft())
    if left:
        said.append(left.decode("utf-8", "replace"))
    return "\n".join(said)


def _is_progress(progress: RemoteProgress, line: str) -> bool:
    """Whether GitPython knows it for progress, of which it then tells."""
    others = len(progress.other_lines)
    progress._parse_progress_line(line)
    is_other = len(progress.other_lines) > others or line.startswith(("error:", "fatal:"))
    progress.other_lines.clear()
    progress.error_lines.clear()
    return not is_other


def _reader(watch: Watch) -> RemoteProgress:
    """GitPython's reader of git's progress, which tells `watch` of it."""
    from git import RemoteProgress

    words = {
        RemoteProgress.COUNTING: "counting",
        RemoteProgress.COMPRESSING: "compressing",
        RemoteProgress.WRITING: "sending",
        RemoteProgress.RECEIVING: "receiving",
        RemoteProgress.RESOLVING: "resolving",
        RemoteProgress.FINDING_SOURCES: "looking",
        RemoteProgress.CHECKING_OUT: "checking out",
    }

    class Telling(RemoteProgress):
        def update(
            self,
            op_code: int,
            cur_count: str | float,
            max_count: str | float | None = None,
            message: str = "",
        ) -> None:
            what = words.get(op_code & self.OP_MASK, "working")
            watch(what, int(float(cur_count)), int(float(max_count)) if max_count else None)

    return Telling()


def _refused(porcelain: bytes) -> Iterator[tuple[str, str]]:
    """The lines `!<tab><from>:<to><tab><reason>` of `git push --porcelain`."""
    for line in porcelain.decode("utf-8", "replace").splitlines():
        flag, _, rest = line.partition("\t")
        names, _, reason = rest.partition("\t")
        if flag == "!":
            yield names.rpartition(":")[2], reason


def _prompting() -> dict[str, str]:
    """On a terminal git may ask for a password, as it does by itself; in a script it may not."""
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    own = os.environ.get("GIT_TERMINAL_PROMPT", "1")
    return {"GIT_TERMINAL_PROMPT": own if asks else "0"}
