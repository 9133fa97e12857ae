"""The HiveServer2 that tests read through."""

from __future__ import annotations

import pytest

from devservers.hiveserver2 import HiveServer2
from tests.devservers.processes import listeners

pytestmark = pytest.mark.slow


def test_every_listener_is_on_loopback_also_while_a_query_runs(hive: HiveServer2) -> None:
    with hive.connect() as cursor:
        cursor.execute_async(
            "select java_method('java.lang.Thread', 'sleep', bigint(1000)), count(*) from (select 1) t"
        )
        found = listeners(hive.pid)
        while cursor.is_executing():
            found |= listeners(hive.pid)
    assert hive.port in found
    assert [port for port, loopback in found.items() if not loopback] == []


def test_a_query_sees_what_another_has_written(hive: HiveServer2) -> None:
    with hive.connect() as cursor:
        cursor.execute("create table seen (a int) partitioned by (d string) stored as orc")
        cursor.execute("insert into seen partition (d='1') values (1), (2)")
        cursor.execute("select d, sum(a) from seen where d = '1' group by d")
        assert cursor.fetchall() == [("1", 3)]
        cursor.execute("drop table seen")
