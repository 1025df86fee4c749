"""Scripts, which are no package, as modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).resolve().parents[1]


def script(path: str) -> ModuleType:
    """The script at this path below the repository, run anew as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(path).stem}", REPO / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def beside(*folders: str) -> Iterator[Callable[[str], ModuleType]]:
    """Within it, modules of these folders below the repository import by their bare names, as when one of them is
    run; the first folder comes first. Afterwards none of them is loaded."""
    paths, before = [str(REPO / folder) for folder in folders], set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for path in reversed(paths):
            patch.syspath_prepend(path)
        yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(Path(str(getattr(sys.modules[name], "__file__", "") or "/")).parent) in paths:
            del sys.modules[name]
