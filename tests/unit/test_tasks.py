"""How many tasks a job has at once, by its Spark settings."""

import pytest

from loader.runtime.parallelism import tasks_at_once

YARN = {"spark.master": "yarn"}


@pytest.mark.parametrize(
    ("spark", "tasks"),
    [
        ({}, 6),  # a local session of its own, on all cores
        ({"spark.master": "local[*]"}, 6),
        ({"spark.master": "local[*, 3]"}, 6),
        ({"spark.master": "local[4]"}, 4),
        ({"spark.master": "local"}, 1),
        ({"spark.master": "local-cluster[2, 3, 1024]"}, 6),
        ({"spark.master": "local[4]", "spark.default.parallelism": "7"}, 7),
        (YARN, 2),
        (YARN | {"spark.executor.instances": "5", "spark.executor.cores": "4"}, 20),
        ({"spark.master": "spark://host:7077", "spark.cores.max": "12"}, 12),
        ({"spark.master": "yarn", "spark.executor.instances": "1"}, 2),
    ],
)
def test_tasks_follow_from_the_settings(spark: dict[str, str], tasks: int) -> None:
    assert tasks_at_once(spark, cores=6) == tasks


def test_without_being_told_the_cores_of_this_process_count() -> None:
    assert tasks_at_once({}) >= 1
