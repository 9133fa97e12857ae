"""Too many rows that cannot be decoded stop a batch, which says how many of which column, and shows one."""

from pathlib import Path

import pytest

from loader.basics.errors import TooManyRejected
from loader.mapping.rejected import Rejected
from loader.publish.batch import Work
from loader.publish.collect import check_rejected
from loader.state.recently_published import Recently
from metastore.memory import InMemoryMetastore
from partitioner.planning.plan import PlanRules
from partitioner.planning.sizing import SizingRules
from tests.world import Source, create_table, open_world


def test_the_columns_are_named_most_first_and_the_key_is_printed_as_hbase_does(tmp_path: Path) -> None:
    store, source = InMemoryMetastore("2.3.10", clock=lambda: 0.0), Source()
    create_table(store, tmp_path / "clicks")
    env = open_world(store, tmp_path / "clicks", "loader")
    rules = PlanRules(sizing=SizingRules(bytes_per_file=1024))
    work = Work(source.scan, source, lambda plan: (), rules, 2, Recently(env.files, env.layout), max_rejected=2)  # type: ignore[arg-type]
    bad = [Rejected(b"k\x00", "7 bytes are no bigint", (), "clicks"), Rejected(b"l", "not UTF-8", (), "title")]
    with pytest.raises(TooManyRejected) as told:
        check_rejected(env, work, [*bad, Rejected(b"m", "no", (), "title"), Rejected(b"n", "cut", (), None)])
    assert "by column: title 2, clicks 1, row key or partition 1" in told.value.message
    assert r"row k\x00: 7 bytes" in told.value.message
    check_rejected(env, work, bad)
