"""Keys, signers and keyrings for tests, made for real; skipped where the program is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Project

ADA = "ada@example.com"


def ssh_key(folder: Path, name: str = "key") -> Path:
    """A new key in the folder, its public half beside it."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not here")
    key = folder / name
    making = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(making, check=True, capture_output=True)
    return key


def public_half(key: Path) -> str:
    """The public half of a key, as a line of an allowed signers file has it."""
    return key.with_suffix(".pub").read_text(encoding="utf-8").strip()


def allow(file: Path, key: Path, principal: str = ADA, options: str = "") -> Path:
    """Add a key to an allowed signers file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"{principal} {options} {public_half(key)}\n")
    return file


def user_config(project: Project, **values: str) -> None:
    """Set keys of the user's own configuration, `__` for a dot."""
    for key, value in values.items():
        project.git("config", "--global", key.replace("__", "."), value)


def sign_with_ssh(project: Project, key: Path) -> None:
    """Have every tag signed from now on, as the user's configuration can say."""
    user_config(project, gpg__format="ssh", user__signingKey=str(key), tag__gpgSign="true")


@contextmanager
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keyring of its own for GnuPG, whose agent is gone afterwards; see `another_keyring`."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not here")
    # Not below pytest's directories: the path of a socket has room for a hundred letters.
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        monkeypatch.setenv("GNUPGHOME", f"{folder}/a")
        Path(folder, "a").mkdir(mode=0o700)
        yield
        for home in Path(folder).iterdir():
            gpgconf = ["gpgconf", "--homedir", str(home), "--kill", "all"]
            subprocess.run(gpgconf, check=False, capture_output=True)


def another_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the keyring of another person, which is empty."""
    home = Path(os.environ["GNUPGHOME"]).with_name("b")
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))


def gpg(*args: str, data: bytes | None = None) -> bytes:
    """What gpg prints."""
    done = subprocess.run(
        ["gpg", "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", "",
         *args],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


def gpg_key(owner: str) -> str:
    """A new key in the keyring; what to sign with."""
    gpg("--quick-generate-key", owner, "ed25519", "sign", "0")
    return owner


def sign_with_gpg(project: Project, owner: str) -> None:
    """Have every tag signed from now on, as the user's configuration can say."""
    user_config(project, user__signingKey=owner, tag__gpgSign="true")


def put_tag(project: Project, content: bytes) -> str:
    """A tag object with just this content; its id."""
    done = subprocess.run(
        ["git", "hash-object", "-t", "tag", "-w", "--stdin", "--literally"],
        cwd=project.root, input=content, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().strip()


def tag_content(project: Project, name: str) -> bytes:
    """The bytes of a tag object."""
    return subprocess.run(
        ["git", "cat-file", "tag", name], cwd=project.root, capture_output=True, check=True
    ).stdout
