"""`lstmrec`: one file a verb, and one place where errors become a line people can act on and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from lstmrec.cli.audit import audit
from lstmrec.cli.candidates import candidates
from lstmrec.cli.compare import compare
from lstmrec.cli.doctor import doctor
from lstmrec.cli.erase import erase
from lstmrec.cli.export import export
from lstmrec.cli.init import init
from lstmrec.cli.label import label
from lstmrec.cli.prune import prune
from lstmrec.cli.publish import path, publish, rollback
from lstmrec.cli.records import runs
from lstmrec.cli.report import report
from lstmrec.cli.run import run
from lstmrec.cli.show import show_user
from lstmrec.cli.similar import similar
from lstmrec.cli.status import status
from lstmrec.cli.tune import tune
from lstmrec.contracts.errors import LstmrecError, of_machine, of_system, of_text, text_of

_ENDED = threading.Event()
_STOPPED = "stopped; run again to go on from the last whole table"
app = typer.Typer(
    help="An event log becomes a ranked list for every user. Start with: lstmrec run --config conf/demo.yaml",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
for verb, name in ((init, "init"), (run, "run"), (show_user, "show-user"), (similar, "similar"),
                   (status, "status"), (runs, "runs"), (publish, "publish"), (rollback, "rollback"), (path, "path"),
                   (report, "report"), (compare, "compare"), (export, "export"), (label, "label"),
                   (candidates, "candidates"), (prune, "prune"), (erase, "erase"), (audit, "audit"), (tune, "tune"),
                   (doctor, "doctor")):  # fmt: skip
    app.command(name)(verb)


@app.callback()
def _shared(debug: bool = typer.Option(False, "--debug", help="print the whole trace of an unexpected error")) -> None:
    """Taken out before parsing, so that it may stand anywhere; declared here for --help."""


def main(argv: Sequence[str] | None = None) -> None:
    """Console script: exits with 0, or the code of the error's kind (1 bug, 2 config, 3 data, 4 resource, 5 gate)."""
    sys.exit(call(list(sys.argv[1:] if argv is None else argv)))


def call(argv: list[str]) -> int:
    """Run a command line; returns its exit code and prints errors to stderr."""
    debug = "--debug" in argv
    _ENDED.clear()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        result: Any = app([a for a in argv if a != "--debug"], prog_name="lstmrec", standalone_mode=False)
        code = int(result or 0)
        return code if code != 130 else _fail(_STOPPED, 130, False)  # typer makes an exit of Ctrl-C itself
    except LstmrecError as error:
        return _fail(f"{error}\n  exit   {error.exit_code}", error.exit_code, debug)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(_STOPPED, 130, debug)
    except BrokenPipeError:  # `lstmrec status | head`
        return 0
    except Exception as error:
        if _ENDED.is_set():  # what broke on the way out is no bug
            return _fail(_STOPPED, 128 + signal.SIGTERM, debug)
        found = of_system(error) if isinstance(error, OSError) else None
        # the system's; an executor's, in a text of Spark's; or what this machine lacks
        if (known := found or of_text(text_of(error)) or of_machine(error)) is not None:
            return _fail(f"{known}\n  exit   {known.exit_code}", known.exit_code, debug)
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # typer's own: a bad option or a missing one
            error.show()
            return int(error.exit_code)
        first = (text_of(error).strip() or "no message").splitlines()[0][:300]
        text = f"error[B001] {type(error).__name__}: {first}"
        return _fail(text + ("" if debug else "\n  hint   --debug prints the trace; please report it"), 1, debug)


def _fail(text: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    sys.stdout.flush()
    print(text, file=sys.stderr)
    return code


def _terminated(number: int, frame: Any) -> None:
    _ENDED.set()
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
