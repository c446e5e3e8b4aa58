"""Which tools keep data in this repository: DVC, in which directories, and git LFS."""

from __future__ import annotations

import os
from collections.abc import Iterable


def dvc_homes(root: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The directories at the top or above the paths that hold a DVC repository; `""` is the top.

    Args:
        paths: relative to the root; absolute ones are passed over.
    """
    folders = {""}
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in folders and not os.path.isabs(folder):
            folders.add(folder)
            folder = os.path.dirname(folder)
    return tuple(one for one in sorted(folders) if os.path.isdir(os.path.join(root, one, ".dvc")))


def uses_lfs(root: str) -> bool:
    """Whether `.gitattributes` at the top gives a file to git LFS."""
    try:
        with open(os.path.join(root, ".gitattributes"), "rb") as file:
            return b"filter=lfs" in file.read()
    except OSError:  # there is none; where it cannot be read, git complains of it itself
        return False
