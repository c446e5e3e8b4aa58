"""What a reproduction would run, and whose word there is for it: shown before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xgit.capture.data.dvc_config import read_dvc_config
from xgit.capture.environment import pylock
from xgit.capture.environment.locking import FILE_NAME
from xgit.git import fresh
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.git.signature import Signature, verify_tag
from xgit.record import figures, refs
from xgit.record.model import Experiment, Json
from xgit.record.page import shell_line
from xgit.record.urls import strip_url
from xgit.reproduce import wanted
from xgit.reproduce.checkout import remote_of
from xgit.store import experiments

_NAMED = 4


class Line(NamedTuple):
    """One thing that is shown."""

    name: str
    text: str


def what_would_run(
    repo: Repo, it: Experiment, *, hermetic: bool, here: bool, builds: bool
) -> tuple[Line, ...]:
    """Command, author, signer and remotes, and what the command would be kept from."""
    where = "" if it.cwd in ("", ".") else f"   (in {it.cwd})"
    lines = [
        Line("command", shell_line(it.command) + where),
        Line("author", f"{it.author.name} <{it.author.email}>"),
        Line("signature", _signature(repo, it)),
        Line("code", f"{it.code.ran[:12]} from {_code_remote(repo, it)}"),
        *_data(repo, it),
        Line("packages", _packages(repo, it, here=here, builds=builds)),
        Line("reach", _reach(hermetic)),
    ]
    return tuple(lines)


def _signature(repo: Repo, it: Experiment) -> str:
    (tag,) = git_objects.object_names(repo, [refs.format_ref(it.id)])
    return told(verify_tag(repo, tag)) if tag else "there is no tag"


def told(signature: Signature) -> str:
    """A signature as a person reads it."""
    if signature.kind == "none":
        return "none: anybody who may push could have made it"
    if signature.kind == "good":
        return f"good, by {signature.signer}"
    return f"{signature.kind}: {signature.why}"


def _code_remote(repo: Repo, it: Experiment) -> str:
    remote = remote_of(repo, it)
    return strip_url(fresh.remote_url(repo, remote)) if remote else "this clone: there is no remote"


def _data(repo: Repo, it: Experiment) -> Iterator[Line]:
    pins = [pin for pin in it.data if pin.kind == "dvc" and not pin.missing]
    if not pins:
        return
    sizes = [pin.size_bytes for pin in pins]
    size = f" ({figures.format_bytes(sum(filter(None, sizes)))})" if all(sizes) else ""
    remotes = [
        strip_url(remote.url)
        for home in dict.fromkeys(pin.home for pin in pins)
        for remote in read_dvc_config(repo.work_tree / home).remotes
    ]
    what = pins[0].path if len(pins) == 1 else f"{pins[0].path} and {len(pins) - 1} more"
    yield Line("data", f"{what}{size} from {', '.join(remotes) or 'no DVC remote'}")


def _packages(repo: Repo, it: Experiment, *, here: bool, builds: bool) -> str:
    if here:
        return "those that are installed here: it proves less"
    count = len(it.environment.packages)
    python = it.environment.python
    version = f"Python {python.version}, " if python else ""
    return f"{version}{count} packages in an environment of its own{_built(repo, it, builds)}"


def _built(repo: Repo, it: Experiment, builds: bool) -> str:
    """Those that have no wheel, so that code of theirs runs when they are installed."""
    if not builds:
        return "; none is built from source"
    text = experiments.load_file(repo, it.id, FILE_NAME)
    try:
        entries = pylock.read_entries(text.decode())[1] if text else []
    except ValueError as error:
        return f"; its {FILE_NAME} cannot be read: {error}"
    names = [one.name for one in wanted.plan(it.environment, [entries]).locked if one.must_be_built]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; built from source: {', '.join(names[:_NAMED])}{more}"


def _reach(hermetic: bool) -> str:
    if hermetic:
        return "no network, no home directory, no other files: only what the record names"
    return "all that you can do on this machine (--hermetic gives it no network and no home)"


def as_json(lines: tuple[Line, ...]) -> Mapping[str, Json]:
    """The lines by their names."""
    return {line.name: line.text for line in lines}
