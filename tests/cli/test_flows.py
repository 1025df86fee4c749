from __future__ import annotations

import pytest

from lstmrec.cli import flows
from lstmrec.contracts.errors import ConfigError
from tests import made


def test_days():
    assert flows.days("2020-02-28..2020-03-01") == [
        "2020-02-28T00:00:00Z", "2020-02-29T00:00:00Z", "2020-03-01T00:00:00Z",
    ]  # fmt: skip
    assert flows.days("2020-01-01T06:00:00+02:00") == ["2020-01-01T04:00:00Z"]
    assert flows.days("2020-01-01T06:00:00Z..2020-01-02T05:00:00Z") == ["2020-01-01T06:00:00Z"]
    for bad in ("yesterday", "2020-01-02..2020-01-01", "2020-01-01T06:00:00", "..", "1000-01-01..2020-01-01"):
        with pytest.raises(ConfigError, match="C033"):
            flows.days(bad)


def test_the_jobs_of_a_flow(tmp_path):
    assert flows.jobs(made.config(tmp_path)) == flows.JOBS
    refit = flows.jobs(made.config(tmp_path, flow="refit"))
    assert "train" in refit and "evaluate" not in refit and refit[-1] == "score"
    daily = flows.jobs(made.config(tmp_path, flow="daily"))
    assert "train" not in daily and daily[-1] == "judge" and "sequence" in daily
    carry = made.config(tmp_path, flow="daily", score={"mode": "carry"})
    assert carry.score.mode == "update" and "sequence" not in flows.jobs(carry)


def test_selection_within_a_flow():
    assert flows.selection("score", None, None, flows.DAILY) == ("score", "judge")
    with pytest.raises(ConfigError, match="C030"):
        flows.selection(None, None, "train", flows.DAILY)
