from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests import by_path


@pytest.fixture
def pack() -> ModuleType:
    return by_path.script("scripts/pack_tree.py")


def test_what_jobs_import_goes_along_and_tools_stay(pack: ModuleType) -> None:
    names = set(pack.needed(["spark", "train", "score", "report"], ("pyspark", "py4j")))
    assert {"torch", "safetensors", "pyarrow", "pandas", "numpy", "pydantic", "omegaconf", "jinja2", "psutil"} <= names
    assert {"petastorm", "horovod", "dill", "diskcache", "pyzmq", "cloudpickle"} <= names
    assert not names & {"pyspark", "py4j", "ruff", "mypy", "pytest", "hypothesis", "pip", "setuptools", "lstmrec"}
    assert {"pyspark", "py4j"} <= set(pack.needed(["spark"]))
    assert "torch" not in pack.needed([], ("petastorm", "horovod"))


def test_what_is_missing_is_named(pack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    there = pack._there
    monkeypatch.setattr(pack, "_there", lambda name: name != "safetensors" and there(name))
    with pytest.raises(SystemExit, match="safetensors is not installed, but lstmrec needs it"):
        pack.needed(["train"])


def test_the_tree_runs_from_where_it_is_moved_to(pack: ModuleType, tmp_path: Path) -> None:
    site = pack.copy_interpreter(tmp_path / "made")
    assert pack.copy_distribution("typing_extensions", site) > 0
    (tmp_path / "made").rename(tmp_path / "moved")
    code = (
        "import json, ssl, sqlite3, sys, typing_extensions as t, importlib.metadata as m; "
        "assert sys.prefix in t.__file__; foreign = [p for p in sys.path if not p.startswith(sys.prefix)]; "
        "print(sys.prefix, m.version('typing_extensions'), foreign)"
    )
    python = tmp_path / "moved" / "bin" / "python"
    said = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True, env={}).stdout
    assert said.split() == [str(tmp_path / "moved"), importlib.metadata.version("typing_extensions"), "[]"]
