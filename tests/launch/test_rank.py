from __future__ import annotations

import json
import subprocess
from pathlib import Path

from lstmrec.launch import processes
from lstmrec.launch.rank import feed_of
from lstmrec.training.arrow_feed import ArrowFeed
from tests.launch import scenes
from tests.launch.local_env import LONE


def test_the_reader_is_the_configs(root: Path) -> None:
    assert isinstance(feed_of(scenes.conf(root), 1), ArrowFeed)
    assert type(feed_of(scenes.conf(root, reader="petastorm"), 1)).__name__ == "PetastormFeed"


def test_an_error_leaves_a_note_and_its_exit_code(tmp_path: Path) -> None:
    attempt, path = processes.new_attempt(scenes.conf(tmp_path / "no tables", comm="torch"), str(tmp_path))
    done = subprocess.run(processes.command(path, str(tmp_path), attempt), env=processes.environment(LONE), timeout=120,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 3, done.stderr
    told = json.loads(Path(attempt, "rank-0.json").read_text())
    assert told["kind"] == "DataError" and told["args"][0] == "D105"
