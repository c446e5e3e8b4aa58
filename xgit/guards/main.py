"""`xgit-guard`: the guards of a stage, as git's hooks and pre-commit call them.

    xgit-guard [GUARD…] [--stage STAGE] [--pushing-to REMOTE] [--verify-remote] [-- FILES…]

It answers as `xgit check` does, and starts faster: a hook is waited for. So it reads its few
options itself, and no library is imported for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from xgit import program
from xgit.errors import BUG, NO, XgitError, os_trouble
from xgit.record.escape import visible

if TYPE_CHECKING:
    from xgit.git.plumbing import Repo
    from xgit.record.model import PushedRef

AFTER_CHECKOUT = "checkout"
"""Not a stage that a project can choose guards for: it warns, and never refuses."""
PRE_COMMIT_PUSHES = "PRE_COMMIT_REMOTE_BRANCH"
"""Set by pre-commit and by prek where a push is what they run for."""
_AFTER_CTRL_C = 130
USAGE = """\
usage: xgit-guard [GUARD…] [--stage commit|push|run|ci|checkout] [--pushing-to REMOTE]
                  [--verify-remote] [-- FILE…]

Run the guards of a stage, or those that are named: 0 where all pass, 1 where one refuses, 2 where
that cannot be found out. Without --stage it is push where pre-commit says that something is
pushed, else commit. Names of files are ignored: guards look at the whole repository.

  --stage checkout      warn where an experiment was checked out and its data is other data; 0
  --pushing-to REMOTE   read what is pushed from standard input, as git tells a pre-push hook
  --verify-remote       ask the remotes themselves, and believe no earlier answer
"""


class Call(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        stage: None where none was named.
        remote: what `--pushing-to` names; what is pushed then stands in standard input.
        verify_remote: the remotes themselves are asked.
    """

    guards: tuple[str, ...] = ()
    stage: str | None = None
    remote: str | None = None
    verify_remote: bool = False
    help: bool = False


def main() -> NoReturn:
    """Run `xgit-guard` and exit."""
    program.begin()
    try:
        code = _answered(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        code = program.let_go()
    program.end(code)


def _answered(argv: Sequence[str]) -> int:
    try:
        call = parse(argv)
        if call.help:
            sys.stdout.write(USAGE)
            return 0
        code = run(call)
    except KeyboardInterrupt:
        code = _AFTER_CTRL_C
    except XgitError as error:
        code = _complain(error, error)
    except BrokenPipeError:
        raise
    except OSError as error:
        code = _complain(os_trouble(error), error)
    except Exception as error:  # noqa: BLE001 - the last place where a bug can be told
        code = _bug(error)
    return code


def _complain(told: XgitError, error: Exception) -> int:
    _trace(error)
    _say(f"error: {visible(told.message)}")
    if told.hint:
        _say(f"hint: {visible(told.hint)}")
    return told.exit_code


def _bug(error: Exception) -> int:
    if _trace(error):
        return BUG
    from xgit.guards.report import bug_error

    return _complain(bug_error(error), error)


def _trace(error: Exception) -> bool:
    if os.environ.get("XGIT_DEBUG") != "1":
        return False
    sys.excepthook(type(error), error, error.__traceback__)
    return True


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


# ---------------------------------------------------------------- what is asked


def parse(argv: Sequence[str]) -> Call:
    """Understand the command line; what follows `--`, and names of files, are left out.

    Raises:
        XgitError: there is no such option, or it lacks its value.
    """
    words = iter(argv)
    call = Call()
    for word in words:
        name, given, value = word.partition("=")
        match name:
            case "--":
                break
            case "-h" | "--help":
                call = call._replace(help=True)
            case "--verify-remote":
                call = call._replace(verify_remote=True)
            case "--stage":
                call = call._replace(stage=_value(name, value if given else next(words, "")))
            case "--pushing-to":
                call = call._replace(remote=_value(name, value if given else next(words, "")))
            case _ if word.startswith("-"):
                raise XgitError(f"xgit-guard has no option {word}", "xgit-guard --help")
            case _ if not _is_file(word):
                call = call._replace(guards=(*call.guards, word))
    return call


def _value(name: str, value: str) -> str:
    if value:
        return value
    raise XgitError(f"{name} needs a value", "xgit-guard --help")


def _is_file(word: str) -> bool:
    """Whether the word is a file's name that a hook runner has added, and no guard's."""
    from xgit.guards.registry import GUARDS

    return all(word != one.id for one in GUARDS) and os.path.lexists(word)


# ---------------------------------------------------------------- what is answered


def run(call: Call) -> int:
    """Run the guards and print what they found; the exit code.

    Raises:
        XgitError: there is no repository, no such stage or guard, or a fact cannot be had.
    """
    from xgit.git.plumbing import open_repo
    from xgit.guards import registry
    from xgit.guards.checking import check_repo
    from xgit.guards.report import lines_here

    repo = open_repo(_here())
    if call.stage == AFTER_CHECKOUT:
        return _warn(repo)
    is_push = call.remote is not None or PRE_COMMIT_PUSHES in os.environ
    stage = call.stage or ("push" if is_push else "commit")
    pushes = _pushes(repo, call) if is_push and stage == "push" else ()
    verify = call.verify_remote
    state, results = check_repo(repo, stage, call.guards, pushes, verify_remote=verify)
    for line in lines_here(results, state.root):
        _say(line)
    for note in state.notes:
        _say(f"  note: {visible(note)}")
    return NO if registry.refusals(results) else 0


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise XgitError("the current directory is gone", "cd ..") from error


def _pushes(repo: Repo, call: Call) -> tuple[PushedRef, ...]:
    from xgit.capture import pushes

    if call.remote is None:
        return pushes.from_pre_commit(repo, os.environ)
    return pushes.from_hook(sys.stdin.buffer.read(), call.remote)


def _warn(repo: Repo) -> int:
    """A checkout is over: whatever is found, or cannot be found out, it must not fail."""
    from xgit.guards.after_checkout import warnings

    try:
        for line in warnings(repo):
            _say(line)
    except XgitError as error:
        _complain(error, error)
    return 0
