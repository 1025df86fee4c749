from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer

from lstmrec.cli import main
from lstmrec.contracts.errors import DataError, GateError
from tests import made

CONFIG = "root: {root}\nas_of: '2018-01-01T00:00:00Z'\nclean: {{events: {{path: [none.parquet]}}}}\n"


@pytest.fixture
def verb(monkeypatch):
    """A verb that does what a test wants, in an app of its own."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(main._shared)

    def use(act):
        app.command("act")(act)
        monkeypatch.setattr(main, "app", app)

    before = signal.getsignal(signal.SIGTERM)
    yield use
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "code"), [(DataError("D012", "price is text", "items", "set decimal"), 3), (GateError("G001", "no"), 5)]
)
def test_errors_come_in_three_lines_on_stderr_with_their_code(verb, capsys, error, code):
    def act() -> None:
        raise error

    verb(act)
    assert main.call(["act"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error[{error.code}] {error.what}\n")
    assert f"exit   {code}" in err
    if error.where:
        assert "  where  items\n  hint   set decimal\n" in err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_and_a_missing_permission_are_no_bugs(verb, capsys, number):
    def act() -> None:
        raise OSError(number, os.strerror(number), "/lake/x")

    verb(act)
    assert main.call(["act"]) == 4
    err = capsys.readouterr().err
    assert err.startswith(f"error[R107] {os.strerror(number)}\n  where  /lake/x\n  hint   what is committed is whole")


def test_what_a_verb_lacks_is_no_bug(verb, capsys):
    def act() -> None:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    verb(act)
    assert main.call(["act"]) == 4
    assert capsys.readouterr().err.startswith("error[R013] package torch is not installed")


def test_bugs_are_one_line_and_a_trace_on_demand(verb, capsys):
    def act() -> None:
        raise ZeroDivisionError("first\nsecond")

    verb(act)
    assert main.call(["act"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error[B001] ZeroDivisionError: first\n") and "Traceback" not in err
    assert main.call(["act", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupts_are_130(verb, capsys):
    def act() -> None:
        raise KeyboardInterrupt

    verb(act)
    assert main.call(["act"]) == 130
    assert "run again" in capsys.readouterr().err


def test_what_breaks_on_the_way_out_of_a_terminated_run_is_no_bug(verb, capsys):
    def act() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            raise KeyError("p")

    before = signal.getsignal(signal.SIGTERM)
    try:
        verb(act)
        assert main.call(["act"]) == 143
        assert capsys.readouterr().err == main._STOPPED + "\n"
        verb(lambda: {}["p"])
        assert main.call(["act"]) == 1, "a run of later"
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("argv", [["nonsense"], ["show-user"], ["run", "--config"], ["run"]])
def test_bad_calls_are_2(argv):
    assert main.call(argv) == 2


def test_unknown_config_key_is_2_and_named(tmp_path, capsys):
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG.format(root=tmp_path / "root") + "evaluat: {}\n")
    assert main.call(["status", "--config", str(file)]) == 2
    assert "did you mean evaluate" in capsys.readouterr().err


def test_show_user_starts_neither_spark_nor_torch_and_prints_plain_text(tmp_path):
    conf = made.root(tmp_path)
    file = tmp_path / "c.yaml"
    file.write_text(conf.model_dump_json())
    code = (
        "import sys; from lstmrec.cli import main; code = main.call(sys.argv[1:]);"
        "assert not {'pyspark', 'torch'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "show-user", "718", "-c", str(file)],
                          capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": os.getcwd()})  # fmt: skip
    assert "\x1b" not in done.stdout
    assert "4 events before serve" in done.stdout
    assert done.stdout.index("Milk") < done.stdout.index("Bread")
    assert made.NASTY in done.stdout  # text is no markup on a terminal


def test_show_user_refuses_unknown_users_and_lists(tmp_path, capsys):
    conf = made.root(tmp_path)
    file = tmp_path / "c.yaml"
    file.write_text(conf.model_dump_json())
    assert main.call(["show-user", "7", "-c", str(file)]) == 3
    assert "D820" in capsys.readouterr().err
    assert main.call(["show-user", "718", "-c", str(file), "--recommender", "nobody"]) == 3
    assert "recommenders: model, popularity" in capsys.readouterr().err


def test_publish_path_rollback(tmp_path, capsys):
    conf = made.root(tmp_path)
    file = str(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text(conf.model_dump_json())
    assert main.call(["path", "recommendations", "-c", file]) == 3  # never published
    assert main.call(["publish", "-c", file]) == 0
    capsys.readouterr()
    assert main.call(["path", "recommendations", "-c", file]) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path}/recommendations/v1/data"
    assert main.call(["path", "bundle", "-c", file]) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path}/bundle/v1"
    assert main.call(["path", "recommendations", "-c", file, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["version"], told["table"]) == (
        f"{tmp_path}/recommendations/v1/data", "v1", "recommendations",
    )  # fmt: skip
    assert main.call(["path", "nothing", "-c", file]) == 2
    assert main.call(["rollback", "-c", file]) == 3
    assert "nothing was published before" in capsys.readouterr().err
    made.again(tmp_path, "v2")
    assert main.call(["publish", "-c", file]) == 0
    capsys.readouterr()
    assert main.call(["rollback", "-c", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recommendations"] == "v1"
