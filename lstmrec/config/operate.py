"""What a run tells machines about itself: none of it moves a result, nor a skip key."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from lstmrec.config.base import Section


def _a_place(value: str) -> str:
    if "://" not in value or value.startswith("file://"):
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{parts.scheme}:// cannot be added to: a file of this machine, or http(s) for lineage")
    if parts.username or parts.password:
        raise ValueError("no password in a URL: name an environment variable in lineage_key_env")
    return value


#: Where lines are added to. Looked at before what all fields are asked, which knows of no lineage_key_env.
Place = Annotated[str, AfterValidator(_a_place)]


class OperateConfig(Section):
    """Structured logs and lineage; lines for people stay on stdout as they are."""

    log: Place | None = Field(None, description="JSON lines of what a run does (run, job, version, event): `stderr`, "
                              "or a file of this machine that they are added to")  # fmt: skip
    lineage: Place | None = Field(None, description="OpenLineage events of each job: an http(s) URL that takes them by "
                                  "POST, or a file of this machine that they are added to as JSON lines")  # fmt: skip
    lineage_namespace: str = Field("lstmrec", min_length=1, description="namespace of the jobs in those events")
    lineage_key_env: str | None = Field(None, description="environment variable with the key of that URL, sent as a "
                                        "bearer token")  # fmt: skip

    @field_validator("log")
    @classmethod
    def _no_url(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("http"):
            raise ValueError("a log is `stderr` or a file of this machine")
        return value
