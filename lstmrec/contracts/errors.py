"""Errors people can act on: a stable code, what happened, where, and what to do. Exit codes follow the kind."""

from __future__ import annotations

import errno
import re

_TOLD = re.compile(r"error\[([CDRG]\d{3})\] (.+)(?:\n  where  (.+))?(?:\n  hint   (.+))?")

_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_PYTHONS = re.compile(r"\[PYTHON_VERSION_MISMATCH\] ?(.*?)(?:, PySpark|\n|$)")


class LstmrecError(Exception):
    """An error with a stable code.

    code: letter of its kind and three digits, for example ``D012``. what: one sentence. where: job, table, file,
    column, row or rank. hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, code: str, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(code, what, where, hint)  # all four in args: such an error survives the way between processes
        self.code, self.what, self.where, self.hint = code, what, where, hint

    def __str__(self) -> str:
        lines = [f"error[{self.code}] {self.what}"]
        if self.where:
            lines.append(f"  where  {self.where}")
        if self.hint:
            lines.append(f"  hint   {self.hint}")
        return "\n".join(lines)


class ConfigError(LstmrecError):
    """A key, a value or a call that cannot mean anything (codes C...)."""

    exit_code = 2


class DataError(LstmrecError):
    """Input, table or bundle that is missing, broken or not what its contract says (codes D...)."""

    exit_code = 3


class ResourceError(LstmrecError):
    """Something the machine lacks: memory, disk, a library, a lock, another rank (codes R...)."""

    exit_code = 4


def of_system(error: OSError) -> ResourceError | None:
    """A full disk or a missing permission as R107, naming the file where the system does; None for other errors."""
    full, denied = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)
    if error.errno not in (*full, *denied):
        return None
    hint = "what is committed is whole; make room" if error.errno in full else "what is committed is whole; give access"
    return ResourceError("R107", error.strerror or "no access", str(error.filename or ""), f"{hint}, then run again")


def text_of(error: Exception) -> str:
    """What it says; nothing, where it is an error of Spark's whose JVM has gone: only there is the text known."""
    try:
        return str(error)
    except Exception:
        return ""


def of_machine(error: Exception) -> ResourceError | None:
    """What a machine lacks, where an error of Python's or of Spark's tells of it: a Java that Spark starts with (R011),
    one Python everywhere (R012), a package here (R013) or where executors run (R014). None for other errors; a module
    of our own that is not there is a bug."""
    text, doctor = text_of(error), "lstmrec doctor says what is there"
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in ("", "lstmrec"):
            return None
        return ResourceError("R013", f"package {package} is not installed", "this Python",
                             f"scripts/setup.sh, or pip install with lstmrec's extras; {doctor}")  # fmt: skip
    if "JAVA_GATEWAY_EXITED" in text:
        return ResourceError("R011", "Spark does not start: there is no Java, or one that it cannot use",
                             "what Java said stands above", f"point JAVA_HOME at a JDK 17 or 21; {doctor}")  # fmt: skip
    if told := _PYTHONS.search(text):
        return ResourceError("R012", f"executors run another Python: {told[1]}", "PYSPARK_PYTHON",
                             "let it name the driver's version everywhere: scripts/pack_env.sh packs it")  # fmt: skip
    if told := _NO_MODULE.search(text):
        return ResourceError("R014", f"package {told[1].partition('.')[0]} is not installed where executors run",
                             "PYSPARK_PYTHON", "scripts/pack_env.sh packs this environment for them")  # fmt: skip
    return None


class GateError(LstmrecError):
    """A figure beyond its limit: nothing is published (codes G...)."""

    exit_code = 5


def of_text(text: str) -> LstmrecError | None:
    """The first error of ours that a text tells of, such as the trace of an executor; None where it has none."""
    if (told := _TOLD.search(text)) is None:
        return None
    kinds = {"C": ConfigError, "D": DataError, "R": ResourceError, "G": GateError}
    return kinds[told[1][0]](told[1], told[2], told[3] or "", told[4] or "")
