#!/usr/bin/env bash
# What a container runs: Kubernetes calls it with `driver ...` or `executor` (the contract of Spark's own images, see
# resource-managers/kubernetes/docker/.../entrypoint.sh in Spark's source); anything else is a command.
set -euo pipefail

SPARK_HOME=${SPARK_HOME:-$(python -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')}
export SPARK_HOME
# Kubernetes may give the process a user id that the image does not know; Java and Python want a name for it.
if ! getent passwd "$(id -u)" >/dev/null && [[ -w /etc/passwd ]]; then
  echo "spark:x:$(id -u):0:Spark:$HOME:/bin/false" >>/etc/passwd
fi
CLASSPATH="${SPARK_CONF_DIR:-/opt/spark/conf}:${SPARK_EXTRA_CLASSPATH:+$SPARK_EXTRA_CLASSPATH:}$SPARK_HOME/jars/*"
if [[ -n ${HADOOP_CONF_DIR:-} ]]; then CLASSPATH="$HADOOP_CONF_DIR:$CLASSPATH"; fi

case ${1:-} in
  driver)
    shift
    exec "$SPARK_HOME/bin/spark-submit" --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" \
      --conf "spark.executorEnv.SPARK_DRIVER_POD_IP=$SPARK_DRIVER_BIND_ADDRESS" --deploy-mode client "$@"
    ;;
  executor)
    # SPARK_JAVA_OPT_0, _1, ...: the options of executors, which may hold spaces.
    options=()
    while IFS= read -r line; do options+=("${line#*=}"); done < <(env | grep '^SPARK_JAVA_OPT_' | sort -t_ -k4n)
    exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" ${options[@]+"${options[@]}"} \
      "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" -cp "$CLASSPATH" \
      org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
      --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
      --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
      --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
    ;;
  *) exec "$@" ;;
esac
