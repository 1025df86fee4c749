#!/usr/bin/env bash
# One job of the road on a cluster, by spark-submit, with the right properties and environment.
#
#   scripts/submit.sh JOB --config shop.yaml [--config conf/cluster.yaml] [--set a.b=c ...] --master MASTER
#                     [--env environment.tar.gz | --image IMAGE] [--deploy-mode client|cluster] [--dry-run]
#                     [-- more options of spark-submit]
#
# JOB: clean, split, normalise, profile, sequence, train, score, evaluate, report, or `all`, one after the other: a job
# whose result is there ends at once, so `all` also goes on after a failure.
# MASTER: spark://HOST:7077, yarn, k8s://https://HOST:6443, local[4].
# --env: an archive of scripts/pack_env.sh, which every executor unpacks (YARN, standalone). --image: what the Dockerfile
# builds (Kubernetes). With neither, the hosts have a Python of their own with lstmrec in it: PYSPARK_PYTHON names it.
# In cluster mode the driver runs elsewhere: config files travel by --files and are read by their names; a URL
# (s3://..., hdfs://...) is read where it lies.
#
# SPARK_HOME, where set, has the spark-submit to use. PROPERTIES=FILE replaces conf/spark/{cluster,train}.conf.
set -euo pipefail
HOME_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
JOBS=(clean split normalise profile sequence train score evaluate report)

fail() { printf 'submit: %s\n' "$*" >&2; exit 2; }
[[ $# -gt 0 ]] || fail "which job? One of ${JOBS[*]}, or all (--help)"
JOB=$1; shift
if [[ $JOB == -h || $JOB == --help ]]; then sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0; fi

MASTER= ENV= IMAGE= MODE=client DRY= CONFIGS=() ARGS=() MORE=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --master) MASTER=${2:?}; shift 2 ;;
    --env) ENV=${2:?}; shift 2 ;;
    --image) IMAGE=${2:?}; shift 2 ;;
    --deploy-mode) MODE=${2:?}; shift 2 ;;
    --config) CONFIGS+=("${2:?}"); shift 2 ;;
    --set) ARGS+=(--set "${2:?}"); shift 2 ;;
    --force) ARGS+=(--force); shift ;;
    --dry-run) DRY=1; shift ;;
    --py-files) fail "--py-files cannot carry torch, pyarrow or Horovod (Python loads no shared library out of a zip): make an archive with scripts/pack_env.sh and give it as --env" ;;
    --) shift; MORE=("$@"); break ;;
    *) fail "unknown option $1; options of spark-submit come after --" ;;
  esac
done
[[ -n $MASTER ]] || fail "--master is missing: spark://HOST:7077, yarn, k8s://https://HOST:6443 or local[4]"
[[ ${#CONFIGS[@]} -gt 0 ]] || fail "--config is missing"
[[ $MODE == client || $MODE == cluster ]] || fail "--deploy-mode is client or cluster, not $MODE"
[[ -z $ENV || -z $IMAGE ]] || fail "--env and --image are two ways to the same thing: give one"
for part in ${MORE[@]+"${MORE[@]}"}; do
  [[ $part != --py-files* ]] || fail "--py-files cannot carry torch, pyarrow or Horovod: scripts/pack_env.sh, then --env"
done
if [[ $MASTER == k8s://* ]]; then
  [[ -n $IMAGE ]] || fail "Kubernetes wants --image, with lstmrec in it (docker build -t IMAGE .)"
  MODE=cluster
fi
if [[ $MASTER == spark://* && $MODE == cluster ]]; then
  fail "a standalone master runs no Python driver of its own: leave --deploy-mode out and submit from a host near it"
fi

# number JOB: 1 to 9.
number() { local i; for i in "${!JOBS[@]}"; do if [[ ${JOBS[i]} == "$1" ]]; then echo $((i + 1)); return 0; fi; done; return 1; }

find_submit() {
  if [[ -n ${SPARK_HOME:-} ]]; then echo "$SPARK_HOME/bin/spark-submit"
  elif [[ -x $HOME_DIR/.venv/bin/spark-submit ]]; then echo "$HOME_DIR/.venv/bin/spark-submit"
  elif [[ -n $DRY ]]; then echo spark-submit
  else command -v spark-submit || fail "no spark-submit: set SPARK_HOME"; fi
}

submit() {
  local job=$1 n properties command config
  properties=$HOME_DIR/conf/spark/cluster.conf
  if [[ $job == train ]]; then properties=$HOME_DIR/conf/spark/train.conf; fi
  n=$(number "$job")
  command=("$SUBMIT" --master "$MASTER" --deploy-mode "$MODE" --name "lstmrec $job"
    --properties-file "${PROPERTIES:-$properties}")
  if [[ -n $ENV ]]; then
    command+=(--archives "$ENV#environment" --conf "spark.pyspark.python=./environment/bin/python")
    if [[ $MODE == cluster ]]; then
      command+=(--conf "spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python")
    else
      command+=(--conf "spark.pyspark.driver.python=${PYSPARK_DRIVER_PYTHON:-$HOME_DIR/.venv/bin/python}")
    fi
  fi
  if [[ -n $IMAGE ]]; then
    command+=(--conf "spark.kubernetes.container.image=$IMAGE" --conf "spark.pyspark.python=/opt/lstmrec/.venv/bin/python")
  fi
  local given=() files=()
  for config in "${CONFIGS[@]}"; do
    if [[ $MODE == cluster && $config != *://* ]]; then
      files+=("$config"); given+=(--config "$(basename "$config")")
    else
      given+=(--config "$config")
    fi
  done
  if [[ ${#files[@]} -gt 0 ]]; then command+=(--files "$(IFS=,; echo "${files[*]}")"); fi
  command+=(${MORE[@]+"${MORE[@]}"})
  if [[ -n $IMAGE ]]; then command+=("local:///opt/lstmrec/jobs/s${n}_$job.py"); else command+=("$HOME_DIR/jobs/s${n}_$job.py"); fi
  command+=("${given[@]}" ${ARGS[@]+"${ARGS[@]}"})
  if [[ -n $DRY ]]; then printf '%q ' "${command[@]}"; echo; else "${command[@]}"; fi
}

[[ $JOB == all ]] || number "$JOB" >/dev/null || fail "no job $JOB: one of ${JOBS[*]}, or all"
[[ -z $ENV || $ENV != *.tar ]] || fail "$ENV: Spark unpacks a plain .tar without rights and links: scripts/pack_env.sh environment.tar.gz"
[[ -z $ENV || -n $DRY || -f $ENV || $ENV == *://* ]] || fail "no archive $ENV: scripts/pack_env.sh $ENV"
SUBMIT=$(find_submit)
if [[ $JOB == all ]]; then for job in "${JOBS[@]}"; do submit "$job"; done; else submit "$JOB"; fi
