"""What all config models share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from lstmrec.config import secret


class Section(BaseModel):
    """A frozen part of the config: unknown keys are refused, every default stands here and nowhere else."""

    # hide_input_in_errors: a trace of --debug would print a value that is refused since it is a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False,
                              hide_input_in_errors=True)  # fmt: skip

    @field_validator("*")
    @classmethod
    def _no_password(cls, value: Any) -> Any:
        return secret.in_no_place(value)
