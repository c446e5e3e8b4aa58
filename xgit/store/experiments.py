"""Save and load experiments: tags `experiment/<id>` on commits that hold the record.

Everything read here may have been written by a stranger: sizes are checked before content is
read, a tag must carry the name of its ref, and a record is held against its schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xgit.errors import Unreadable, XgitError
from xgit.git import objects as git_objects
from xgit.git import pack as packs
from xgit.git.objects import RefLine
from xgit.git.plumbing import Repo
from xgit.record import codec, json_form, message, page, refs
from xgit.record.events import labels_after
from xgit.record.model import Broken, Experiment, Json, Metrics, Summary
from xgit.store import events
from xgit.store.tags import (
    RECORD_DIR,
    RECORD_LIMIT_BYTES,
    Saved,
    check_tag,
    content_of,
    tag_object,
)

DEEP_ROWS = 200  # up to here `list_summaries` looks into the records as well
_NAMED = 4  # how many of several possible ids a message names
_SAME_SECOND = 64  # how many experiments may well end within one second


# ---------------------------------------------------------------- save


def save(
    repo: Repo, experiment: Experiment, *, identity: str, base_tree: bytes | None = None
) -> Saved:
    """Make the record commit and its tag; when this returns, both survive a power cut.

    Args:
        identity: git's identity line, of the author and of the moment.
        base_tree: the raw root tree of the commit that ran, when it is known already.

    Raises:
        RefExists: the id is taken.
        XgitError: git could not write or sign.
        Unreadable: the record does not fit its own schema (a bug in xgit).
    """
    document = json_form.to_json(codec.to_record(experiment))
    codec.check(document)
    parent = experiment.code.ran
    pack = packs.Pack(repo.object_format)
    record = pack.add("blob", json_form.encode(document))
    told = _as_told(experiment, document)
    tree = pack.add_tree(record_files(told, json_form.encode(document)))
    raw = base_tree if base_tree is not None else git_objects.tree_bytes(repo, parent)
    text = message.tag_message(told)
    commit = pack.add(
        "commit",
        packs.commit_text(
            tree=pack.splice_tree(raw, RECORD_DIR, tree),
            parents=(parent,),
            author=identity,
            committer=identity,
            message=text.partition("\n")[0] + "\n",
        ),
    )
    name = refs.format_tag(experiment.id)
    made = tag_object(repo, pack, name=name, commit=commit, identity=identity, text=text)
    tag = pack.add("tag", made)
    ref = refs.format_ref(experiment.id)
    packs.store(repo, pack, ref, tag, owner=experiment.id)
    _remember_valid(repo, [record])
    return Saved(ref, commit, tag)


def _as_told(experiment: Experiment, document: Mapping[str, Json]) -> Experiment:
    """The experiment as its record tells it, so that page and message follow from the record."""
    told = codec.from_record(document)
    return told._replace(
        params=told.params._replace(text=experiment.params.text),
        metrics=told.metrics._replace(series=experiment.metrics.series),
        log=experiment.log,
        files=experiment.files,
    )


def record_files(experiment: Experiment, record: bytes) -> dict[str, bytes]:
    """What lies under `.xgit/` in the record commit, by its path there."""
    metrics = {
        name: json_form.number_to_json(value) for name, value in experiment.metrics.values.items()
    }
    files = {
        **experiment.files,
        "record.json": record,
        "README.md": page.page(experiment).encode("utf-8", "backslashreplace"),
        "metrics.json": json_form.encode(metrics),
        "log.txt": experiment.log,
    }
    if experiment.params.text is not None:
        files["params.yaml"] = experiment.params.text.encode("utf-8", "backslashreplace")
    if experiment.metrics.series:
        files["metrics.jsonl"] = codec.series_lines(experiment.metrics.series)
    return files


# ---------------------------------------------------------------- load


def load(repo: Repo, experiment_id: str) -> Experiment:
    """The whole experiment, its series and its params text, without its log.

    Raises:
        Unreadable: the tag is no experiment, or its record is damaged.
        Unsupported: the record is of a later version.
    """
    ref = refs.format_ref(experiment_id)
    inside = _inside(experiment_id)
    names = [f"{inside}record.json", f"{inside}metrics.jsonl", f"{inside}params.yaml"]
    tag, record, series, params = git_objects.read_objects(
        repo, [ref, *names], limit_bytes=RECORD_LIMIT_BYTES
    )
    check_tag(refs.format_tag(experiment_id), tag)
    document = json_form.decode(content_of(refs.format_tag(experiment_id), "record.json", record))
    _check_once(repo, names[0], document)
    _check_own(experiment_id, document)
    experiment = codec.from_record(document)
    points = codec.parse_series(series) if isinstance(series, bytes) else ()
    text = params.decode("utf-8", "replace") if isinstance(params, bytes) else None
    return experiment._replace(
        params=experiment.params._replace(text=text),
        metrics=Metrics(experiment.metrics.values, experiment.metrics.sources, points),
    )


def record_json(repo: Repo, experiment_id: str) -> dict[str, Json]:
    """The record.json document as it is stored; raises as `load` does."""
    document = json_form.decode(_file(repo, experiment_id, "record.json"))
    _check_once(repo, _inside(experiment_id) + "record.json", document)
    _check_own(experiment_id, document)
    return document


def _check_own(experiment_id: str, document: Mapping[str, Json]) -> None:
    """A tag may point at the record of another experiment."""
    if document["id"] != experiment_id:
        raise Unreadable(f"experiment/{experiment_id} holds experiment {str(document['id'])!r}")


def load_log(repo: Repo, experiment_id: str) -> bytes:
    """The output that the record kept.

    Raises:
        Unreadable: the tag is no experiment, or there is no log in the record.
    """
    return _file(repo, experiment_id, "log.txt")


def _inside(experiment_id: str) -> str:
    """What git calls the record's directory, to be continued with a file's name."""
    return f"{refs.format_ref(experiment_id)}^{{tree}}:{RECORD_DIR}/"


def load_file(repo: Repo, experiment_id: str, name: str) -> bytes | None:
    """One file of a record, such as `pylock.toml`; None where the record has none of that name.

    Raises:
        Unreadable: the tag is no experiment, or the file is too large to be read.
    """
    (oid,) = git_objects.object_names(repo, [_inside(experiment_id) + name])
    return None if oid is None else _file(repo, experiment_id, name)


def _file(repo: Repo, experiment_id: str, name: str) -> bytes:
    """The content of one file of a record, its tag checked."""
    wanted = [refs.format_ref(experiment_id), _inside(experiment_id) + name]
    tag, content = git_objects.read_objects(repo, wanted, limit_bytes=RECORD_LIMIT_BYTES)
    check_tag(refs.format_tag(experiment_id), tag)
    return content_of(refs.format_tag(experiment_id), name, content)


def _check_once(repo: Repo, name: str, document: dict[str, Json]) -> None:
    """Hold a record against the schema, unless this very blob was found valid before."""
    (oid,) = git_objects.object_names(repo, [name])
    if oid is not None and oid not in _known_valid(repo):
        codec.check(document)
        _remember_valid(repo, [oid])


def _known_valid(repo: Repo) -> frozenset[str]:
    try:
        return frozenset((repo.private_dir / "valid-records").read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def _remember_valid(repo: Repo, oids: Sequence[str]) -> None:
    """Note blobs that fit the schema; without a place to write they are checked again."""
    try:
        repo.private_dir.mkdir(mode=0o700, exist_ok=True)
        with (repo.private_dir / "valid-records").open("a", encoding="ascii") as file:
            file.write("".join(f"{oid}\n" for oid in oids))
    except OSError:
        return


# ---------------------------------------------------------------- list


def list_summaries(
    repo: Repo, *, newest: int | None = None, deep: bool = True
) -> list[Summary | Broken]:
    """What the tags tell of every experiment, the one that ended last first, broken ones last.

    Args:
        newest: return only so many.
        deep: up to `DEEP_ROWS` experiments, look whether the records themselves are there and
            are JSON; beyond that the tags are believed.
    """
    count = None if newest is None else newest + _SAME_SECOND
    lines = git_objects.refs_with_messages(repo, refs.EXPERIMENT_PREFIX, newest=count)
    rows = _in_order(_with_said(repo, lines, [_row(line) for line in lines]))
    if newest is not None:
        # Tag dates have whole seconds: if the cut falls inside one, all must be read.
        if len(lines) == count and _second(rows[newest - 1]) == _second(rows[-1]):
            return list_summaries(repo, deep=deep)[:newest]
        rows = rows[:newest]
    return _looked_into(repo, rows) if deep and len(rows) <= DEEP_ROWS else rows


def _with_said(
    repo: Repo, lines: Sequence[RefLine], rows: Sequence[Summary | Broken]
) -> list[Summary | Broken]:
    """The rows, in step with their refs, with what was said of them after the fact."""
    said = events.read_events(repo) if lines else {}
    found: list[Summary | Broken] = []
    for line, row in zip(lines, rows, strict=True):
        own = said.get(line.target or "", ())
        if own and isinstance(row, Summary):
            row = row._replace(labels=labels_after(row.labels, own), said=own)  # noqa: PLW2901
        found.append(row)
    return found


def recorded_labels(repo: Repo, experiment_id: str) -> tuple[str, ...]:
    """The labels that an experiment was recorded with, none where its tag cannot be read."""
    for line in git_objects.refs_with_messages(repo, refs.format_ref(experiment_id)):
        row = _row(line)
        if isinstance(row, Summary) and row.id == experiment_id:
            return row.labels
    return ()


def _row(line: RefLine) -> Summary | Broken:
    name = line.ref.removeprefix(refs.EXPERIMENT_PREFIX)
    experiment_id = refs.parse_ref(line.ref)
    if experiment_id is None:
        return Broken(name, "its name is not one that xgit gives")
    if line.kind != "tag":
        return Broken(experiment_id, "it is not an annotated tag")
    try:
        summary = message.parse_summary(line.subject_and_body)
    except Unreadable as error:
        return Broken(experiment_id, error.message)
    if summary.id != experiment_id:
        return Broken(experiment_id, f"it holds experiment {summary.id!r}")
    return summary


def _in_order(rows: list[Summary | Broken]) -> list[Summary | Broken]:
    fine = [row for row in rows if isinstance(row, Summary)]
    fine.sort(key=lambda row: (row.finished, row.id), reverse=True)
    return [*fine, *(row for row in rows if isinstance(row, Broken))]


def _second(row: Summary | Broken) -> int | None:
    return int(row.finished.timestamp()) if isinstance(row, Summary) else None


def _looked_into(repo: Repo, rows: list[Summary | Broken]) -> list[Summary | Broken]:
    fine = [row.id for row in rows if isinstance(row, Summary)]
    names = [_inside(one) + "record.json" for one in fine]
    valid = _known_valid(repo)
    oids = git_objects.object_names(repo, names) if names else []
    unknown = [one for one, oid in zip(fine, oids, strict=True) if oid is None or oid not in valid]
    broken = _broken_records(repo, unknown)
    return _in_order([broken.get(row.id, row) for row in rows])


def _broken_records(repo: Repo, ids: Sequence[str]) -> dict[str, Broken]:
    names = [_inside(one) + "record.json" for one in ids]
    if not names:
        return {}
    broken: dict[str, Broken] = {}
    contents = git_objects.read_objects(repo, names, limit_bytes=RECORD_LIMIT_BYTES)
    for one, content in zip(ids, contents, strict=True):
        try:
            json_form.decode(content_of(refs.format_tag(one), "record.json", content))
        except Unreadable as error:
            broken[one] = Broken(one, error.message)
    return broken


# ---------------------------------------------------------------- find


def resolve(repo: Repo, text: str) -> str:
    """The id that a user means by a tag, an id, a unique prefix, `@` or `@~2`.

    Raises:
        XgitError: there is none, or more than one.
    """
    if text.startswith("@"):
        return _counted_back(repo, text)
    wanted = refs.parse_tag(text)
    if not refs.ID_GRAMMAR.fullmatch(wanted):
        raise XgitError(f"{text!r} is not the name of an experiment", "xgit exp list")
    if git_objects.has_ref(repo, refs.format_ref(wanted)):
        return wanted
    found = [
        name.removeprefix(refs.EXPERIMENT_PREFIX)
        for name in git_objects.ref_names(repo, f"{refs.EXPERIMENT_PREFIX}{wanted}*")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        first = sorted(found)[:_NAMED]
        shown = ", ".join([*first, "…"] if len(found) > _NAMED else first)
        raise XgitError(f"{text!r} could be any of {len(found)} experiments: {shown}")
    raise _unknown(repo, wanted)


def _counted_back(repo: Repo, text: str) -> str:
    form = re.fullmatch(r"@(?:~([0-9]{1,6}))?", text)
    if form is None:
        raise XgitError(f"{text!r} is not the name of an experiment", "@ is the newest, @~1 before")
    wanted = int(form[1] or 0)
    rows = list_summaries(repo, newest=wanted + 1, deep=False)
    fine = [row for row in rows if isinstance(row, Summary)]
    if wanted < len(fine):
        return fine[wanted].id
    if not fine:
        raise XgitError("there are no experiments here", "xgit exp run, or xgit exp pull")
    raise XgitError(f"{text} goes back too far: there are {len(fine)} experiments", "xgit exp list")


def _unknown(repo: Repo, wanted: str) -> XgitError:
    from difflib import get_close_matches

    names = [
        name.removeprefix(refs.EXPERIMENT_PREFIX)
        for name in git_objects.ref_names(repo, refs.EXPERIMENT_PREFIX)
    ]
    near = get_close_matches(wanted, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "xgit exp list, or xgit exp pull"
    return XgitError(f"there is no experiment {wanted!r}", hint)
