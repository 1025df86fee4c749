# Driver and executors on Kubernetes (scripts/submit.sh JOB --master k8s://... --image IMAGE), or one container that walks
# the road: docker run -v $PWD:/data IMAGE lstmrec run --config /data/shop.yaml
#
#   docker build -t lstmrec:0.1 .                                       # CPU
#   docker build -t lstmrec:0.1-gpu --build-arg BASE=nvidia/cuda:12.8.1-devel-ubuntu22.04 .   # Horovod with NCCL
#
# The set-up is the one of every machine: scripts/setup.sh, here as root. The second stage leaves the compiler behind.
ARG BASE=debian:bookworm
FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv python3-dev \
      openjdk-17-jdk-headless g++ make cmake perl && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/lstmrec
COPY pyproject.toml requirements.lock requirements-torch.lock README.md LICENSE ./
COPY scripts scripts
COPY lstmrec lstmrec
COPY jobs jobs
COPY conf conf
RUN bash scripts/setup.sh && rm -rf ~/.cache

FROM ${BASE}
# tini reaps what Python workers leave; procps is what Spark's scripts call.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 openjdk-17-jdk-headless tini \
      procps && rm -rf /var/lib/apt/lists/* && useradd --uid 185 --create-home spark
COPY --from=build /opt/lstmrec /opt/lstmrec
COPY --chmod=755 scripts/entrypoint.sh /opt/entrypoint.sh
ENV PATH=/opt/lstmrec/.venv/bin:$PATH \
    PYSPARK_PYTHON=/opt/lstmrec/.venv/bin/python \
    LSTMREC_CACHE=/home/spark/cache
# 185 is the user that Spark's own images run as; files that jobs write carry it.
USER 185
WORKDIR /home/spark
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "/opt/entrypoint.sh"]
CMD ["lstmrec", "--help"]
