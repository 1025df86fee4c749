from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tables import write_all


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small tables to train on, in a folder whose name a shell would trip over."""
    folder = tmp_path_factory.mktemp("a root; $HOME & 'x'")
    write_all(folder)
    return folder
