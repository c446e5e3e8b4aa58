"""The figures that a record keeps, for those who compare them."""

from __future__ import annotations

from xgit.errors import Unreadable
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo, git_bytes
from xgit.record import refs
from xgit.record.model import Experiment
from xgit.store.tags import RECORD_DIR, RECORD_LIMIT_BYTES

_FOLDER = f"{RECORD_DIR}/plots/"


def with_figures(repo: Repo, experiment: Experiment) -> Experiment:
    """The experiment as `experiments.load` gives it, with the content of its figures in `files`.

    Raises:
        Unreadable: all together they are larger than a record may be.
        GitError: its tag is gone.
    """
    found = _figures(repo, refs.format_ref(experiment.id))
    if sum(size for _, size in found.values()) > RECORD_LIMIT_BYTES:
        raise Unreadable(f"the figures of experiment/{experiment.id} are larger than xgit reads")
    oids = [oid for oid, _ in found.values()]
    contents = git_objects.read_objects(repo, oids, limit_bytes=RECORD_LIMIT_BYTES)
    pairs = zip(found, contents, strict=True)
    files = {path: content for path, content in pairs if isinstance(content, bytes)}
    return experiment._replace(files={**experiment.files, **files})


def _figures(repo: Repo, ref: str) -> dict[str, tuple[str, int]]:
    """Path of each below `.xgit/` to its blob and that blob's size."""
    listed = git_bytes(repo, "ls-tree", "-r", "-l", "-z", "--full-tree", ref, "--", _FOLDER)
    found: dict[str, tuple[str, int]] = {}
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        words = about.split()
        if words[1:2] == [b"blob"]:
            name = path.decode("utf-8", "surrogateescape").removeprefix(f"{RECORD_DIR}/")
            found[name] = (words[2].decode(), int(words[3]))
    return found
