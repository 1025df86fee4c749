#!/usr/bin/env bash
# Makes .venv with all that lstmrec needs: Python packages as locked, Horovod compiled against the locked torch.
# Idempotent; the second call finds a stamp and returns at once, without the network.
#
# What is missing on the system (JDK 17 or 21, C++17 compiler, cmake, Python headers) is installed with apt-get where
# this runs as root, and named otherwise. PYTHON=/path/to/python3.11 chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
INPUTS=(pyproject.toml requirements-torch.lock requirements.lock scripts/setup.sh scripts/build_horovod.sh)
STAMP=$VENV/.lstmrec-$(cat "${INPUTS[@]}" | sha256sum | cut -c1-16)
# A venv knows its own path: a moved or copied one is made anew.
is_done() { [[ -f $STAMP && $(<"$STAMP") == "$PWD" ]]; }
if is_done; then exit 0; fi
# One set-up at a time in a tree; the lock ends with the process.
exec 9<pyproject.toml
flock 9
if is_done; then exit 0; fi

LOG=$(mktemp "${TMPDIR:-/tmp}/lstmrec-setup-XXXXXX.log")
STARTED=$SECONDS
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# quiet COMMAND...: its output goes to the log, whose tail is shown when it fails.
quiet() {
  "$@" >>"$LOG" 2>&1 || { tail -n 25 "$LOG" >&2; fail "failed: $* (whole log: $LOG)"; }
}

APT_UPDATED=
apt_install() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  if [[ -z $APT_UPDATED ]]; then apt-get update >>"$LOG" 2>&1 || true; APT_UPDATED=1; fi
  say "apt-get install $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$LOG" 2>&1
}

# --- a Python: the lock's numpy needs 3.11; 3.11 is what it was tested on
python_fits() { "$1" -c 'import ensurepip, venv, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if python_fits "$candidate"; then command -v "$candidate"; return 0; fi
  done
  return 1
}

# --- a JDK: Spark needs the incubator's vector module, which some builds leave out
java_fits() {
  local java=$1 major
  [[ -x $java ]] || return 1
  major=$("$java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1)
  [[ $major == 17 || $major == 21 ]] && "$java" --list-modules 2>/dev/null | grep 'jdk.incubator.vector' >/dev/null
}
spark_java() { if [[ -n ${JAVA_HOME:-} ]]; then echo "$JAVA_HOME/bin/java"; else command -v java || true; fi; }
check_java() {
  local home
  java_fits "$(spark_java)" && return 0
  if [[ -z ${JAVA_HOME:-} ]]; then
    apt_install openjdk-17-jdk-headless || apt_install openjdk-21-jdk-headless || true
    hash -r
    java_fits "$(spark_java)" && return 0
  fi
  for home in /usr/lib/jvm/*; do
    if java_fits "$home/bin/java"; then fail "Spark would use ${JAVA_HOME:-$(spark_java)}, which does not fit: export JAVA_HOME=$home"; fi
  done
  fail "no JDK 17 or 21 with the module jdk.incubator.vector${JAVA_HOME:+ in JAVA_HOME=$JAVA_HOME}: install openjdk-17-jdk-headless (Debian, Ubuntu) or java-17-openjdk-headless (Fedora, RHEL)"
}

# --- a compiler, for Horovod
compiler_fits() {
  g++ -std=c++17 -x c++ -fsyntax-only - >/dev/null 2>&1 <<'CPP'
#include <optional>
int main() { std::optional<int> x; if constexpr (sizeof(int) > 0) { return x ? 1 : 0; } }
CPP
}
check_compiler() {
  local missing=() tool
  compiler_fits || missing+=(g++)
  for tool in make cmake perl tar; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}" || fail "missing: ${missing[*]}; install them (a C++17 compiler, for Horovod): apt-get install ${missing[*]}"
  compiler_fits || fail "g++ does not compile C++17: install GCC 9 or later"
}
check_headers() {
  local header
  header=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
  [[ -f $header ]] || apt_install "$(basename "$(dirname "$header")")-dev" || true
  [[ -f $header ]] || fail "no $header, which Horovod's build needs: install the -dev package of $1"
}

# pip with patience: a broken connection is tried again, anything else fails at once.
pip_install() {
  local try part=$LOG.pip
  for try in 1 2 3 4; do
    if "$VENV/bin/python" -m pip --disable-pip-version-check install --retries 5 --timeout 60 "$@" >"$part" 2>&1; then
      cat "$part" >>"$LOG"; rm -f "$part"; return 0
    fi
    cat "$part" >>"$LOG"
    grep -qiE 'connection|timed? ?out|temporary failure|name resolution|incompleteread|protocolerror|broken pipe|ssl|http error (429|5..)|(429|50[0-9]) (client|server) error' "$part" || break
    [[ $try == 4 ]] || { say "the network failed, trying again in $((try * 5)) s"; sleep $((try * 5)); }
  done
  tail -n 25 "$part" >&2; rm -f "$part"
  fail "pip install $* failed (whole log: $LOG)"
}

say "1/5 check the system: Python, JDK, C++ compiler"
PY=$(find_python) || { apt_install python3.11-venv python3.11-dev || apt_install python3-venv python3-dev || true; hash -r; PY=$(find_python); } ||
  fail "no Python 3.11 to 3.13 with venv${PYTHON:+ at PYTHON=$PYTHON}: install python3.11 and python3.11-venv, or set PYTHON=/path/to/python3.11"
check_java
check_compiler
check_headers "$PY"

if [[ -x $VENV/bin/python ]] && ! grep -qF "$PWD/$VENV" "$VENV/bin/activate" 2>/dev/null; then rm -rf "$VENV"; fi
"$VENV/bin/python" -m pip --version >/dev/null 2>&1 || { say "    make $VENV from $PY"; quiet "$PY" -m venv --clear "$VENV"; }

say "2/5 torch and what it needs"
pip_install -c requirements.lock -r requirements-torch.lock
say "3/5 the rest of the lock"
pip_install --no-deps --no-build-isolation -r requirements.lock
say "4/5 Horovod"
bash scripts/build_horovod.sh "$VENV"
say "5/5 lstmrec itself"
pip_install --no-deps --no-build-isolation -e .

rm -f "$VENV"/.lstmrec-*
printf '%s' "$PWD" >"$STAMP"
rm -f "$LOG"
say "done in $((SECONDS - STARTED)) s"
