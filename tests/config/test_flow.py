"""What flows make of a config."""

from __future__ import annotations

import pytest

from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError

BASE = {"root": "runs/x", "as_of": "2018-01-01T00:00:00Z", "clean": {"events": {"path": ["events"]}},
        "score": {"mode": "carry"}}  # fmt: skip


def test_evaluate_is_the_config_as_it_stands() -> None:
    assert validate(BASE | {"flow": "evaluate"}) == validate(BASE)
    assert validate(BASE).split.by == "time"


@pytest.mark.parametrize(("flow", "roles", "mode"), [("refit", ["train", "serve"], "carry"),
                                                     ("daily", ["serve"], "update")])  # fmt: skip
def test_nothing_is_held_out(flow: str, roles: list[str], mode: str) -> None:
    conf = validate(BASE | {"flow": flow, "split": {"by": "leave_last", "users": {"share": 0.1}}})
    assert conf.split.summary == "nothing held out" and conf.split.users is None
    assert conf.sequence.roles == roles and conf.score.roles == ["serve"] and conf.score.mode == mode
    assert Config.model_validate(conf.model_dump(mode="json")) == conf  # as ranks read it


def test_what_is_no_config_of_evaluate_is_none_of_a_day() -> None:
    for flow in ("daily", "refit"):
        with pytest.raises(ConfigError, match="test_share"):
            validate(BASE | {"flow": flow, "split": {"test_share": 2}})
    with pytest.raises(ConfigError, match="do not go together"):
        validate(BASE | {"split": {"by": "nothing"}})
    with pytest.raises(ConfigError, match="cannot have gap_days"):
        validate(BASE | {"split": {"by": "nothing", "gap_days": 2}})
