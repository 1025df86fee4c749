"""Secrets: options that go to Spark name the variable that holds them, and none is ever written in the config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from lstmrec.contracts.errors import ConfigError

_REFERENCE = re.compile(r"env:([A-Za-z_]\w*)")
_SECRET = re.compile(r"password|passwd|passphrase|secret|token|credential|signature"
                     r"|(access|account|api|private|shared)key|\b(sas|pwd|pass|auth)\b", re.ASCII)  # fmt: skip
#: Ends of keys that say where a secret comes from, or of what kind it is.
_ABOUT = re.compile(r"(provider|providers|file|path|type|class|endpoint)$")
_USER = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_IN_URL = re.compile(_USER.pattern + r"|[?;&](password|passwd|pwd|token|secret)=[^;&]", re.IGNORECASE)


def _by_reference(options: dict[str, str]) -> dict[str, str]:
    for key, value in options.items():
        if value and not _REFERENCE.fullmatch(value) and (_is_secret(key) or _IN_URL.search(value)):
            raise ValueError(f"{key} holds a secret, which would be kept with the run: write {key}: env:NAME, and set "
                             "the environment variable NAME for the driver process")  # fmt: skip
    return options


def _is_secret(key: str) -> bool:
    low = key.lower()
    words = re.sub(r"[._-]", " ", low)
    return _ABOUT.search(low) is None and any(_SECRET.search(form) for form in (words, words.replace(" ", "")))


def _without(url: str) -> str:
    if _IN_URL.search(url):
        raise ValueError(
            "no password in a URL: name an environment variable in password_env, or in options as env:NAME"
        )
    return url


def in_no_place(value: Any) -> Any:
    """A value of the config, unless it is a place, or holds one, with a user's password in it: ValueError."""
    if any(isinstance(text, str) and _USER.search(text) for text in (value if isinstance(value, list) else [value])):
        raise ValueError("no password in a place, which is kept with the run: Spark takes credentials from "
                         "spark.hadoop.*, all else from the environment of the process (MLflow: "
                         "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)")  # fmt: skip
    return value


#: Options of Spark's readers and writers. What is recorded of one that is secret is `env:NAME`.
Options = Annotated[dict[str, str], AfterValidator(_by_reference)]
#: A URL that holds no password.
Url = Annotated[str, AfterValidator(_without)]


def resolved(options: Mapping[str, str], key: str) -> dict[str, str]:
    """Options as Spark is to get them: `env:NAME` is the value of that variable. key: their place in the config.
    ConfigError C037 where it is not set."""
    out = dict(options)
    for name, value in options.items():
        if found := _REFERENCE.fullmatch(value):
            if found[1] not in os.environ:
                raise ConfigError("C037", f"environment variable {found[1]} is not set", f"{key}.{name}",
                                  "set it where the driver runs")  # fmt: skip
            out[name] = os.environ[found[1]]
    return out
