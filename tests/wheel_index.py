"""A package index on loopback, with wheels and source distributions made by hand."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from xgit.record.model import Json

BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "NAME-VERSION-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("NAME/__init__.py", "built = True\\n")
        head = "Metadata-Version: 2.1\\nName: NAME\\nVersion: VERSION\\n"
        wheel.writestr("NAME-VERSION.dist-info/METADATA", head)
        tag = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("NAME-VERSION.dist-info/WHEEL", tag)
        wheel.writestr("NAME-VERSION.dist-info/RECORD", "")
    return name

build_editable = build_wheel
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "NAME"
version = "VERSION"
"""


def filled(text: str, name: str, version: str) -> str:
    """A template with the name and the version of a package."""
    return text.replace("NAME", name).replace("VERSION", version)


class Index:
    """The index; what is added is served at once."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def add_wheel(
        self,
        name: str,
        version: str,
        *,
        tag: str = "py3-none-any",
        body: str = "x = 1\n",
        more: Mapping[str, str] | None = None,
    ) -> dict[str, Json]:
        """Serve a wheel, with `more` files; its entry in a `pylock.toml`."""
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}/__init__.py": body,
            **(more or {}),
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        rows = [f"{path},{_record_hash(text)},{len(text)}\n" for path, text in files.items()]
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, text)
            wheel.writestr(f"{info}/RECORD", "".join([*rows, f"{info}/RECORD,,\n"]))
        file = self._add(name, f"{name}-{version}-{tag}.whl", content.getvalue())
        return {"name": name, "version": version, "wheels": [file]}

    def add_sdist(self, name: str, version: str) -> dict[str, Json]:
        """Serve a source distribution that builds itself; its entry in a `pylock.toml`."""
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "pyproject.toml": filled(PROJECT, name, version),
            "backend.py": filled(BACKEND, name, version),
        }
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        file = self._add(name, f"{name}-{version}.tar.gz", content.getvalue())
        return {"name": name, "version": version, "sdist": file}

    def _add(self, name: str, file: str, content: bytes) -> dict[str, Json]:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        with (folder / "index.html").open("a", encoding="ascii") as page:
            page.write(f'<a href="{file}#sha256={digest}">{file}</a>\n')
        return {"url": f"{self.url}{name}/{file}", "hashes": {"sha256": digest}}


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
        """Say nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[Index]:
    """An empty index."""
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Index(folder, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
