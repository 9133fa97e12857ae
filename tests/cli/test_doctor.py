"""`doctor`: what will hurt later is found by looking and by doing, and nothing is left behind."""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from loader.config.settings import Metrics, load
from loader.ops.clean.clean import clean
from loader.ops.doctor.metrics import metrics
from loader.ops.doctor.subject import Patient
from loader.report.findings import Grade
from loader.report.metrics import TableMetrics
from loader.sources.api import Poll
from loader.state.claim import claim_of, make_claim
from loader.state.layout import Layout
from loader.storage.local import LocalFiles
from metastore.api import Column, Partition, TableName
from metastore.errors import NoSuchPartition
from metastore.memory import Fault, InMemoryMetastore
from partitioner.history.retention import Keep, RetentionRules
from tests.cli.stage import Stage, hotswap
from tests.world import TABLE, Source

SCRATCH = TableName("ads", "hotswap_doctor_clicks")


def stage_on(folder: Path, metastore: InMemoryMetastore) -> Stage:
    stage = Stage(folder, metastore=metastore)
    layout = Layout.of(f"file://{folder}/table")
    make_claim(LocalFiles(), layout, claim_of(metastore, metastore.table(TABLE)))
    stage.batch(("a", "mon", 1), ("b", "tue", 1))
    return stage


class Aging(Source):
    """A source whose windows are closed at once."""

    def scan(self) -> Poll:
        found = super().scan()
        assert found.position
        return replace(found, position=replace(found.position, low_ms=found.position.read_ms))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return stage_on(tmp_path, InMemoryMetastore())


def examined(stage: Stage) -> dict[str, Any]:
    done = hotswap(stage, "doctor", "--json")
    assert done.out, done.err
    (report,) = json.loads(done.out)["tables"]
    return report  # type: ignore[no-any-return]


def findings(stage: Stage, *, but: Sequence[str] = ("hbase", "decoding")) -> list[dict[str, Any]]:
    """What it finds; there is no HBase on a stage."""
    found = [item for item in examined(stage)["findings"] if item["grade"] != "note" and item["check"] not in but]
    return found


def test_a_healthy_table_has_no_finding(stage: Stage) -> None:
    assert findings(stage) == []


def test_every_step_of_a_publish_is_tried(stage: Stage) -> None:
    facts = dict(examined(stage)["facts"])
    assert facts["tried"] == "write, create, add, lock, swap, read, fence, drop"


def test_a_server_that_is_away_is_a_finding_and_the_other_checks_are_made_all_the_same(stage: Stage) -> None:
    found = findings(stage, but=())
    assert ("hbase", "no HBase here", "Start it.") in {(item["check"], item["what"], item["do"]) for item in found}
    assert "tried" in dict(examined(stage)["facts"])


def test_findings_are_an_exit_code_of_their_own(stage: Stage) -> None:
    assert hotswap(stage, "doctor").code == 6


def test_it_leaves_nothing_behind(stage: Stage) -> None:
    before = (sorted(stage.folder.rglob("*")), stage.metastore.all_partitions(TABLE))
    examined(stage)
    assert (sorted(stage.folder.rglob("*")), stage.metastore.all_partitions(TABLE)) == before
    assert not stage.metastore.locks(SCRATCH)
    with pytest.raises(Exception, match="no table"):
        stage.metastore.table(SCRATCH)


def test_it_leaves_nothing_behind_when_the_swap_is_refused(stage: Stage) -> None:
    before = sorted(stage.folder.rglob("*"))
    stage.metastore.inject("alter_partitions", Fault.REFUSE)
    (found,) = findings(stage)
    assert "one alter_partitions" in found["what"]
    assert sorted(stage.folder.rglob("*")) == before
    with pytest.raises(Exception, match="no table"):
        stage.metastore.table(SCRATCH)


@pytest.mark.parametrize("call", ["create_table", "add_partitions", "lock", "alter_partitions", "drop_partition"])
def test_a_right_that_is_missing_is_told_by_what_was_tried(stage: Stage, call: str) -> None:
    stage.metastore.inject(call, Fault.REFUSE)
    assert [item["check"] for item in findings(stage)] == ["by doing"]


class Torn(InMemoryMetastore):
    """Moves those partitions that it finds, and complains of the others afterwards."""

    def alter_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        there = {found.values for found in self.partitions(name, [item.values for item in partitions])}
        super().alter_partitions(name, [item for item in partitions if item.values in there])
        if missing := [item.values for item in partitions if item.values not in there]:
            raise NoSuchPartition("missing", "", "", missing)


class Stale(InMemoryMetastore):
    """A cached raw store: a swap is not seen by the reads after it."""

    def partitions(self, name: TableName, values: Sequence[tuple[str, ...]]) -> tuple[Partition, ...]:
        found = super().partitions(name, values)
        if name != SCRATCH:
            return found
        return tuple(replace(item, location=item.location.replace("/two", "/one")) for item in found)


class Counting(InMemoryMetastore):
    """Writes statistics of its own."""

    def alter_partitions(self, name: TableName, partitions: Sequence[Partition]) -> None:
        counted = [replace(item, parameters={**item.parameters, "numRows": "0"}) for item in partitions]
        super().alter_partitions(name, counted)


@pytest.mark.parametrize(
    ("server", "told"),
    [(Torn, "dropped fence goes through in part"), (Stale, "the old place after a swap"), (Counting, "numRows")],
)
def test_a_server_that_cannot_keep_the_promise_is_found_by_doing(
    tmp_path: Path, server: type[InMemoryMetastore], told: str
) -> None:
    found = findings(stage_on(tmp_path, server()), but=("hbase", "decoding", "statistics"))
    assert [item["check"] for item in found if told in item["what"]] == ["by doing"]


def test_a_scratch_table_that_a_killed_doctor_left_is_taken_over(tmp_path: Path) -> None:
    stage = stage_on(tmp_path, InMemoryMetastore(clock=lambda: 1_000.0))
    table = replace(stage.metastore.table(TABLE), name=SCRATCH, parameters={"hotswap.doctor": "dead"})
    stage.metastore.create_table(table)
    assert [item["check"] for item in findings(stage)] == ["clocks"]


def test_a_table_of_that_name_that_is_not_ours_is_left_alone(stage: Stage) -> None:
    stage.metastore.create_table(replace(stage.metastore.table(TABLE), name=SCRATCH, parameters={}))
    (found,) = findings(stage)
    assert ("and not ours" in found["what"], stage.metastore.table(SCRATCH).name) == (True, SCRATCH)


SETTINGS = [
    ("2.3.10", {"hive.metastore.rawstore.impl": "org.apache.hadoop.hive.metastore.cache.CachedStore"}, "from a cache"),
    ("4.0.1", {"metastore.direct.sql.batch.size": "1"}, "answers wrongly over more partitions"),
    ("2.3.10", {"hive.metastore.partition.name.whitelist.pattern": "[a-z]+"}, "refuses the fence's value"),
]


@pytest.mark.parametrize(("version", "settings", "told"), SETTINGS)
def test_settings_of_the_metastore_that_break_the_promise_are_named(
    tmp_path: Path, version: str, settings: dict[str, str], told: str
) -> None:
    (found,) = findings(stage_on(tmp_path, InMemoryMetastore(version, settings=settings)))
    assert (told in found["what"], found["where"] in settings or "pattern" in found["where"]) == (True, True)
    assert found["do"]


def test_a_metastore_without_housekeeping_is_worth_knowing(tmp_path: Path) -> None:
    stage = stage_on(tmp_path, InMemoryMetastore(settings={"hive.compactor.initiator.on": "false"}))
    notes = [item for item in examined(stage)["findings"] if item["grade"] == "note"]
    assert any("housekeeping" in item["what"] for item in notes)


def discover(stage: Stage) -> str:
    stage.metastore.alter_table_parameters(TABLE, {"discover.partitions": "true"})
    return "UNSET TBLPROPERTIES"


def other_hbase_table(stage: Stage) -> str:
    stage.metastore.alter_table_parameters(TABLE, {"hotswap.hbase.table": "another"})
    return "correct it"


def other_columns(stage: Stage) -> str:
    stage.config.write_text(stage.config.read_text().replace("clicks: bigint", "clicks: int"))
    return "Make both name the same columns"


def a_dead_lock(stage: Stage) -> str:
    """It is from 1970, and nothing removes it."""
    stage.metastore.lock(TABLE, "u", "worker7", "hotswap dead")
    return "A lock was left behind"


def a_torn_checkpoint(stage: Stage) -> str:
    state = stage._env().state
    state.records()
    state.store_checkpoint(())
    (path,) = (stage.folder / "table/_hotswap/state/checkpoints").iterdir()
    plain = json.loads(path.read_text())
    plain["live"] = plain["live"][:1]
    path.write_text(json.dumps(plain))
    return "delete the newest checkpoint"


@pytest.mark.parametrize("hand", [discover, other_hbase_table, other_columns, a_torn_checkpoint])
def test_two_truths_are_told_with_what_to_do(stage: Stage, hand: Callable[[Stage], str]) -> None:
    do = hand(stage)
    assert any(do in item["do"] for item in findings(stage))


def test_a_log_that_was_folded_is_no_second_truth(stage: Stage) -> None:
    stage.source = Aging(stage.source.rows)
    for number in range(6):
        stage.pass_days(1)
        stage.batch(("a", "mon", number + 2))
    for _ in range(2):  # the directories first, then the log that names them
        clean(stage._env(), RetentionRules(1, (Keep(0, 1),)), fold_at_least=2)
    assert json.loads(hotswap(stage, "history", "--json").out)["attempts"][-1]["kind"] == "folded"
    assert findings(stage) == []
    assert hotswap(stage, "verify", "--deep").code == 0


def test_a_lock_that_outlived_its_owner_is_told(tmp_path: Path) -> None:
    long_ago = InMemoryMetastore(clock=lambda: 1_000.0)
    stage = stage_on(tmp_path, long_ago)
    do = a_dead_lock(stage)
    assert any(do in item["do"] and "worker7" in item["what"] for item in findings(stage))


def test_a_folder_that_only_its_owner_can_read_is_told(stage: Stage) -> None:
    for folder in (stage.folder / "table", *(stage.folder / "table").rglob("*")):
        if folder.is_dir():
            folder.chmod(0o700)
    assert any("only this user can read them" in item["what"] for item in findings(stage))


def test_a_file_system_that_is_nearly_full_is_told(stage: Stage) -> None:
    stage.config.write_text(stage.config.read_text().replace("free_space: null", "free_space: 100%"))
    assert any(item["check"] == "space" and "hotswap clean" in item["what"] for item in findings(stage))


def test_a_state_folder_that_cannot_be_written_to_is_told(stage: Stage) -> None:
    state = stage.folder / "table/_hotswap/state"
    kept = state.with_name("kept")
    state.rename(kept)
    state.symlink_to("/proc/self/task")  # a file system on which nobody, not even root, creates a file
    found = [item for item in findings(stage) if item["where"].endswith("/state")]
    assert any("cannot be written to" in item["what"] for item in found)


def test_what_a_backup_tool_has_left_in_the_state_folder_is_told(stage: Stage) -> None:
    (stage.folder / "table/_hotswap/state/log/0000000001.manifest.json.bak").write_text("{}")
    (found,) = [item for item in examined(stage)["findings"] if item["where"].endswith(".bak")]
    assert (found["grade"], found["do"]) == ("note", "Move it out of the state folder.")


def test_a_damaged_state_object_is_damage(stage: Stage) -> None:
    (stage.folder / "table/_hotswap/state/log/0000000001.manifest.json").write_text("{}")
    found = [item for item in findings(stage) if item["grade"] == "damage"]
    assert any("0000000001.manifest.json is not readable" in item["what"] for item in found)


def test_doctor_touches_nothing_of_a_newer_hotswap(stage: Stage) -> None:
    log = stage.folder / "table/_hotswap/state/log"
    (log / "0000000009.plan.json").write_text('{"format": 99}')
    before = sorted(stage.folder.rglob("*"))
    assert any("written by a newer hotswap" in item["what"] for item in findings(stage))
    assert sorted(stage.folder.rglob("*")) == before


def test_a_table_that_does_not_exist_is_sent_to_init(stage: Stage) -> None:
    stage.metastore.drop_table(TABLE)
    (found,) = findings(stage)
    assert found["do"] == "hotswap init ads.clicks"


def test_key_types_without_room_for_a_fence_are_tried_with_another_key(stage: Stage) -> None:
    (table,) = [stage.metastore.table(TABLE)]
    stage.metastore.drop_table(TABLE)
    stage.metastore.create_table(replace(table, partition_keys=(Column("day", "tinyint"),)))
    facts = dict(examined(stage)["facts"])
    assert facts["tried"].endswith("drop")


# ---- metrics.listen


def listens(stage: Stage, port: int) -> list[tuple[str, str]]:
    """What is said of it: grade and words."""
    before = stage.config.read_text()
    stage.config.write_text(f"{before}metrics: {{listen: {port}}}\n")
    found = [item for item in examined(stage)["findings"] if item["check"] == "metrics"]
    stage.config.write_text(before)
    return [(item["grade"], item["what"]) for item in found]


def loader_of(stage: Stage, table: str) -> int:
    """A running loader's metrics, as if it were of `table`; the port."""
    settings, metrics = load(stage.config), TableMetrics()
    service = stage.open_table(settings, settings.table())
    metrics.look(replace(service.status(), table=table), service.vitals(), ())
    return metrics.listen("127.0.0.1:0")


def test_a_port_where_nobody_listens_is_no_finding(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert listens(stage, port) == []


def test_the_loader_of_this_table_on_its_own_port_is_no_finding(stage: Stage) -> None:
    assert listens(stage, loader_of(stage, "ads.clicks")) == []


def test_the_loader_of_another_table_on_this_port_is_named(stage: Stage) -> None:
    assert listens(stage, loader_of(stage, "ads.views")) == [
        ("to do", "the loader of ads.views listens there, so that of ads.clicks cannot")
    ]


def test_what_is_no_loader_on_this_port_is_told(stage: Stage) -> None:
    registry = CollectorRegistry()
    server, _ = start_http_server(0, "127.0.0.1", registry)
    assert listens(stage, server.server_port) == [("to do", "something that is not hotswap listens there")]


def test_tables_that_share_a_port_are_named_before_they_collide(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = load(stage.config)
    both = {**settings.tables, "ads.views": settings.table()}
    shared = settings.model_copy(update={"tables": both, "metrics": Metrics(listen=port)})
    (found,) = metrics(cast(Patient, SimpleNamespace(settings=shared, table=settings.table())))
    assert (found.grade, found.what) == (
        Grade.NOTE,
        "the loaders of ads.clicks, ads.views share it: only the first that starts will answer",
    )
