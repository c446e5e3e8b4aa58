"""Pins as DVC writes them: the outputs of `.dvc` files and of the stages in `dvc.lock`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping

from xgit.capture.data.pin_file import PinFile, Table, checked_path
from xgit.record.model import Json, Pin, Trouble

_HASH_KEYS = ("md5", "etag", "checksum")
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHORT_HASH = 7
_STAGE_OUTPUTS = ("outs", "metrics", "plots")


# ---------------------------------------------------------------- .dvc files


def dvc_file_pins(file: PinFile) -> Iterator[Pin]:
    """The outputs of a `.dvc` file.

    Raises:
        XgitError: it is not what DVC writes, or names a path that is not to be touched.
    """
    content = file.content
    command = _command(file, content.get("cmd"))
    imported = any("repo" in dep for dep in file.tables(content.get("deps"), "deps"))
    folder = _folder(file, content.get("wdir"))
    for out in file.tables(content.get("outs"), "outs"):
        yield _pin(file, folder, out, {**content, **out}, command, imported=imported)


def _command(file: PinFile, value: Json) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " && ".join(value)
    return file.text(value, "cmd")


def _folder(file: PinFile, wdir: Json) -> str:
    """The directory that the outputs of a stage are relative to."""
    written = file.text(wdir, "wdir") or "."
    if written.startswith("/"):
        raise file.broken(f"wdir {written!r} is absolute")
    return os.path.join(os.path.dirname(file.path), written)


def _pin(
    file: PinFile, folder: str, out: Table, notes: Table, command: str | None, *, imported: bool
) -> Pin:
    """One output as a pin; `notes` has its `desc`, `meta`, `remote`, `push` and `cache`."""
    written = file.text(out.get("path"), "path")
    if not written:
        raise file.broken("an output has no path")
    external = _SCHEME.match(written) is not None
    path = written if external else checked_path(file, os.path.join(folder, written))
    digest, files, size = _content(file, out)
    held_back = notes.get("push") is False or notes.get("cache") is False
    meta = notes.get("meta")
    named = meta if isinstance(meta, dict) else {}
    return Pin(
        path=path,
        kind="external" if external else "dvc",
        hash=digest,
        size_bytes=size,
        files=files,
        name=_word(named.get("name")) or _word(notes.get("desc")) or path,
        version=_word(named.get("version")) or digest.partition(":")[2][:_SHORT_HASH],
        source=file.path,
        command=command,
        pushable=not (held_back or imported),
        remote=file.text(notes.get("remote"), "remote"),
        legacy=digest.startswith("md5:") and "hash" not in out,
        home=file.home,
        trouble=None if imported or command or not held_back else _held_back(file, path),
    )


def _held_back(file: PinFile, path: str) -> Trouble:
    source = shlex.quote(file.path)
    return Trouble(
        f"{file.path} keeps it from being pushed",
        f"dvc remove {source} && dvc add {shlex.quote(path)} && dvc push {source}",
    )


def _word(value: Json) -> str:
    """A name or version as one line of text; empty for what is neither text nor number."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return " ".join(str(value).split())
    return ""


def _content(file: PinFile, out: Table) -> tuple[str, int | None, int | None]:
    """Hash, number of files and size in bytes; the hash is empty where nothing was pinned yet."""
    files = file.whole_number(out.get("nfiles"), "nfiles")
    size = file.whole_number(out.get("size"), "size")
    if out.get("files") is not None:  # a remote with versions keeps the listing in the pin
        return _listed(file, file.tables(out["files"], "files"))
    for key in _HASH_KEYS:
        digest = file.text(out.get(key), key)
        if digest and key == "md5":
            digest = digest.lower()
        if digest:
            if key == "md5" and not _MD5.fullmatch(digest):
                raise file.broken(f"md5 {digest!r} is no hash")
            return f"{key}:{digest}", files if digest.endswith(".dir") else 1, size
    return "", files, size


def _listed(file: PinFile, entries: list[Table]) -> tuple[str, int, int]:
    names = [(file.text(item.get("relpath"), "relpath") or "", item) for item in entries]
    hashes = {name: file.text(item.get("md5"), "md5") or "" for name, item in names}
    sizes = (file.whole_number(item.get("size"), "size") or 0 for item in entries)
    return f"md5:{directory_digest(hashes)}", len(entries), sum(sizes)


def directory_digest(hashes: Mapping[str, str]) -> str:
    """DVC's digest of a directory, `<md5>.dir`, from the hash of each relative path in it."""
    import hashlib

    return hashlib.md5(listing_bytes(hashes), usedforsecurity=False).hexdigest() + ".dir"


def listing_bytes(hashes: Mapping[str, str]) -> bytes:
    """The listing of a directory, byte for byte as DVC stores it under that digest."""
    import json

    entries = [{"md5": hashes[name], "relpath": name} for name in sorted(hashes)]
    return json.dumps(entries).encode()


# ---------------------------------------------------------------- dvc.lock


def lock_pins(lock: PinFile, pipeline: PinFile | None) -> Iterator[Pin]:
    """The outputs of the stages in a `dvc.lock`; as DVC does, without stages that are no more.

    Args:
        pipeline: the `dvc.yaml` beside it, which alone knows the stages' `wdir`, and the
            outputs' `push`, `cache`, `remote`, `desc` and `meta`.

    Raises:
        XgitError: it is not what DVC writes, or names a path that is not to be touched.
    """
    if pipeline is None:
        return
    current = "schema" in lock.content or "stages" in lock.content  # DVC 1 had neither
    stages = lock.content.get("stages") if current else lock.content
    for name, value in lock.table(stages, "stages").items():
        stage = lock.table(value, f"stage {name}")
        definition = _definition(pipeline, name)
        if definition is None:
            continue
        folder = _folder(lock, _wdir(lock, name, definition))
        notes = _output_notes(pipeline, definition)
        command = _command(lock, stage.get("cmd"))
        for out in lock.tables(stage.get("outs"), "outs"):
            path = lock.text(out.get("path"), "path") or ""
            own = next((found for pattern, found in notes if pattern.fullmatch(path)), {})
            if own.get("cache") is not False:  # else git or nobody keeps it
                yield _pin(lock, folder, out, own, command, imported=False)


def _definition(pipeline: PinFile, name: str) -> Table | None:
    """The stage of `dvc.yaml` that a stage of `dvc.lock` came from; None if it is gone.

    A stage `train@small` is one of those that `foreach` or `matrix` make of `train`.
    """
    stages = pipeline.table(pipeline.content.get("stages"), "stages")
    found = stages.get(name) or stages.get(name.partition("@")[0])
    if found is None:
        return None
    stage = pipeline.table(found, f"stage {name}")
    return pipeline.table(stage["do"], f"stage {name}") if "do" in stage else stage


def _wdir(lock: PinFile, name: str, definition: Table) -> Json:
    wdir = definition.get("wdir")
    if not isinstance(wdir, str) or "${" not in wdir:
        return wdir
    item = name.partition("@")[2]
    filled = re.sub(r"\$\{\s*(item|key)\s*\}", lambda _: item, wdir) if item else wdir
    if "${" in filled:
        raise lock.broken(f"the wdir {wdir!r} of stage {name} cannot be known without DVC")
    return filled


def _output_notes(pipeline: PinFile, definition: Table) -> list[tuple[re.Pattern[str], Table]]:
    """What `dvc.yaml` says of a stage's outputs, by a pattern that their paths match."""
    found = []
    for kind in _STAGE_OUTPUTS:
        entries = definition.get(kind) or []
        if not isinstance(entries, list):
            raise pipeline.broken(f"{kind} is not a list")
        for entry in entries:
            if isinstance(entry, dict):
                for path, notes in pipeline.table(entry, f"an entry of {kind}").items():
                    found.append((_template(path), pipeline.table(notes, path)))
    return found


def _template(path: str) -> re.Pattern[str]:
    """A pattern of a path in `dvc.yaml`, in which `${...}` may stand for anything."""
    parts = re.split(r"\$\{[^}]*\}", path)
    return re.compile(".+".join(re.escape(part) for part in parts), re.DOTALL)
