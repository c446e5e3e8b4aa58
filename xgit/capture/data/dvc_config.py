"""DVC's configuration: where its cache is, and which remotes there are."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from xgit.errors import XgitError

Sections = dict[str, dict[str, str]]
_REMOTE = re.compile(r"""\s*remote\s*"(.*)"\s*""")
_SCHEME = re.compile(r"\w+://")
_CHAIN = 10
_PATHS = {  # options of a remote that are read relative to the file they are written in
    "url",
    "credentialpath",
    "configpath",
    "keyfile",
    "cert_path",
    "key_path",
    "gdrive_user_credentials_file",
    "gdrive_service_account_json_file_path",
}


class DvcRemote(NamedTuple):
    """Where DVC pushes to.

    Attributes:
        name: in lower case, as DVC takes it.
        url: as the config says, remotes it names resolved; a path is absolute.
        directory: the path of a directory on this machine, or None for any other kind.
        key: tells this remote from every other, to remember answers by.
    """

    name: str
    url: str
    directory: str | None
    key: str


class DvcConfig(NamedTuple):
    """What is needed of DVC's configuration.

    Attributes:
        cache_dir: absolute.
        remotes: the default remote first.
        options: all that is said of each remote by its name, credentials too; paths are absolute.
    """

    cache_dir: str
    remotes: tuple[DvcRemote, ...]
    options: Mapping[str, Mapping[str, str]]

    def __repr__(self) -> str:
        """Without the options, which may be credentials."""
        return f"DvcConfig({self.cache_dir!r}, {self.remotes!r})"


def read_dvc_config(home: Path) -> DvcConfig:
    """The configuration in force for the DVC repository at `home`: system, user, project, local.

    Raises:
        XgitError: a file of it cannot be read.
    """
    merged: Sections = {}
    for path in _config_files(home):
        for section, values in _read_config(path).items():
            merged.setdefault(section, {}).update(values)
    cache_dir = merged.get("cache", {}).get("dir") or str(home / ".dvc" / "cache")
    default = merged.get("core", {}).get("remote", "").lower()
    named = {match[1]: section for section in merged if (match := _REMOTE.fullmatch(section))}
    order = sorted(named, key=lambda name: name != default)
    options = {name: merged[section] for name, section in named.items()}
    return DvcConfig(cache_dir, tuple(_remote(name, options) for name in order), options)


def _config_files(home: Path) -> Iterator[Path]:
    yield Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or _system_directory(), "config")
    yield Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or _user_directory(), "config")
    yield home / ".dvc" / "config"
    yield home / ".dvc" / "config.local"


def _system_directory() -> str:
    if sys.platform == "darwin":
        return "/Library/Application Support/dvc"
    return os.path.join(os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")[0], "dvc")


def _user_directory() -> str:
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/dvc")
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "dvc")


def _read_config(path: Path) -> Sections:
    """The sections of one file, keys in lower case, paths made absolute."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise XgitError(f"{path} is not UTF-8") from error
    except OSError as error:
        raise XgitError(f"{path} cannot be read: {error.strerror}") from error
    sections: Sections = {}
    values: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and "]" in line:
            name = _unquoted(line[1 : line.rindex("]")]).lower()
            values = sections.setdefault(name, {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values[_unquoted(key).lower()] = _unquoted(value)
    for name, found in sections.items():
        paths = _PATHS if _REMOTE.fullmatch(name) else {"dir"} if name == "cache" else set()
        for key in paths & found.keys():
            found[key] = _resolved(found[key], path.parent)
    return sections


def _unquoted(text: str) -> str:
    """A name or value without its quotes, or without the comment after it."""
    text = text.strip()
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        return text[1 : text.find(text[0], 1)]
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()


def _resolved(url: str, folder: Path) -> str:
    """A path as DVC reads it: relative to the file it is written in, or to the user's home."""
    if _SCHEME.match(url):
        return url
    return os.path.abspath(os.path.join(folder, os.path.expanduser(url)))


def _remote(name: str, options: Mapping[str, Mapping[str, str]]) -> DvcRemote:
    own = options[name]
    url = own.get("url", "")
    for _ in range(_CHAIN):
        base, _, rest = url.removeprefix("remote://").partition("/")
        if not url.startswith("remote://") or base not in options:
            break
        own = options[base]
        url = f"{own.get('url', '').rstrip('/')}/{rest}"
    directory = None if not url or _SCHEME.match(url) else url
    return DvcRemote(name, url, directory, f"{url} {own.get('endpointurl', '')}")
