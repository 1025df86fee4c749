"""The search space of `lstmrec tune`: config keys and what they may be, as YAML."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from lstmrec.config.base import Section
from lstmrec.config.load import read_yaml
from lstmrec.contracts.errors import ConfigError


class Range(Section):
    """What one key may be: one of `choices`, or a number from low to high."""

    choices: list[Any] | None = Field(None, min_length=2, description="values, tried as they stand")
    low: float | None = Field(None, description="smallest")
    high: float | None = Field(None, description="largest")
    log: bool = Field(False, description="tried by order of magnitude")
    kind: Literal["float", "int"] = Field("float", description="of the number")

    @model_validator(mode="after")
    def _one_form(self) -> Range:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("write choices, or low and high")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log wants a low above 0")
        return self


def read_space(path: str) -> dict[str, Range]:
    """Key -> range, of a YAML file or URL: {train.learning_rate: {low: 0.0005, high: 0.005, log: true}, ...}.

    ConfigError C041: unreadable, no mapping of ranges, or keys outside `train`: what they change would have to be made
    by other jobs before each trial.
    """
    try:
        space = {str(key): Range.model_validate(value) for key, value in read_yaml(path).items()}
    except (ConfigError, ValidationError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.what
        raise ConfigError("C041", f"no search space: {said}", path, "see conf/space.yaml") from error
    if others := [key for key in space if not key.startswith("train.")]:
        raise ConfigError("C041", f"keys that a trial cannot change: {', '.join(others)}", path,
                          "keys of train. only; tune what other jobs make by runs of their own")  # fmt: skip
    return space
