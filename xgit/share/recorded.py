"""The pins of recorded experiments, as exactly as their own commits tell of them.

A record says what is pinned. Which remote a pin names, and whether its data is to be pushed at
all, stands in the `.dvc` file or the `dvc.lock` that was committed when the experiment ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xgit.capture.data.pin_file import LIMIT_BYTES, PinFile, dvc_home
from xgit.errors import Unreadable, XgitError
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record import codec, json_form, refs
from xgit.record.model import Pin
from xgit.store.tags import RECORD_DIR, RECORD_LIMIT_BYTES, content_of

_AT_ONCE = 200  # experiments whose records are in memory at the same time
_LOCK = "dvc.lock"


class Recorded(NamedTuple):
    """The DVC and git LFS pins of one experiment; `trouble` says why they cannot be known."""

    id: str
    pins: tuple[Pin, ...] = ()
    trouble: str | None = None


def recorded_pins(repo: Repo, ids: Sequence[str]) -> Iterator[Recorded]:
    """The pins of each experiment, in order."""
    known: dict[tuple[str | None, ...], tuple[Pin, ...]] = {}
    for at in range(0, len(ids), _AT_ONCE):
        batch = list(_read(repo, ids[at : at + _AT_ONCE]))
        asked = [_sources(one) for one in batch]
        oids = iter(git_objects.object_names(repo, [name for names in asked for name in names]))
        for one, names in zip(batch, asked, strict=True):
            found = {name.partition(":")[2]: next(oids) for name in names}
            yield one._replace(pins=tuple(_told(repo, one.pins, found, known)))


def _read(repo: Repo, ids: Sequence[str]) -> Iterator[Recorded]:
    names = [f"{refs.format_ref(one)}^{{tree}}:{RECORD_DIR}/record.json" for one in ids]
    contents = git_objects.read_objects(repo, names, limit_bytes=RECORD_LIMIT_BYTES)
    for one, content in zip(ids, contents, strict=True):
        try:
            found = content_of(refs.format_tag(one), "record.json", content)
            pins = codec.recorded_pins(json_form.decode(found))
            yield Recorded(one, tuple(pin for pin in pins if pin.kind in ("dvc", "lfs")))
        except Unreadable as error:
            yield Recorded(one, trouble=error.message)


def _sources(one: Recorded) -> list[str]:
    """What git calls the files that the pins stand in, and each `dvc.yaml` beside a `dvc.lock`."""
    files: dict[str, None] = {}
    for pin in one.pins:
        if pin.kind == "dvc" and _is_plain(pin.source):
            files[pin.source] = None
            if pin.source.endswith(_LOCK):
                files[_pipeline(pin.source)] = None
    return [f"{refs.format_ref(one.id)}^{{tree}}:{file}" for file in files if file]


def _is_plain(path: str) -> bool:
    """Whether it is a path inside the tree, and fits on a line of `git cat-file`."""
    inside = not path.startswith("/") and not {"", ".", ".."} & set(path.split("/"))
    return inside and path.isprintable()


def _home(repo: Repo, path: str) -> str:
    """The DVC repository that a path of the record lies in; the top where it is no such path."""
    return dvc_home(_root(repo), path) if _is_plain(path) else ""


def _pipeline(lock: str) -> str:
    return lock.removesuffix("lock") + "yaml"


def _told(
    repo: Repo,
    pins: Sequence[Pin],
    found: Mapping[str, str | None],
    known: dict[tuple[str | None, ...], tuple[Pin, ...]],
) -> Iterator[Pin]:
    """Each pin with what its own file tells of it beyond the record."""
    for pin in pins:
        blob = found.get(pin.source)
        if pin.kind != "dvc" or blob is None:
            yield pin._replace(home=_home(repo, pin.path))
            continue
        key = (pin.source, blob, found.get(_pipeline(pin.source)))
        if key not in known:
            known[key] = tuple(_parsed(repo, *key))
        same = (one for one in known[key] if (one.path, one.hash) == (pin.path, pin.hash))
        yield next(same, pin)._replace(size_bytes=pin.size_bytes)


def _root(repo: Repo) -> Path:
    return repo.root or repo.git_dir


def _parsed(repo: Repo, source: str, blob: str | None, pipeline: str | None) -> Iterator[Pin]:
    from xgit.capture.data.pins import dvc_file_pins, lock_pins

    try:
        file = _pin_file(repo, source, blob)
        if file is not None and source.endswith(_LOCK):
            yield from lock_pins(file, _pin_file(repo, _pipeline(source), pipeline))
        elif file is not None:
            yield from dvc_file_pins(file)
    except XgitError:  # a file that is no pin file says nothing more than the record does
        return


def _pin_file(repo: Repo, path: str, blob: str | None) -> PinFile | None:
    from xgit.capture.documents import BadDocument, parse_yaml

    if blob is None:
        return None
    (content,) = git_objects.read_objects(repo, [blob], limit_bytes=LIMIT_BYTES)
    if not isinstance(content, bytes):
        return None
    empty = PinFile(_root(repo), path, _home(repo, path), {})
    try:
        text = content.decode("utf-8-sig")
        return empty._replace(content=empty.table(parse_yaml(text), "its content"))
    except (BadDocument, UnicodeDecodeError) as error:
        raise empty.broken(str(error)) from error
