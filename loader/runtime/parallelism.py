"""How many tasks a job has at once, told from its Spark settings without starting Spark.

Spark's own rule for `spark.default.parallelism` where it is not set: all cores of the local master or of the executors.
"""

import os
import re
from collections.abc import Mapping

LOCAL = re.compile(r"local(?:\[(\*|\d+)(?:,\s*\d+)?\])?")
LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*\d+\s*\]")
EXECUTORS = 2
"""Without `spark.executor.instances`, as YARN and Kubernetes have it."""
FEWEST_ON_A_CLUSTER = 2
MASTER = "local[*]"


def tasks_at_once(spark: Mapping[str, str], cores: int | None = None) -> int:
    """`spark`: the settings of the configuration. `cores`: of this machine; None: those that this process may use."""
    asked = _number(spark, "spark.default.parallelism")
    if asked:
        return asked
    cores = cores or len(os.sched_getaffinity(0))
    master = spark.get("spark.master", MASTER)
    if local := LOCAL.fullmatch(master):
        return cores if local[1] == "*" else max(1, int(local[1] or 1))
    if cluster := LOCAL_CLUSTER.fullmatch(master):
        return max(FEWEST_ON_A_CLUSTER, int(cluster[1]) * int(cluster[2]))
    executors = _number(spark, "spark.executor.instances") or EXECUTORS
    everywhere = _number(spark, "spark.cores.max") or executors * (_number(spark, "spark.executor.cores") or 1)
    return max(FEWEST_ON_A_CLUSTER, everywhere)


def _number(spark: Mapping[str, str], name: str) -> int | None:
    text = spark.get(name, "").strip()
    return int(text) if text.isdigit() and int(text) else None
