"""Checks of the record: its form, its files, and what the tag's message says of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from xgit import __version__
from xgit.errors import Unreadable, Unsupported
from xgit.git.raw import is_id
from xgit.record import codec, json_form, message
from xgit.record.figures import format_number
from xgit.record.model import Experiment, Json, Metrics, Summary
from xgit.store.experiments import record_files
from xgit.verify.nouns import Check, failed, passed, unknown
from xgit.verify.stored import RecordFile, Stored

RECORD = "record.json"
LOG = "log.txt"
_NOT_DERIVED = {LOG, "params.yaml", "pylock.toml"}
_KEPT_FOLDERS = ("plots/", "artifacts/")
_PLAIN_MODE = "100644"
_SHOWN = 4


class Read(NamedTuple):
    """The experiment in a record, None where it cannot be read, and what that check came to."""

    experiment: Experiment | None
    check: Check


def read_record(it: Stored, experiment_id: str | None) -> Read:
    """The experiment, with its series and files, held against the schema and its own form.

    Args:
        experiment_id: the one that it must be of; None for that of a repetition, which has any.
    """
    file = it.files.get(RECORD)
    if file is None:
        return Read(None, failed("record", f"there is no .xgit/{RECORD}"))
    if file.content is None:
        return Read(None, unknown("record", f".xgit/{RECORD} is not here, or too large"))
    try:
        document = json_form.decode(file.content)
        codec.check(document)
        experiment = _with_files(codec.from_record(document), it.files)
    except Unsupported as error:
        return Read(None, unknown("record", error.message, error.hint))
    except Unreadable as error:
        return Read(None, failed("record", error.message, _show(it)))
    wrong = _wrong_with(document, file.content, experiment_id)
    return Read(experiment, failed("record", wrong, _show(it)) if wrong else passed("record"))


def _show(it: Stored) -> str:
    return f"git cat-file -p {it.commit_oid}:.xgit/{RECORD}"


def _wrong_with(
    document: Mapping[str, Json], content: bytes, experiment_id: str | None
) -> str | None:
    if experiment_id not in (None, document["id"]):
        return f"it is that of experiment {document['id']}"
    ids = [document["code"]["commit"], document["code"]["snapshot"]]
    if not all(is_id(one) for one in ids if one is not None):
        return "it names no commit that ran"
    if json_form.encode(document) != content:
        return "it is not written as xgit writes it: a key stands twice, or it was edited by hand"
    return None


def _with_files(it: Experiment, files: Mapping[str, RecordFile]) -> Experiment:
    """With what lies beside the record; a file that is not here is as if it were empty."""
    contents = {path: file.content or b"" for path, file in files.items()}
    text = contents.get("params.yaml")
    series = codec.parse_series(contents.get("metrics.jsonl", b""))
    return it._replace(
        params=it.params._replace(text=None if text is None else text.decode("utf-8", "replace")),
        metrics=Metrics(it.metrics.values, it.metrics.sources, series),
        log=contents.get(LOG, b""),
    )


# ---------------------------------------------------------------- the files


def check_files(
    it: Stored, experiment: Experiment | None, extra: Mapping[str, bytes] | None = None
) -> Check:
    """Every file is one that a record has, and says what the record says.

    Args:
        extra: further files that must be there, by their names; they stand for those of the same
            name that the record would have.
    """
    wanted = {} if experiment is None else _derived(it, experiment)
    strange = sorted(_strange(it.files, {**wanted, **(extra or {})}))
    if strange:
        return _wrong(it, "no record has such files", strange)
    return _compared(it, {**wanted, **(extra or {})})


def _derived(it: Stored, experiment: Experiment) -> dict[str, bytes]:
    """What follows from the record alone; of the other files that must be there, their content."""
    made = record_files(experiment, it.files[RECORD].content or b"")
    return {name: content for name, content in made.items() if name not in _NOT_DERIVED}


def _strange(files: Mapping[str, RecordFile], wanted: Iterable[str]) -> Iterator[str]:
    known = {*wanted, *_NOT_DERIVED}
    for path, file in files.items():
        if file.mode != _PLAIN_MODE or not (path in known or path.startswith(_KEPT_FOLDERS)):
            yield path


def _compared(it: Stored, wanted: Mapping[str, bytes]) -> Check:
    gone = sorted(set(wanted) - set(it.files))
    if gone:
        return _wrong(it, "these files are missing", gone)
    here = {name: it.files[name].content for name in wanted}
    other = sorted(name for name in wanted if not _agrees(name, here[name], wanted[name]))
    pages = [name for name in other if name.endswith(".md")]
    if other != pages:
        return _wrong(it, "these files do not say what the record says", other)
    if pages and not made_here(it):
        return unknown("files", f"another version of xgit wrote {pages[0]}, maybe in other words")
    if pages:
        return _wrong(it, "these files do not say what the record says", pages)
    if None in here.values():
        return unknown("files", "some of its files are not here")
    return passed("files")


def _agrees(name: str, content: bytes | None, wanted: bytes) -> bool:
    """A page has its rows in the order of the run, which the record does not keep."""
    if content is not None and name.endswith(".md"):
        return sorted(content.split(b"\n")) == sorted(wanted.split(b"\n"))
    return content is None or content == wanted


def made_here(it: Stored) -> bool:
    """Whether this version of xgit says that it wrote the record."""
    content = next((it.files[n].content for n in (RECORD, "verdict.json") if n in it.files), None)
    try:
        return json_form.decode(content or b"{}").get("xgit_version") == __version__
    except Unreadable:
        return False


def _wrong(it: Stored, told: str, names: list[str]) -> Check:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return failed(
        "files",
        f"{told}: {', '.join(names[:_SHOWN])}{more}",
        f"git ls-tree -r {it.commit_oid} .xgit/",
    )


def check_artifacts(it: Stored, experiment: Experiment) -> Check:
    """What the record keeps of artifacts hashes to what it says, and nothing more is kept."""
    stored = {one.path: one for one in experiment.artifacts if one.stored}
    kept = {path: file for path, file in it.files.items() if path.startswith(_KEPT_FOLDERS)}
    gone = sorted(set(stored) - set(kept))
    if gone:
        return failed("artifacts", f"not in the record, which says so: {', '.join(gone[:_SHOWN])}")
    smuggled = sorted(set(kept) - set(stored))
    if smuggled:
        return failed("artifacts", f"the record tells of no such: {', '.join(smuggled[:_SHOWN])}")
    other = [path for path, one in stored.items() if _differs(kept[path], one.hash, one.size_bytes)]
    if other:
        named = ", ".join(sorted(other)[:_SHOWN])
        return failed("artifacts", f"other content than recorded: {named}")
    if any(kept[path].content is None for path in stored):
        return unknown("artifacts", "some of them are not here")
    return passed("artifacts", "" if stored else "there are none")


def _differs(file: RecordFile, digest: str, size_bytes: int) -> bool:
    if file.content is None:
        return False
    own = f"sha256:{hashlib.sha256(file.content).hexdigest()}"
    return (own, len(file.content)) != (digest, size_bytes)


# ---------------------------------------------------------------- the message


def check_summary(it: Stored, experiment: Experiment) -> Check:
    """The message is the one that xgit writes for this record, or says the same in its summary."""
    ordered = _as_ordered_in(it.tag.message.partition("\n")[0], experiment)
    if it.tag.message == message.tag_message(ordered):
        return passed("summary")
    show = f"git cat-file tag {it.oid}"
    try:
        claimed = message.parse_summary(it.tag.message)
    except Unreadable as error:
        return failed("summary", error.message, show)
    recorded = message.parse_summary(message.tag_message(experiment))
    wrong = list(_differences(claimed, recorded))
    if wrong:
        return failed("summary", f"the tag and the record disagree: {'; '.join(wrong)}", show)
    if made_here(it):
        return failed("summary", "the tag's first lines are not those of the record", show)
    return unknown("summary", "another version of xgit wrote it, maybe in other words", show)


def _as_ordered_in(subject: str, it: Experiment) -> Experiment:
    """With the metrics in the order in which the subject names them: the record keeps none."""

    def place(name: str) -> float:
        told = message.printable(f"{name} {format_number(it.metrics.values[name])}")
        found = [subject.find(f"{before} {told}") for before in (":", "·")]
        return max(found) if max(found) >= 0 else math.inf

    values = {name: it.metrics.values[name] for name in sorted(it.metrics.values, key=place)}
    return it._replace(metrics=it.metrics._replace(values=values))


def _differences(claimed: Summary, recorded: Summary) -> Iterator[str]:
    for name in Summary._fields:
        old, new = getattr(claimed, name), getattr(recorded, name)
        if _same(old, new) or name == "cut":
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _entries(name, old, new)
        else:
            yield f"{name} {_short(old)}, recorded {_short(new)}"


def _entries(name: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    keys = [key for key in {**old, **new} if not _same(old.get(key), new.get(key))]
    for key in sorted(keys)[:_SHOWN]:
        yield f"{name}.{key} {_short(old.get(key))}, recorded {_short(new.get(key))}"


def _same(old: Json, new: Json) -> bool:
    return repr(old) == repr(new)  # True is not 1, and NaN is NaN


def _short(value: Json) -> str:
    return str(value)[:60]
