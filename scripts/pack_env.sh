#!/usr/bin/env bash
# Packs the interpreter, lstmrec and what its jobs import into one archive that runs from any folder, for executors of
# YARN and standalone clusters (spark-submit --archives FILE#environment; scripts/submit.sh does that).
#
#   scripts/pack_env.sh [--venv .venv] [--with-pyspark] [--extras spark,train,score,report] [--level 6] FILE.tar.gz
#
# Hosts need the same architecture and a C library no older than this machine's; Python need not be there. A packed
# environment (unlike venv-pack's, whose python is a link to this machine's) brings its own. PySpark stays out: the
# cluster's Spark brings it. --level 0 does not compress: quicker to make and to unpack, larger to send. A plain .tar
# would not do: Spark unpacks it with Java, which forgets who may be run and where links point (seen, Spark 4.3).
#
# --py-files cannot do this: torch, pyarrow and Horovod are shared libraries, and Python loads none out of a zip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv EXTRAS=spark,train,score,report PYSPARK= LEVEL=6 OUT=
say() { printf 'pack: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }
while [[ $# -gt 0 ]]; do
  case $1 in
    --venv) VENV=${2:?a folder}; shift 2 ;;
    --extras) EXTRAS=${2:?names}; shift 2 ;;
    --level) LEVEL=${2:?0 to 9}; shift 2 ;;
    --with-pyspark) PYSPARK=1; shift ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) fail "unknown option $1 (see --help)" ;;
    *) OUT=$1; shift ;;
  esac
done
[[ $OUT == *.tar.gz || $OUT == *.tgz ]] || fail "give it a name: scripts/pack_env.sh environment.tar.gz"
[[ $LEVEL =~ ^[0-9]$ ]] || fail "--level is 0 to 9, not $LEVEL"
[[ -x $VENV/bin/python ]] || fail "no $VENV/bin/python: make setup"
[[ ! -e $OUT ]] || fail "$OUT is there already: nothing is overwritten"

WORK=$(mktemp -d "${TMPDIR:-/tmp}/lstmrec-pack-XXXXXX")
trap 'rm -rf "$WORK"' EXIT
TREE=$WORK/environment

# The interpreter, its library and what the extras need, from the metadata of what is installed. lstmrec itself is
# installed anew: in a set-up of scripts/setup.sh it is a link to this folder.
"$VENV/bin/python" scripts/pack_tree.py --out "$TREE" --extras "$EXTRAS" ${PYSPARK:+--with-pyspark} >&2
"$VENV/bin/python" -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation \
  --target "$WORK/own" . >&2
SITE=$(cd "$TREE"/lib/python3*/site-packages && pwd)
cp -a "$WORK"/own/lstmrec "$WORK"/own/lstmrec-*.dist-info "$SITE/"

# Proof, from another folder and without this machine's paths: what does not import here would not there.
mv "$TREE" "$WORK/elsewhere"
env -i PATH=/usr/bin:/bin "$WORK/elsewhere/bin/python" -I - "$EXTRAS" >&2 <<'PY'
import sys
parts = sys.argv[1].split(",")
import lstmrec.config.load, lstmrec.files, lstmrec.versions  # noqa: E401
wanted = ["pyarrow", "pandas"] + (["torch", "safetensors"] if {"train", "score"} & set(parts) else [])
for name in wanted:
    __import__(name)
assert sys.prefix.endswith("elsewhere"), sys.prefix
foreign = [p for p in sys.path if p and not p.startswith(sys.prefix)]
assert not foreign, f"the packed Python also looks in {foreign}"
print(f"pack: Python {sys.version.split()[0]} runs from {sys.prefix}")
PY
mv "$WORK/elsewhere" "$TREE"
find "$TREE" -name __pycache__ -type d -prune -exec rm -rf {} +

say "writing $OUT"
DEFLATE='import gzip, shutil, sys
with gzip.GzipFile("", "wb", int(sys.argv[1]), sys.stdout.buffer, mtime=0) as f: shutil.copyfileobj(sys.stdin.buffer, f, 1 << 20)'
if command -v pigz >/dev/null; then PACK=(pigz -c "-$LEVEL"); else PACK=("$VENV/bin/python" -c "$DEFLATE" "$LEVEL"); fi
tar -C "$TREE" -cf - . | "${PACK[@]}" >"$WORK/archive"
mv "$WORK/archive" "$OUT"
say "$OUT: $(du -h "$OUT" | cut -f1). Next: scripts/submit.sh clean --env $OUT --master spark://HOST:7077 --config shop.yaml"
