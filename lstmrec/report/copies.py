"""Copies for people at a run's root: report.html and metrics.json, replaced whole."""

from __future__ import annotations

import os

import fsspec

from lstmrec import files, versions
from lstmrec.contracts.manifest import Manifest

COPIED = ("report.html", "metrics.json")


def place(root: str, manifest: Manifest) -> None:
    """Copy a committed report's files to the root; whoever reads meanwhile sees the old file or the new one."""
    folder = versions.verify_files(root, manifest)
    for name in COPIED:
        with files.open_read(files.join(folder, name)) as f:
            data = f.read()
        if not files.is_local(root):
            fs, inner = fsspec.core.url_to_fs(files.join(root, name))
            fs.pipe_file(inner, data)
            continue
        target = files.local(root) / name
        temporary = target.parent / f".{name}.{os.getpid()}.tmp"
        try:
            temporary.write_bytes(data)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
