"""What goes wrong outside of hotswap, on real servers: the right exit code, what is named, what to do, and nothing half
published. Each case ends with the table as it was, and most with the next batch being right."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from devservers.hbase import HBase
from devservers.metastore import Metastore23
from loader.effects import tapped_files
from loader.errors import (
    Conflict,
    ForeignChange,
    HotswapError,
    Locked,
    OutcomeUnknown,
    StorageError,
    Unavailable,
    from_foreign,
)
from loader.files import LocalFiles, local_path
from loader.publish.batch import Batch
from loader.publish.steps import STEPS
from metastore.api import ORC, PARQUET, Column, Table
from metastore.errors import NoSuchTable
from tests.contract.proxy import Proxy, Trick
from tests.integration.clicks import Clicks, failure_of, hotswap, new_clicks
from tests.integration.oracle.kept import fresh_name

NewClicks = Callable[..., Clicks]
THREE = (("a", "mon", 1), ("b", "mon", 2), ("c", "tue", 3))


@pytest.fixture
def clicks(hbase: HBase, hms: Metastore23, tmp_path: Path) -> Iterator[NewClicks]:
    """Configures a table of its own; with `init=False` no more than that."""
    made: list[Clicks] = []

    def make(*rows: tuple[str, str, int], init: bool = True, metastore: str = hms.uri, **options: Any) -> Clicks:
        table = new_clicks(hbase, metastore, tmp_path, **options)
        made.append(table)
        if init:
            table.kept.initialise()
        if rows:
            table.put(*rows)
            loop = table.kept.loop()
            table.kept.turn(loop)
            loop.env.metastore.close()
        return table

    yield make
    for table in made:
        by_another_line(table, hms.uri).kept.drop()
        table.drop_source()


@pytest.fixture(scope="module")
def empty(hbase: HBase) -> Iterator[str]:
    """An HBase table that nobody writes to."""
    name = fresh_name("empty")
    hbase.create_table(name, ["d"])
    yield name
    hbase.drop(name)


@pytest.fixture
def proxy(hms: Metastore23) -> Iterator[Proxy]:
    """A line to the metastore that can be cut."""
    made = Proxy(hms.uri)
    yield made
    made.close()


@pytest.fixture
def dead_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
    return port


def fails(clicks: Clicks, code: int, named: str, hint: str, *arguments: str) -> None:
    result = hotswap(clicks.kept, *arguments)
    assert result.code == code, result.err
    message, _, told = result.err.partition("hint: ")
    assert named in message
    assert hint in told


def no_hive_table(clicks: Clicks) -> bool:
    with clicks.metastore() as metastore, pytest.raises(NoSuchTable):
        metastore.table(clicks.kept.table.hive_table)
    return True


# Servers that are not there


def test_an_hbase_that_is_not_there_is_named(clicks: NewClicks, dead_port: int) -> None:
    table = clicks(init=False, source="nothing", thrift=f"127.0.0.1:{dead_port}")
    fails(table, 1, f"127.0.0.1:{dead_port}", "hbase thrift2 start", "init")
    assert no_hive_table(table)


@pytest.mark.parametrize("verb", [["init"], ["run", "--once"], ["status"], ["recover"]], ids=lambda verb: verb[0])
def test_a_metastore_that_is_not_there_is_named(clicks: NewClicks, empty: str, dead_port: int, verb: list[str]) -> None:
    table = clicks(init=False, source=empty, metastore=f"thrift://127.0.0.1:{dead_port}")
    named = [*verb, table.kept.hive_name] if verb == ["recover"] else verb
    fails(table, 1, f"127.0.0.1:{dead_port}", "metastore.uris", *named)


def test_thrift1_on_the_port_is_called_by_its_name(hbase: HBase, clicks: NewClicks) -> None:
    thrift1 = hbase.start_thrift1()
    try:
        fails(
            clicks(init=False, source="nothing", thrift=thrift1),
            1,
            f"{thrift1} is a Thrift1 server",
            "hbase thrift2",
            "init",
        )
    finally:
        hbase.stop_thrift1()


def test_a_metastore_that_is_an_hbase_is_no_metastore(hbase: HBase, clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty, metastore=f"thrift://{hbase.thrift}")
    fails(table, 2, hbase.thrift, "metastore's Thrift port", "init")


# HBase tables


def test_an_hbase_table_that_does_not_exist_makes_no_hive_table(clicks: NewClicks) -> None:
    table = clicks(init=False, source="nowhere")
    fails(table, 1, "no table 'nowhere'", "hbase_table", "init")
    assert no_hive_table(table)


def test_a_family_that_does_not_exist_makes_no_hive_table(clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty)
    config = table.kept.config
    config.write_text(config.read_text().replace("d:clicks", "zz:clicks"))
    fails(table, 1, "no column family 'zz'", "Its families are: d", "init")
    assert no_hive_table(table)


def test_a_table_that_was_dropped_in_hbase_does_not_read_as_deletes(hbase: HBase, clicks: NewClicks) -> None:
    table = clicks(*THREE, init=True)
    name = table.kept.table.hbase_table
    before = table.rows()
    hbase.drop(name)
    try:
        fails(table, 1, f"no table '{name}'", "hbase_table", "run", "--once")
    finally:
        hbase.create_table(name, ["d"])
    assert table.rows() == before


# Hive tables of the wrong kind

COLUMNS = (Column("id", "string"), Column("clicks", "bigint"))
DAY = (Column("day", "string"),)


def create_hive(clicks: Clicks, **changed: Any) -> None:
    """The table that `init` would create, but for what is changed."""
    location = local_path(clicks.kept.table.location or "")
    location.mkdir(parents=True, exist_ok=True)
    fitting = Table(
        clicks.kept.table.hive_table, COLUMNS, DAY, f"file://{location}", PARQUET, parameters={"EXTERNAL": "TRUE"}
    )
    with clicks.metastore() as metastore:
        metastore.create_table(replace(fitting, **changed))


def external(**parameters: str) -> dict[str, Any]:
    return {"parameters": {"EXTERNAL": "TRUE", **parameters}}


WRONG: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "managed": ({"kind": "MANAGED_TABLE", "parameters": {}}, "MANAGED_TABLE", "external partitioned table"),
    "discovering": (external(**{"discover.partitions": "true"}), "discover.partitions = true", "UNSET TBLPROPERTIES"),
    "purging": (external(**{"external.table.purge": "TRUE"}), "external.table.purge", "UNSET TBLPROPERTIES"),
    "too few columns": ({"columns": COLUMNS[:1]}, "(id string)", "same columns"),
    "another type": ({"columns": (COLUMNS[0], Column("clicks", "int"))}, "clicks int", "same columns"),
    "another order": ({"columns": COLUMNS[::-1]}, "(clicks bigint, id string)", "same columns"),
    "another partition key": ({"partition_keys": (Column("week", "string"),)}, "week string", "same columns"),
    "another key type": ({"partition_keys": (Column("day", "date"),)}, "day date", "same columns"),
    "not partitioned": ({"partition_keys": ()}, "is not partitioned", "partition the table"),
    "orc": ({"format": ORC}, "OrcSerde", "format:"),
}


@pytest.mark.parametrize(("changed", "named", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_hive_table_of_the_wrong_kind_is_not_taken(
    clicks: NewClicks, empty: str, changed: dict[str, Any], named: str, hint: str
) -> None:
    table = clicks(init=False, source=empty)
    create_hive(table, **changed)
    fails(table, 3, named, hint, "init")
    assert not (local_path(table.kept.table.location or "") / "_hotswap").exists()


def test_a_transactional_table_is_not_taken(clicks: NewClicks, empty: str, spark: Any) -> None:
    table = clicks(init=False, source=empty)
    spark.sql(
        f"CREATE TABLE {table.kept.hive_name} (id string, clicks bigint) PARTITIONED BY (day string)"
        " CLUSTERED BY (id) INTO 2 BUCKETS STORED AS ORC TBLPROPERTIES ('transactional' = 'true')"
    )
    fails(table, 3, "MANAGED_TABLE", "external partitioned table", "init")


@pytest.mark.parametrize("parameter", ["discover.partitions", "external.table.purge"])
def test_a_table_that_turns_unsuitable_is_left_alone(clicks: NewClicks, parameter: str) -> None:
    table = clicks(*THREE)
    before = table.locations()
    with table.metastore() as metastore:
        metastore.alter_table_parameters(table.kept.table.hive_table, {parameter: "true"})
    table.put(("d", "mon", 4))
    fails(table, 3, f"{parameter} = true", "UNSET TBLPROPERTIES", "run", "--once")
    assert table.locations() == before


def test_a_table_that_is_gone_is_named(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    with table.metastore() as metastore:
        metastore.drop_table(table.kept.table.hive_table)
    fails(table, 2, table.kept.hive_name, "hotswap init", "run", "--once")


# Claims


def test_a_location_of_another_table_is_not_taken(clicks: NewClicks) -> None:
    mine = clicks(*THREE)
    before = mine.locations()
    other = clicks(init=False, source=mine.kept.table.hbase_table, location=mine.kept.table.location)
    fails(other, 3, f"{mine.kept.table.location} carries a claim", "another location", "init")
    create_hive(other, location=mine.kept.table.location)
    fails(other, 3, f"belongs to {mine.kept.hive_name}", "must never share a location", "init")
    fails(other, 3, f"belongs to {mine.kept.hive_name}", "must never share a location", "run", "--once")
    assert mine.locations() == before


def test_a_table_that_was_dropped_and_made_again_does_not_get_the_old_ones_state(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    with table.metastore() as metastore:
        old = metastore.table(table.kept.table.hive_table)
        metastore.drop_table(table.kept.table.hive_table)
        time.sleep(1.1)  # the server dates it, in whole seconds
        metastore.create_table(old)
    fails(table, 3, f"belongs to {table.kept.hive_name} (created at {old.create_time})", "re-created", "run", "--once")
    assert table.rows() == {}


def test_a_table_that_was_never_initialised_says_so(clicks: NewClicks, empty: str) -> None:
    table = clicks(init=False, source=empty)
    create_hive(table)
    fails(table, 3, "is not claimed", f"hotswap init {table.kept.hive_name}", "run", "--once")


# Bytes that are nothing

BAD_ROWS = {
    "short": {b"day": b"mon", b"clicks": b"12"},
    "latin": {b"day": b"m\xfcn", b"clicks": bytes(8)},
    "default": {b"day": b"__HIVE_DEFAULT_PARTITION__", b"clicks": bytes(8)},
    "long": {b"day": b"x" * 300, b"clicks": bytes(8)},
    "space": {b"day": b"mon ", b"clicks": bytes(8)},
    "nul": {b"day": b"m\0n", b"clicks": bytes(8)},
}


def test_what_cannot_be_decoded_or_placed_is_quarantined_and_the_rest_is_published(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    table.put_cells(BAD_ROWS)
    table.put(("d", "\x01\x7f/%=", 4))
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["d"] == ("\x01\x7f/%=", 4)
    assert len(table.rows()) == 4
    status = hotswap(table.kept, "status", "--check", "--max-lag", "1h")
    assert status.code == 6
    assert f"{len(BAD_ROWS)} rows in quarantine" in status.out


def test_a_quarantined_row_keeps_its_last_image_until_it_heals(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    table.put_cells({"a": BAD_ROWS["short"]})
    hotswap(table.kept, "run", "--once")
    assert table.rows()["a"] == ("mon", 1)
    table.put(("a", "tue", 9))
    hotswap(table.kept, "run", "--once")
    assert table.rows()["a"] == ("tue", 9)
    assert hotswap(table.kept, "status", "--check", "--max-lag", "1h").code == 0


def test_more_bad_rows_than_allowed_stop_the_batch(clicks: NewClicks) -> None:
    table = clicks(*THREE, max_rejected="5")
    before = table.locations()
    table.put_cells(BAD_ROWS)
    table.put(("d", "mon", 4))
    fails(table, 1, "6 rows", "init --sample 20", "run", "--once")
    assert table.locations() == before
    table.delete("nul")
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows()["d"] == ("mon", 4)


# Servers that go in the middle of a batch


@dataclass
class At:
    """Does something before one step of a batch, once."""

    step: str
    action: Callable[[], object]
    done: bool = False

    def __call__(self, batch: Batch, step: str) -> None:
        if step == self.step and not self.done:
            self.done = True
            self.action()


CHANGES = (("a", "tue", 10), ("d", "wed", 4), ("b", "mon", 20))
CHANGED = {"a": ("tue", 10), "b": ("mon", 20), "c": ("tue", 3), "d": ("wed", 4)}


@dataclass
class Scene:
    """A table with a batch in it and changes waiting; what is seen before, and the next batch of a new loader."""

    table: Clicks
    before: Mapping[str, Any]

    @staticmethod
    def of(table: Clicks) -> Scene:
        before = table.rows()
        table.put(*CHANGES)
        return Scene(table, before)

    def unchanged(self) -> bool:
        return self.table.rows() == self.before

    def next_batch_is_right(self) -> bool:
        loop = self.table.kept.loop()
        self.table.kept.turn(loop)
        again = self.table.kept.turn(loop)
        loop.env.metastore.close()
        return self.table.rows() == CHANGED and again is None and self.table.unsettled() == 0


@pytest.mark.parametrize("step", ["scan", "collect"])
def test_an_hbase_that_goes_in_the_middle_of_a_batch_publishes_nothing(
    hbase: HBase, clicks: NewClicks, step: str
) -> None:
    scene = Scene.of(clicks(*THREE))
    loop = scene.table.kept.loop(watch=At(step, hbase.stop_thrift))
    try:
        told = failure_of(lambda: scene.table.kept.turn(loop))
    finally:
        hbase.start_thrift()
    assert isinstance(told, Unavailable)
    assert hbase.thrift in told.message
    assert scene.unchanged()
    assert scene.next_batch_is_right()


ASKING = [step.__name__ for step in STEPS if step.__name__ not in ("scan", "decide", "rewrite", "verify", "record")]
"""Steps that ask the metastore; `conclude` unlocks."""


@pytest.mark.parametrize("step", ASKING)
def test_a_metastore_that_goes_in_the_middle_of_a_batch_leaves_all_of_it_or_nothing(
    clicks: NewClicks, hms: Metastore23, step: str
) -> None:
    """The line is cut before the step; another loader goes on by another line."""
    table = clicks(*THREE)
    line = Proxy(hms.uri)
    scene = Scene.of(table)
    cut = by_another_line(table, line.uri)
    loop = cut.kept.loop(watch=At(step, line.close))
    if step == "conclude":
        cut.kept.turn(loop)  # it is live and on record; only the lock is left behind
        assert table.rows() == CHANGED
    else:
        told = failure_of(lambda: cut.kept.turn(loop))
        assert isinstance(told, OutcomeUnknown if step in ("swap", "read_back") else Unavailable), told
        assert scene.unchanged() or step == "read_back"
    unlock(table)
    assert scene.next_batch_is_right()


def by_another_line(clicks: Clicks, uri: str) -> Clicks:
    """The same table by another line."""
    settings = clicks.kept.settings
    moved = settings.model_copy(update={"metastore": settings.metastore.model_copy(update={"uris": (uri,)})})
    return replace(clicks, kept=replace(clicks.kept, settings=moved))


def unlock(clicks: Clicks) -> None:
    """As the server does when heartbeats have been missing for long."""
    with clicks.metastore() as metastore:
        for lock in metastore.locks(clicks.kept.table.hive_table):
            metastore.unlock(lock.id)


def test_a_metastore_that_is_killed_right_before_the_swap_is_settled_when_it_is_back(
    clicks: NewClicks, hms: Metastore23
) -> None:
    scene = Scene.of(clicks(*THREE))
    loop = scene.table.kept.loop(watch=At("swap", hms.kill))
    try:
        told = failure_of(lambda: scene.table.kept.turn(loop))
    finally:
        hms.restart()
    assert (type(told), told.exit_code) == (OutcomeUnknown, 4)
    assert f"hotswap recover {scene.table.kept.hive_name}" in told.hint
    assert scene.unchanged()
    unlock(scene.table)
    recovered = hotswap(scene.table.kept, "recover", scene.table.kept.hive_name)
    assert (recovered.code, "aborted" in recovered.out) == (0, True), recovered
    assert scene.next_batch_is_right()


def test_a_swap_whose_reply_is_lost_is_found_to_have_landed(clicks: NewClicks, proxy: Proxy) -> None:
    table = clicks(*THREE, metastore=proxy.uri)
    scene = Scene.of(table)
    loop = table.kept.loop()
    proxy.play(Trick.CUT_REPLY, "alter_partitions_with_environment_context")
    assert table.kept.turn(loop) is not None
    assert table.rows() == CHANGED
    assert scene.next_batch_is_right()


# A full disk


@dataclass
class FullAt:
    """The disk is full at one effect on files, and from then on."""

    point: int
    passed: int = -1
    room: bool = False

    def before(self, effect: str) -> None:
        self.passed += effect in ("create", "open_output", "publish", "link", "make_dirs")
        if self.passed >= self.point >= 0 and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/table")

    def after(self, effect: str) -> None:
        pass


def full_at(clicks: Clicks, point: int) -> HotswapError | None:
    """What a batch says that meets a full disk at its write number `point`; None: it has fewer writes."""
    tap = FullAt(point)
    loop = clicks.kept.loop(files=tapped_files(LocalFiles(), tap))
    try:
        clicks.kept.turn(loop)
    except (OSError, HotswapError) as error:
        return from_foreign(error)
    finally:
        loop.env.metastore.close()
    return None


def test_a_disk_that_is_full_at_any_write_leaves_all_of_a_batch_or_nothing(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    scene = Scene.of(table)
    point, told = 0, full_at(table, 0)
    while told is not None:
        assert "No space left" in told.message
        if isinstance(told, OutcomeUnknown):  # only its outcome is not on record
            assert table.rows() == CHANGED
            break
        assert isinstance(told, StorageError)
        assert "disk is full" in told.hint
        assert scene.unchanged(), f"full at write {point}"
        point += 4
        told = full_at(table, point)
    assert point > 6
    assert scene.next_batch_is_right()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; only root may have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if not made or made.returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # the metastore may look at it still


def test_a_disk_that_runs_full_publishes_nothing_and_goes_on_once_there_is_room(
    clicks: NewClicks, small_disk: Path
) -> None:
    table = clicks(*THREE, location=str(small_disk / "table"))
    scene = Scene.of(table)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    fails(table, 1, "No space left on device", "The disk is full", "run", "--once")
    assert scene.unchanged()
    ballast.unlink()
    assert hotswap(table.kept, "run", "--once").code == 0
    assert table.rows() == CHANGED


# Two loaders


def test_a_second_loader_ends_with_the_name_of_the_first(clicks: NewClicks) -> None:
    scene = Scene.of(clicks(*THREE))
    kept = scene.table.kept
    second = kept.loop()
    told: list[HotswapError] = []
    loop = kept.loop(watch=At("decide", lambda: told.append(failure_of(lambda: kept.turn(second)))))
    kept.turn(loop)
    assert (type(told[0]), told[0].exit_code) == (Locked, 3)
    assert f"hotswap {loop.env.identity.run}" in told[0].message
    assert scene.table.rows() == CHANGED
    assert scene.next_batch_is_right()


def test_two_loaders_by_turns_are_both_right(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    loops = [table.kept.loop(), table.kept.loop()]
    for number in range(5):
        table.put((f"k{number}", ("mon", "tue", "wed")[number % 3], number), ("a", f"day{number % 2}", number))
        table.delete(f"k{number - 3}")
        table.kept.turn(loops[number % 2])
        assert table.rows()["a"] == (f"day{number % 2}", number)
    assert set(table.rows()) == {"a", "b", "c", "k2", "k3", "k4"}


def test_two_loaders_at_once_are_both_right(clicks: NewClicks) -> None:
    table = clicks(*THREE, lock_wait="60s")
    start = threading.Barrier(2)

    def load(number: int) -> None:
        loop = table.kept.loop()
        for turn in range(3):
            table.put((f"k{number}{turn}", "mon", turn), ("a", f"day{number}", turn))
            start.wait(60)
            table.kept.turn(loop)
        loop.env.metastore.close()

    with ThreadPoolExecutor(2) as pool:
        for loading in [pool.submit(load, number) for number in range(2)]:
            loading.result()
    loop = table.kept.loop()
    table.kept.turn(loop)
    assert len(table.rows()) == 3 + 6
    assert table.rows()["a"][0] in ("day0", "day1")
    assert table.unsettled() == 0


# Somebody else's hands


def moved_away(table: Clicks, folder: Path) -> Callable[[], None]:
    """SET LOCATION; the answer puts it back."""
    was = table.locations()["mon"]
    (folder / "theirs").mkdir()
    table.move("mon", f"file://{folder}/theirs")
    return lambda: table.move("mon", was)


def inserted_into(table: Clicks, folder: Path) -> Callable[[], None]:
    """INSERT INTO of another engine: one more file in the live directory."""
    theirs = local_path(table.locations()["mon"]) / "000000_0"
    theirs.write_bytes(b"PAR1")
    return theirs.unlink


def dropped(table: Clicks, folder: Path) -> Callable[[], None]:
    partition = table.partitions()["mon"]
    with table.metastore() as metastore:
        metastore.drop_partition(table.kept.table.hive_table, ("mon",))

    def back() -> None:
        with table.metastore() as metastore:
            metastore.add_partitions(table.kept.table.hive_table, [partition])

    return back


def added(table: Clicks, folder: Path) -> Callable[[], None]:
    """ADD PARTITION where the batch wants to make one."""
    (folder / "added").mkdir()
    theirs = replace(table.partitions()["mon"], values=("wed",), location=f"file://{folder}/added")
    with table.metastore() as metastore:
        metastore.add_partitions(table.kept.table.hive_table, [theirs])

    def back() -> None:
        with table.metastore() as metastore:
            metastore.drop_partition(table.kept.table.hive_table, ("wed",))

    return back


HANDS = {
    "set location": (moved_away, "mon"),
    "insert": (inserted_into, "mon"),
    "drop": (dropped, "mon"),
    "add": (added, "wed"),
}


@pytest.mark.parametrize(("hand", "day"), HANDS.values(), ids=HANDS.keys())
def test_what_somebody_else_changed_is_named_and_not_overwritten(
    clicks: NewClicks, tmp_path: Path, hand: Callable[[Clicks, Path], Callable[[], None]], day: str
) -> None:
    scene = Scene.of(clicks(*THREE))
    table = scene.table
    put_back = hand(table, tmp_path)
    found = table.locations()
    told = failure_of(lambda: table.kept.turn(table.kept.loop()))
    assert (type(told), told.exit_code) == (ForeignChange, 3)
    assert f"day={day}" in told.message
    assert "Nothing was overwritten" in told.hint
    assert found.items() <= table.locations().items()
    put_back()
    assert scene.next_batch_is_right()


MEANWHILE = [
    ("set location", "check"),
    ("insert", "decide"),
    ("insert", "check"),
    ("drop", "decide"),
    ("drop", "check"),
    ("add", "decide"),
]


@pytest.mark.parametrize(("hand", "step"), MEANWHILE)
def test_what_somebody_else_changes_in_the_middle_of_a_batch_is_not_overwritten(
    clicks: NewClicks, tmp_path: Path, hand: str, step: str
) -> None:
    change, _ = HANDS[hand]
    scene = Scene.of(clicks(*THREE))
    table = scene.table
    put_back: list[Callable[[], None]] = []
    loop = table.kept.loop(watch=At(step, lambda: put_back.append(change(table, tmp_path))))
    told = failure_of(lambda: table.kept.turn(loop))
    assert isinstance(told, Conflict), told
    put_back[0]()
    assert table.rows() == scene.before
    assert scene.next_batch_is_right()
