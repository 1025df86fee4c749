"""What all config models share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of the config: unknown keys are refused, every default stands here and nowhere else."""

    # hide_input_in_errors: a trace of --debug would print a value that is refused since it is a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False,
                              hide_input_in_errors=True)  # fmt: skip
