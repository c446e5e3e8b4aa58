"""Throw-away projects to measure in: a small one with Hydra and DVC, and one of very many files."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.timing import run

TRAIN = """
import json, time
import hydra
import numpy as np
import xgit

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    data = np.fromfile("data/points.bin", dtype=np.uint8).astype(float)
    for step in range(10):
        xgit.log({"mean": float(data.mean()) * cfg.scale}, step=step)
    json.dump({"mean": float(data.mean())}, open("metrics.json", "w"))
    time.sleep(0.2)

main()
"""
FILES = {
    "train.py": TRAIN,
    "conf/config.yaml": "scale: 1.0\nmodel:\n  depth: 3\n  name: tree\n",
    "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n"
    "    deps: [train.py, data/points.bin]\n"
    "    metrics:\n    - metrics.json:\n        cache: false\n",
    ".gitignore": "outputs/\n",
}
MANY_FILES = 100_000


def make_project(home: Path) -> Path:
    """A Hydra and DVC project, committed and pushed."""
    root = _cloned(home, "project")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "data").mkdir()
    (root / "data/points.bin").write_bytes(bytes(range(256)) * 4096)
    _with_dvc(root)
    _all(root, "dvc add data/points.bin", "dvc repro -q", "dvc push -q")
    _published(root)
    return root


def make_large(home: Path) -> Path:
    """A repository of `MANY_FILES` files, packed, its index fresh."""
    root = _cloned(home, "large")
    for folder in range(MANY_FILES // 100):
        place = root / f"d{folder // 100}" / f"e{folder % 100}"
        place.mkdir(parents=True)
        for number in range(100):
            (place / f"f{number}.txt").write_text(f"{folder} {number}\n")
    _published(root)
    run(["git", "-c", "gc.autoDetach=false", "gc", "-q", "--force"], root)
    time.sleep(2)
    run(["git", "status"], root)  # refreshes the index, which xgit will not do
    return root


def make_pinned(home: Path, count: int) -> Path:
    """A repository with one pinned directory of so many files, old enough to be remembered."""
    root = _cloned(home, "pinned")
    _with_dvc(root)
    for number in range(count):
        place = root / "data" / f"part{number // 100}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_text(f"sample {number}\n")
    _all(root, "dvc add -q data", "dvc push -q")
    _published(root)
    time.sleep(3)  # what changed just now is not remembered
    return root


def _cloned(home: Path, name: str) -> Path:
    root = home / name
    run(["git", "init", "-q", "--bare", f"{name}.git"], home)
    run(["git", "init", "-q", "-b", "main", name], home)
    _all(
        root,
        "git config user.name bench",
        "git config user.email bench@example.com",
        f"git remote add origin ../{name}.git",
    )
    return root


def _with_dvc(root: Path) -> None:
    _all(root, "dvc init -q", f"dvc remote add -q -d storage ../{root.name}-storage")


def _published(root: Path) -> None:
    _all(root, "git add .", "git commit -q -m first", "git push -q -u origin main")


def _all(root: Path, *lines: str) -> None:
    for line in lines:
        run(line.split(), root)
