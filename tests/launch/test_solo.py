from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lstmrec.launch.start import start
from lstmrec.training.export import read_result
from tests.training.tables import config

ALONE = """
import sys
from pathlib import Path
from lstmrec.launch.start import start
from tests.training.tables import config
start(config(Path(sys.argv[1]), epochs=1), sys.argv[2])
print(sorted({"horovod", "petastorm", "pyspark"} & sys.modules.keys()))
"""


def test_it_trains_here_and_returns_what_it_left(root: Path, tmp_path: Path) -> None:
    result = start(config(root, epochs=1), str(tmp_path))
    assert result == read_result(str(tmp_path)) and result.epochs == 1


def test_solo_with_arrow_touches_neither_horovod_nor_petastorm_nor_spark(root: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE, str(root), str(tmp_path)], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2], timeout=120)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
