from __future__ import annotations

from pathlib import Path

import pytest

from lstmrec.scoring import udf
from lstmrec.scoring.options import tabled
from tests.model import worlds
from tests.scoring import bundles


def test_a_table_is_made_where_it_is_worth_its_bytes() -> None:
    def worth(items: int, **change: int) -> bool:
        return tabled(worlds.spec(**{"dim": 128, "units": 128, **change}).to_dict(), items)

    assert worth(100_000) and worth(262_144)
    assert not worth(262_145)  # more than 512 MiB
    assert not worth(1000, units=256)  # a look-up saves a third
    assert not worth(1000, attention=True)  # such a net is read in another way


def test_states_know_how_they_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundles.seal_bundle(tmp_path, worlds.net(units=8))
    options = bundles.options(tmp_path)
    small, large = udf.reading(options, 100), udf.reading(options, 1 << 24)
    assert small != large == udf.reading(options, 1 << 25)
    monkeypatch.setattr(udf, "READING", "another")
    assert udf.reading(options, 100) not in (small, large)
