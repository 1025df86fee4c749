"""What the section `clean` refuses before any work."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lstmrec.config.clean import CleanConfig


@pytest.mark.parametrize(("section", "says"), [
    ({"events": {"path": ["x"], "unknown_types": "reject"}}, "wants weights"),
    ({"events": {"path": ["x"], "weights": {"buy": -1}}}, "greater than or equal to 0"),
    ({"events": {"path": ["x"], "options": {"mode": "dropMalformed"}}}, "uncounted"),
    ({"events": {"path": ["a", "b"], "format": "table"}}, "takes one name"),
    ({"events": {"path": []}}, "at least 1"),
    ({"events": {"path": ["x"]}, "anonymous": "session"}, "events.session"),
    ({"events": {"path": ["x"], "session": "s"}, "session_gap_minutes": 30}, "not from both"),
    ({"events": {"path": ["x"], "time": None, "position": "p"}, "double_click_s": 2}, "double_click_s"),
    ({"events": {"path": ["x"], "time": None, "position": "p"}, "bots": {"per_day": 2}}, "bots.per_day"),
    ({"events": {"path": ["x"]}, "items": {"path": ["y"], "image": "v"}}, "Extra inputs"),
    ({"events": {"path": ["x"]}, "min_item_events": 5}, "Extra inputs"),
    ({"events": {"path": ["x"]}, "bots": {"user_quantile": 1}}, "less than 1"),
    ({"events": {"path": ["x"]}, "rules": [{"name": "Bad Name", "when": "true"}]}, "pattern"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CleanConfig.model_validate(section)


def test_rules_that_are_off_are_off() -> None:
    conf = CleanConfig.model_validate({"events": {"path": ["x"]}})
    assert (conf.cancellations, conf.double_click_s, conf.consecutive_repeats) == ("keep", 0, "keep")
    assert (conf.core.items, conf.core.users, conf.session_gap_minutes, conf.fit_before) == (0, 0, None, None)
