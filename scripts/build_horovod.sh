#!/usr/bin/env bash
# Builds Horovod 0.28.1 (source only, the last there will be) against the torch in a venv, and installs it there.
#
#   scripts/build_horovod.sh [VENV]          build (or take from the cache) and install; VENV defaults to .venv
#   scripts/build_horovod.sh --mend SOURCE   only apply the mends to an unpacked sdist
#
# The wheel is cached per user, keyed by all that it is built against. With a CUDA torch and CUDA_HOME set, NCCL is
# built in; without CUDA_HOME it is a CPU build on any torch.
set -euo pipefail

VERSION=0.28.1
MENDS=1 # moves with every change of mend_source: part of the cache's key
SHA256=92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0

exec 3>&2 # for people; what the compiler says goes to the log
say() { printf 'horovod: %s\n' "$*" >&3; }
fail() { say "$*"; exit 1; }

# mend FILE OLD NEW: replaces the one line OLD, ends the build if upstream's text is not what the mend was written for.
mend() {
  local file=$1 old=$2 new=$3 count
  [[ -f $file ]] || fail "mend of $file: no such file"
  count=$(grep -cF -- "$old" "$file" || true)
  [[ $count == 1 ]] || fail "mend of $file: expected one line with '$old', found $count"
  OLD=$old NEW=$new perl -pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/' "$file"
  grep -qF -- "$new" "$file" || fail "mend of $file did not take"
}

mend_source() {
  local src=$1
  # torch's headers are C++17, and CMakeLists strips any -std= from the environment's flags.
  mend "$src/CMakeLists.txt" 'set(CMAKE_CXX_STANDARD 14)' 'set(CMAKE_CXX_STANDARD 17)'
  mend "$src/horovod/torch/CMakeLists.txt" 'set(CMAKE_CXX_STANDARD 14)' 'set(CMAKE_CXX_STANDARD 17)'
  # reserve() leaves size 0, so under pure Gloo the stall check sees no ranks and never ends a hung job.
  mend "$src/horovod/common/gloo/gloo_controller.cc" 'global_ranks_.reserve(size_);' 'global_ranks_.resize(size_);'
  # GCC 13 and later no longer pull these in by the way.
  mend "$src/horovod/common/common.h" '#include <string>' $'#include <stdexcept>\n#include <string>'
  mend "$src/horovod/common/group_table.h" '#include <queue>' $'#include <queue>\n#include <string>'
}

if [[ ${1:-} == --mend ]]; then
  mend_source "${2:?the unpacked sdist}"
  exit 0
fi

VENV=$(cd "${1:-.venv}" && pwd)
PY=$VENV/bin/python
PIP=("$PY" -m pip --disable-pip-version-check -q)

# One probe: full torch version, its CUDA, the interpreter's tag, the machine.
read -r TORCH CUDA TAG ARCH < <("$PY" -c '
import platform, sys, torch
print(torch.__version__, torch.version.cuda or "-", f"cp{sys.version_info[0]}{sys.version_info[1]}", platform.machine())
') || fail "no torch in $VENV: install it first"

DEVICE=cpu
if [[ $CUDA != - && -x ${CUDA_HOME:-/nonexistent}/bin/nvcc ]]; then DEVICE=nccl; fi

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/lstmrec/wheels
KEY=horovod-$VERSION-m$MENDS-torch$TORCH-$TAG-$ARCH-$DEVICE
wheel_in() { find "$1" -maxdepth 1 -name 'horovod-*.whl' -print -quit 2>/dev/null || true; }

# The key of what is installed is noted in the venv, so that a repeated set-up leaves it alone.
loads() { "$PY" -c 'import horovod.torch'; }
install_wheel() {
  "${PIP[@]}" install --no-index --no-deps --force-reinstall "$1"
  loads || fail "the wheel $1 does not load with torch $TORCH: delete $CACHE/$KEY, run again"
  printf '%s' "$KEY" >"$VENV/.horovod"
}
if [[ -f $VENV/.horovod && $(<"$VENV/.horovod") == "$KEY" ]] && loads 2>/dev/null; then exit 0; fi

# torch's own NCCL, laid out as Horovod's CMake looks for it, where the system has none.
find_nccl() {
  export HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME=$CUDA_HOME
  [[ -z ${HOROVOD_NCCL_HOME:-} && ! -e /usr/include/nccl.h && ! -e $CUDA_HOME/include/nccl.h ]] || return 0
  local home lib
  home=$("$PY" -c 'import nvidia.nccl as n; print(list(n.__path__)[0])') || fail 'no NCCL: set HOROVOD_NCCL_HOME'
  lib=$(find "$home/lib" -name 'libnccl.so*' -print -quit)
  mkdir -p "$1/lib"
  ln -sfn "$home/include" "$1/include"
  ln -sfn "$lib" "$1/lib/libnccl.so"
  export HOROVOD_NCCL_HOME=$1 HOROVOD_NCCL_LINK=SHARED
}

build_wheel() { # into $1/wheel, everything that pip and the compiler say into $1/build.log
  local work=$1 src=$1/horovod-$VERSION
  export HOROVOD_WITH_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITH_GLOO=1 \
    HOROVOD_WITHOUT_MPI=1 HOROVOD_CPU_OPERATIONS=GLOO CMAKE_POLICY_VERSION_MINIMUM=3.5 \
    MAKEFLAGS="${MAKEFLAGS:--j$(nproc)}" PATH="$VENV/bin:$PATH"
  say "1/4 fetch the source"
  "${PIP[@]}" download --retries 10 --timeout 60 --no-deps --no-build-isolation --no-binary horovod -d "$work" "horovod==$VERSION"
  echo "$SHA256  $work/horovod-$VERSION.tar.gz" | sha256sum --check --quiet
  tar -xf "$work/horovod-$VERSION.tar.gz" -C "$work"
  say "2/4 mend it"
  mend_source "$src"
  if [[ $DEVICE == nccl ]]; then
    find_nccl "$work/nccl"
  else # a CUDA toolkit that torch happens to find must not turn half a CUDA build on
    mend "$src/cmake/Modules/FindPytorch.cmake" '(torch.version.cuda is not None) and (CUDA_HOME is not None)' 'False'
  fi
  say "3/4 compile for torch $TORCH ($DEVICE, 3 to 6 minutes on two cores; log: $work/build.log)"
  "${PIP[@]}" wheel -v --no-build-isolation --no-deps -w "$work/wheel" "$src"
}

wheel=$(wheel_in "$CACHE/$KEY")
if [[ -z $wheel ]]; then
  mkdir -p "$CACHE"
  work=$(mktemp -d "$CACHE/.building-XXXXXX")
  # In a subshell of its own, not as a condition: bash switches `set -e` off inside conditions.
  set +e
  (set -e; build_wheel "$work") >"$work/build.log" 2>&1
  status=$?
  set -e
  wheel=$(wheel_in "$work/wheel")
  if [[ $status != 0 || -z $wheel ]]; then
    tail -n 30 "$work/build.log" >&3
    fail "build failed (exit $status); whole log: $work/build.log"
  fi
  mv -T "$work/wheel" "$CACHE/$KEY" 2>/dev/null || [[ -n $(wheel_in "$CACHE/$KEY") ]] # another build may have won
  rm -rf "$work"
  wheel=$(wheel_in "$CACHE/$KEY")
fi
say "4/4 install $(basename "$wheel") for torch $TORCH ($DEVICE)"
install_wheel "$wheel"
