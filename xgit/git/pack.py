"""New objects → one durable pack, and a ref that is created or refused, never moved.

The objects are built in memory as one pack stream, so that `git gc --prune=now` at the same time
finds either nothing or a kept pack. Order: pack with `.keep`, create the ref, fsync, drop the
`.keep`. Format: Documentation/gitformat-pack of git, version 2, undeltified objects.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from xgit.errors import XgitError
from xgit.git.objects import has_ref
from xgit.git.plumbing import GitError, Repo, git_bytes, git_done, git_line

DIRECTORY_MODE = "40000"
FILE_MODE = "100644"
DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync")
KEEP_MARK = "xgit run "
_TRIES = 5
CROWDED_PACKS = 50  # git's own gc.autoPackLimit
_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


class RefExists(XgitError):
    """The ref that was to be created is there already."""


class Pack:
    """Objects on their way into a repository, addressed as git addresses them.

    Args:
        object_format: `sha1` or `sha256`, as the repository has it.
    """

    def __init__(self, object_format: str) -> None:
        self._hash = object_format
        self._entries: dict[str, bytes] = {}

    def add(self, kind: str, data: bytes) -> str:
        """Add one object and return its id; the same object twice is one object."""
        digest = hashlib.new(
            self._hash, b"%s %d\0" % (kind.encode(), len(data)), usedforsecurity=False
        )
        digest.update(data)
        oid = digest.hexdigest()
        if oid not in self._entries:
            self._entries[oid] = _entry_header(_KINDS[kind], len(data)) + zlib.compress(data, 9)
        return oid

    def add_tree(self, files: Mapping[str, bytes]) -> str:
        """Add the files, `/` in a name making directories, and return the id of their tree."""
        entries: list[tuple[str, str, str]] = []
        folders: dict[str, dict[str, bytes]] = {}
        for path, content in files.items():
            folder, _, rest = path.partition("/")
            if rest:
                folders.setdefault(folder, {})[rest] = content
            else:
                entries.append((FILE_MODE, path, self.add("blob", content)))
        for folder, inside in folders.items():
            entries.append((DIRECTORY_MODE, folder, self.add_tree(inside)))
        return self.add("tree", encode_tree(entries))

    def splice_tree(self, raw: bytes, name: str, tree: str) -> str:
        """Add the tree `raw` with the directory `name` set to `tree`; all else as it was."""
        width = 32 if self._hash == "sha256" else 20
        kept = [entry for entry in decode_tree(raw, width) if entry[1] != name]
        return self.add("tree", encode_tree([*kept, (DIRECTORY_MODE, name, tree)]))

    def stream(self) -> bytes:
        """The whole pack, with its trailer."""
        body = b"PACK" + (2).to_bytes(4, "big") + len(self._entries).to_bytes(4, "big")
        body += b"".join(self._entries.values())
        return body + hashlib.new(self._hash, body, usedforsecurity=False).digest()


def _entry_header(kind: int, size: int) -> bytes:
    """Type and inflated size: four bits of size in the first byte, seven in each further one."""
    first = (kind << 4) | (size & 0x0F)
    size >>= 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first = size & 0x7F
        size >>= 7
    header.append(first)
    return bytes(header)


def decode_tree(raw: bytes, width: int) -> Iterator[tuple[str, str, str]]:
    """The entries of a raw tree as (mode, name, id), whose ids take `width` bytes.

    Raises:
        ValueError: it ends in the middle of one.
    """
    at = 0
    while at < len(raw):
        space = raw.index(b" ", at)
        end = raw.index(b"\0", space)
        oid = raw[end + 1 : end + 1 + width]
        name = raw[space + 1 : end].decode("utf-8", "surrogateescape")
        yield raw[at:space].decode(), name, oid.hex()
        at = end + 1 + width


def encode_tree(entries: list[tuple[str, str, str]]) -> bytes:
    """Entries as (mode, name, id), in git's order: a directory sorts as if it ended in `/`."""

    def order(entry: tuple[str, str, str]) -> bytes:
        return _bytes(entry[1]) + (b"/" if entry[0] == DIRECTORY_MODE else b"")

    return b"".join(
        b"%s %s\0%s" % (mode.encode(), _bytes(name), bytes.fromhex(oid))
        for mode, name, oid in sorted(entries, key=order)
    )


def _bytes(text: str) -> bytes:
    """UTF-8 whatever the locale, and the bytes that were none as they were."""
    return text.encode("utf-8", "surrogateescape")


def commit_text(
    *, tree: str, parents: tuple[str, ...], author: str, committer: str, message: str
) -> bytes:
    """A commit object; `author` and `committer` are whole identity lines."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author}", f"committer {committer}", "", message]
    return _bytes("\n".join(lines))


def tag_text(*, target: str, name: str, tagger: str, message: str) -> bytes:
    """An annotated tag object of a commit."""
    lines = [f"object {target}", "type commit", f"tag {name}", f"tagger {tagger}", "", message]
    return _bytes("\n".join(lines))


# ---------------------------------------------------------------- into the repository


def store(repo: Repo, pack: Pack, ref: str, oid: str, *, owner: str) -> None:
    """Put the pack on disk and create `ref` at `oid`; afterwards both survive a power cut.

    Args:
        owner: the id of the run, written into the `.keep` so that a dead run's is found.

    Raises:
        RefExists: there is such a ref already; nothing was changed but for a loose pack.
        GitError: git could not write.
    """
    keep = store_pack(repo, pack.stream(), owner=owner)
    try:
        create_ref(repo, ref, oid)
    finally:
        keep.unlink(missing_ok=True)


def store_pack(repo: Repo, stream: bytes, *, owner: str) -> Path:
    """Put a pack on disk, kept from garbage collection, and return its `.keep`.

    `git gc --prune=now` removes the temporary pack of an index-pack under way, which then fails:
    so it is tried again.

    Raises:
        GitError: git could not write it.
    """
    mark = f"--keep={KEEP_MARK}{owner}"
    command = (*DURABLE, "index-pack", "--stdin", mark, "--strict", "--fix-thin")
    for attempt in range(1, _TRIES + 1):
        try:
            said = git_line(repo, *command, data=stream)
            break
        except GitError:
            if attempt == _TRIES:
                raise
    folder = repo.common_dir / "objects" / "pack"
    _sync_directory(folder)
    return folder / f"pack-{said.split()[-1]}.keep"


def create_ref(repo: Repo, ref: str, oid: str) -> None:
    """Create `ref`, durably.

    Raises:
        RefExists: it exists already.
        GitError: git could not write it.
    """
    done = git_done(repo, *DURABLE, "update-ref", "--no-deref", ref, oid, repo.zero)
    if done.returncode:
        if has_ref(repo, ref):
            raise RefExists(f"{ref.removeprefix('refs/tags/')} exists already")
        raise GitError(["update-ref"], done.returncode, done.stderr.decode(errors="replace"))
    _sync_ref(repo.common_dir, ref)


def _sync_ref(git_dir: Path, ref: str) -> None:
    """Sync a ref and the directories above it (git before 2.36 syncs no ref).

    What is not there any more was packed meanwhile, by a `git gc` that then removed it.
    """
    path = git_dir / ref
    for one in (path, *path.parents):
        with suppress(FileNotFoundError):
            _sync_directory(one)
        if one == git_dir:
            break
    if not path.exists():
        with suppress(FileNotFoundError):
            _sync_directory(git_dir / "packed-refs")


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---------------------------------------------------------------- upkeep


def kept_packs(repo: Repo) -> Iterator[tuple[Path, str]]:
    """The `.keep` files that runs of xgit left, each with the id of its run."""
    for path in (repo.common_dir / "objects" / "pack").glob("*.keep"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            continue
        if text.startswith(KEEP_MARK):
            yield path, text.removeprefix(KEEP_MARK)


def drop_keeps(repo: Repo, is_under_way: Callable[[Repo, str], bool]) -> None:
    """Remove the `.keep` of packs whose run is over, so that git may tidy them up."""
    for path, owner in kept_packs(repo):
        if not is_under_way(repo, owner):
            path.unlink(missing_ok=True)


def is_crowded(repo: Repo) -> bool:
    """Whether so many packs lie there that git would consolidate them by itself."""
    packs = (repo.common_dir / "objects" / "pack").glob("*.pack")
    return sum(1 for _ in packs) > CROWDED_PACKS


def consolidate(repo: Repo) -> None:
    """Let git tidy up in the background as it does after a fetch; it heeds the user's gc.auto."""
    auto = repo.config.get("gc.auto") or "6700"
    git_done(repo, "-c", f"gc.auto={auto}", "gc", "--auto", "--quiet")


def snapshot_work_tree(repo: Repo, *, scratch: Path, head: str, identity: str, owner: str) -> str:
    """Commit the uncommitted and the untracked files on top of `head`, out of everyone's sight.

    The user's index is copied, never written; new objects are made in `scratch` and come into the
    repository as one kept pack, which `kept_packs` finds by its owner.

    Returns:
        The id of the commit.

    Raises:
        XgitError: there is a repository among the untracked files, of which git would keep a
            name alone.
        GitError: git could not read or keep a file.
    """
    index = scratch / "index"
    objects = scratch / "objects"
    objects.mkdir(parents=True)
    own_index = repo.git_dir / "index"
    if own_index.exists():
        index.write_bytes(own_index.read_bytes())
    private = {
        "GIT_INDEX_FILE": str(index),
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repo.common_dir / "objects"),
    }
    git_bytes(repo, "add", "--all", "--", ":/", env=private)
    _refuse_new_repositories(repo, head, private)
    tree = git_line(repo, "write-tree", env=private)
    text = commit_text(
        tree=tree,
        parents=(head,),
        author=identity,
        committer=identity,
        message="Uncommitted files of an experiment\n",
    )
    commit = git_line(repo, "hash-object", "-t", "commit", "-w", "--stdin", data=text, env=private)
    wanted = f"{commit}\n^{head}\n".encode()
    stream = git_bytes(repo, "pack-objects", "--revs", "--stdout", "-q", data=wanted, env=private)
    store_pack(repo, stream, owner=owner)
    return commit


def _refuse_new_repositories(repo: Repo, head: str, private: Mapping[str, str]) -> None:
    options = ("--cached", "--raw", "-z", "--no-renames", "--diff-filter=A")
    fields = os.fsdecode(git_bytes(repo, "diff-index", *options, head, env=private)).split("\0")
    for about, path in zip(fields[::2], fields[1::2], strict=False):
        if about.split(" ")[1] == "160000":
            raise XgitError(
                f"{path} is a repository of its own, and a snapshot would not keep what is in it",
                f"echo {shlex.quote(f'/{path}')} >> {_word(repo.common_dir / 'info/exclude')}",
            )


def _word(path: Path) -> str:
    return shlex.quote(str(path))


def _quoted(path: Path) -> str:
    """A path in `GIT_ALTERNATE_OBJECT_DIRECTORIES`: quoted as C, since `:` parts the list."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def sign(repo: Repo, *, commit_pack: Pack, name: str, target: str, message: str) -> bytes:
    """The tag object as `git tag --sign` makes it, made in a repository of its own.

    So the tag comes into the user's repository in the same pack as its commit.

    Raises:
        GitError: git could not sign.
    """
    repo.private_dir.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repo.private_dir, prefix="signing-") as folder:
        home = Path(folder)
        _make_scratch_repo(home, repo.object_format)
        private = {
            "GIT_DIR": str(home),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repo.common_dir / "objects"),
        }
        git_bytes(repo, "index-pack", "--stdin", data=commit_pack.stream(), env=private)
        data = _bytes(message)
        making = ("tag", "--sign", "--cleanup=verbatim", "--file=-", name, target)
        git_bytes(repo, *_signing_options(repo), *making, data=data, env=private)
        return git_bytes(repo, "cat-file", "tag", name, env=private)


def _signing_options(repo: Repo) -> Iterator[str]:
    """The user's key and program, which the repository's own config may name."""
    for key, value in repo.config.values.items():
        if key.startswith(("gpg.", "user.")):
            yield from ("-c", f"{key}={value}")


def _make_scratch_repo(home: Path, object_format: str) -> None:
    for folder in ("objects/info", "objects/pack", "refs/tags"):
        (home / folder).mkdir(parents=True)
    (home / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    core = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    extensions = "[extensions]\n\tobjectFormat = sha256\n" if object_format == "sha256" else ""
    (home / "config").write_text(core + extensions, encoding="utf-8")
