"""The environment of a rank that is alone under `train.comm: torch`."""

from tests.training.ranks import free_port

LONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port())}  # fmt: skip
