from __future__ import annotations

import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def submit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "scripts" / "submit.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def calls(*arguments: str) -> list[list[str]]:
    done = submit(arguments[0], "--dry-run", *arguments[1:])
    assert done.returncode == 0, done.stderr
    return [shlex.split(line) for line in done.stdout.splitlines()]


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


def confs(call: list[str]) -> dict[str, str]:
    given = [b for a, b in pairwise(call) if a == "--conf"]
    return dict(x.split("=", 1) for x in given)


def test_all_are_the_nine_doors_in_order() -> None:
    made = calls("all", "--master", "local[2]", "--config", "shop.yaml")
    doors = [next(x for x in call if x.endswith(".py")) for call in made]
    assert doors == [str(p) for p in sorted((ROOT / "jobs").glob("s*.py"))] and len(doors) == 9
    files = [Path(option(call, "--properties-file")).name for call in made]
    assert files == ["cluster.conf"] * 5 + ["train.conf"] + ["cluster.conf"] * 3
    assert all(Path(option(call, "--properties-file")).exists() for call in made)


def test_in_client_mode_configs_stay_and_executors_unpack_a_python() -> None:
    (call,) = calls(
        "score", "--master", "spark://h:7077", "--env", "e.tar.gz", "--config", "a/shop.yaml", "--set", "seed=2"
    )
    assert option(call, "--archives") == "e.tar.gz#environment" and "--files" not in call
    assert confs(call)["spark.pyspark.python"] == "./environment/bin/python"
    assert call[-4:] == ["--config", "a/shop.yaml", "--set", "seed=2"]


def test_in_cluster_mode_configs_travel_and_urls_do_not() -> None:
    (call,) = calls("clean", "--master", "yarn", "--deploy-mode", "cluster", "--env", "e.tar.gz",
                    "--config", "a/shop.yaml", "--config", "s3://b/more.yaml", "--config", "b/last.yaml")  # fmt: skip
    assert option(call, "--files") == "a/shop.yaml,b/last.yaml"
    assert call[-6:] == ["--config", "shop.yaml", "--config", "s3://b/more.yaml", "--config", "last.yaml"]
    assert confs(call)["spark.yarn.appMasterEnv.PYSPARK_PYTHON"] == "./environment/bin/python"


def test_kubernetes_runs_the_image() -> None:
    (call,) = calls("train", "--master", "k8s://https://h:6443", "--image", "me/lstmrec:1", "--config", "shop.yaml")
    assert "local:///opt/lstmrec/jobs/s6_train.py" in call and option(call, "--deploy-mode") == "cluster"
    assert confs(call)["spark.kubernetes.container.image"] == "me/lstmrec:1"


def test_options_of_spark_come_last_so_that_they_win() -> None:
    (call,) = calls("clean", "--master", "yarn", "--config", "c", "--env", "e.tar.gz")
    (more,) = calls("clean", "--master", "yarn", "--config", "c", "--env", "e.tar.gz", "--", "--queue", "ml")
    assert [x for x in more if x not in call] == ["--queue", "ml"]
    assert more.index("--queue") > more.index("--archives")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("clean --config c", "--master is missing"),
        ("clean --master yarn", "--config is missing"),
        ("nothing --master yarn --config c", "no job nothing"),
        ("clean --master yarn --config c --py-files x.zip", "no shared library out of a zip"),
        ("clean --master yarn --config c -- --py-files x.zip", "cannot carry torch"),
        ("clean --master yarn --config c --env e --image i", "give one"),
        ("clean --master k8s://h --config c", "wants --image"),
        ("clean --master spark://h:1 --deploy-mode cluster --config c", "runs no Python driver"),
        ("clean --master yarn --deploy-mode remote --config c", "client or cluster"),
        ("clean --master yarn --config c --queue ml", "come after --"),
        ("clean --master yarn --config c --env none-there.tgz", "scripts/pack_env.sh none-there.tgz"),
        ("clean --master yarn --config c --env e.tar", "environment.tar.gz"),
    ],
)
def test_what_cannot_work_is_said_at_once(arguments: str, said: str) -> None:
    done = submit(*arguments.split())
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_the_image_copies_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    names = {name for line in copied for name in line if not name.startswith("--")}
    assert {"lstmrec", "jobs", "conf", "scripts", "scripts/entrypoint.sh"} <= names
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in names:
        assert (ROOT / name).exists(), name
        assert f"!{name.split('/')[0]}" in ignored, name
    assert re.search(r"^ENTRYPOINT .*entrypoint\.sh", text, re.M)


def test_containers_run_drivers_executors_and_commands(tmp_path: Path) -> None:
    for name, body in {"bin/spark-submit": 'echo submit "$@"', "java": 'printf "%s\\n" "$@"'}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    env = {"SPARK_HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/", "SPARK_JAVA_OPT_0": "-Da=b c",
           "SPARK_JAVA_OPT_1": "-Dx=y=z", "SPARK_EXECUTOR_MEMORY": "1g"}  # fmt: skip
    env |= {f"SPARK_{n}": n.lower() for n in ("DRIVER_BIND_ADDRESS", "DRIVER_URL", "EXECUTOR_ID", "EXECUTOR_CORES",
            "APPLICATION_ID", "EXECUTOR_POD_IP", "RESOURCE_PROFILE_ID", "EXECUTOR_POD_NAME")}  # fmt: skip

    def run(*arguments: str) -> str:
        entry = ["bash", str(ROOT / "scripts" / "entrypoint.sh"), *arguments]
        return subprocess.run(entry, capture_output=True, text=True, check=True, env=env).stdout

    driver = run("driver", "--class", "x", "local:///j.py")
    assert "bindAddress=driver_bind_address" in driver and driver.rstrip().endswith("--class x local:///j.py")
    executor = run("executor").splitlines()
    assert executor[:4] == ["-Da=b c", "-Dx=y=z", "-Xms1g", "-Xmx1g"]
    assert executor[executor.index("--executor-id") + 1] == "executor_id"
    assert run("echo", "hello") == "hello\n"
