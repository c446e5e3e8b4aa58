"""A small index of packages on loopback, with the simple API that pip and uv ask."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PackageIndex:
    """What is on the index, and how it behaves.

    Attributes:
        files: content by file name.
        open: cleared, no request is answered until it is set again.
        login: `user:password` that is asked for, or None.
        asked: the paths of all requests.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.open = threading.Event()
        self.open.set()
        self.login: str | None = None
        self.asked: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        """The address that uv is told, credentials included."""
        login = f"{self.login}@" if self.login else ""
        return f"http://{login}127.0.0.1:{self.port}/simple"

    def add_wheel(self, name: str, version: str) -> str:
        """A wheel with one empty module; its SHA-256."""
        info = f"{name}-{version}.dist-info"
        content = {
            f"{name}.py": "",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, text in content.items():
                archive.writestr(zipfile.ZipInfo(path), text)
        return self._add(f"{name}-{version}-py3-none-any.whl", buffer.getvalue())

    def add_sdist(self, name: str, version: str, setup: str) -> str:
        """A source distribution whose `setup.py` is given; its SHA-256."""
        info = f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path, text in (("setup.py", setup), ("PKG-INFO", info)):
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return self._add(f"{name}-{version}.tar.gz", buffer.getvalue())

    def _add(self, name: str, content: bytes) -> str:
        self.files[name] = content
        return hashlib.sha256(content).hexdigest()

    def answer(self, path: str, login: str | None) -> tuple[int, bytes]:
        """Status and body of a request."""
        self.asked.append(path)
        self.open.wait()
        if self.login and login != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            return 401, b""
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return 200, self.files[name]
        links = [
            f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
            for file, content in self.files.items()
            if kind == "simple" and file.startswith(f"{name.replace('-', '_')}-")
        ]
        return (200, "\n".join(links).encode()) if links else (404, b"")


@contextmanager
def served(index: PackageIndex) -> Iterator[PackageIndex]:
    """The index, answering until the end; a request that waits is then let go."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = index.answer(self.path, self.headers.get("Authorization"))
            try:
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)
            except OSError:
                return  # who asked has gone

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base has it
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        index.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield index
        finally:
            index.open.set()
            server.shutdown()
            thread.join()
