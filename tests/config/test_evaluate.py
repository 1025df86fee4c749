from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts.errors import ConfigError
from tests import made


def config(**evaluate: Any) -> Any:
    return made.config(Path("/tmp/none"), evaluate=evaluate).evaluate


def test_the_baseline_is_one_of_the_recommenders():
    assert config().baseline == "model" and config(baseline="item_knn").baseline == "item_knn"
    with pytest.raises(ConfigError, match=r"evaluate\.baseline als is none of"):
        config(baseline="als")


@pytest.mark.parametrize("bounds", [[100, 20], [0, 20], [20, 20], [20]])
def test_bounds_of_groups_rise(bounds):
    with pytest.raises(ConfigError, match=r"slices\.history"):
        config(slices={"history": bounds})
    assert config(slices={"user_days": [7, 90]}).slices.user_days == [7, 90]


def test_weights_are_opt_in_and_bounded():
    assert config().ips is None and config(ips={}).ips.power == 0.5
    with pytest.raises(ConfigError, match="clip"):
        config(ips={"clip": 0.001})  # sums of whole numbers would no longer be exact in 64-bit floats
