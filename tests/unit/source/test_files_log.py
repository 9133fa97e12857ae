"""A folder that fills with files, on a real disk: every complete record exactly once, and what is not taken is told."""

import gzip
import json
import os
import pickle
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pytest

from loader.sources.api import MESSAGES, LeavesOut, LeftOut, LogGap, Stretch
from loader.sources.files.lines import blocks
from loader.sources.files.log import FilesLog
from loader.sources.files.settings import Complete, FilesSource, Lines
from loader.sources.files.taken import CLOSED_KEPT
from loader.storage.files import Entry, Stamp
from loader.storage.local import LocalFiles
from partitioner.history.position import Position

HOUR = 3_600_000
START = 1_764_000_000_000


@dataclass
class Clock:
    now: int = START

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class Counting(LocalFiles):
    listed: list[str] = field(default_factory=list)

    def list(self, folder: str) -> tuple[Entry, ...]:
        self.listed.append(folder)
        return super().list(folder)


@dataclass(frozen=True)
class Numberless(LocalFiles):
    """Files without numbers, as HDFS tells of them."""

    def list(self, folder: str) -> tuple[Entry, ...]:
        found = super().list(folder)
        return tuple(replace(one, stamp=replace(one.stamp, node=None)) for one in found if one.stamp)

    def stamp(self, path: str) -> Stamp:
        return replace(super().stamp(path), node=None)


@dataclass
class Place:
    """A folder, its log, the clock, and a loader that takes what a poll gives, through JSON as a manifest would."""

    root: Path
    source: FilesSource
    clock: Clock
    files: LocalFiles = field(default_factory=Counting)
    position: Position | None = None
    number: int = 0

    def __post_init__(self) -> None:
        self.log = FilesLog(self.files, self.source, self.clock)

    def write(self, name: str, data: bytes, age_ms: int = 0) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.age(path, age_ms)
        return path

    def age(self, path: Path, age_ms: int = 0) -> None:
        """Each change a nanosecond after the last: the disk's own clock ticks in milliseconds."""
        self.number += 1
        at = (self.clock.now - age_ms) * 1_000_000 + self.number
        os.utime(path, ns=(at, at))

    def poll(self, most: int = 1_000_000) -> Stretch | None:
        return self.log.poll(self.position, most)

    def take(self, most: int = 1_000_000) -> list[bytes]:
        stretch = self.poll(most)
        if stretch is None:
            return []
        found = [row for part in stretch.parts for row in values(self.log, part)]
        value = json.loads(json.dumps(stretch.position.value, ensure_ascii=False).encode())
        self.position = replace(stretch.position, value=value)
        return found

    def size(self) -> int:
        return len(json.dumps(self.position.value)) if self.position else 0


def values(log: FilesLog, part: object) -> list[bytes]:
    return [row for batch in log.read(part) for row in batch.column(":value").to_pylist()]  # type: ignore[arg-type]


@pytest.fixture(params=[Counting, Numberless])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, FilesSource(str(tmp_path)), Clock(), request.param())


def with_rules(place: Place, **rules: object) -> Place:
    return Place(place.root, replace(place.source, **rules), place.clock, place.files)  # type: ignore[arg-type]


# ---- lines


def test_lines_are_messages_numbered_from_0_and_named_by_their_file(place: Place) -> None:
    path = place.write("2026/a.json", b'{"a":1}\r\n\n{"a":2}')
    stretch = place.poll()
    assert stretch is not None
    (part,) = stretch.parts
    batch = pa.Table.from_batches(place.log.read(pickle.loads(pickle.dumps(part))))
    assert batch.schema == MESSAGES
    assert batch.column(":value").to_pylist() == [b'{"a":1}', b'{"a":2}']
    assert batch.column(":at").to_pylist() == [0, 2]
    assert batch.column(":time_ms").to_pylist() == [path.stat().st_mtime_ns // 1_000_000] * 2
    assert batch.column(":part").to_pylist()[0].startswith("2026/a.json#")


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_give_the_same_lines(piece: int) -> None:
    data = b"a\r\nbb\n\n\r\rccc\r\n" + b"d" * 20 + b"\nlast\r"
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    found = [(block.first + n, line) for block in blocks(pieces, 100) for n, line in enumerate(block.lines.to_pylist())]
    assert found == list(enumerate([b"a", b"bb", b"", b"\r\rccc", b"d" * 20, b"last"]))


def test_a_large_file_comes_in_batches_of_at_most_50_000_lines(place: Place) -> None:
    place.write("a", b"".join(b"%d\n" % n for n in range(130_000)))
    (part,) = place.poll().parts  # type: ignore[union-attr]
    batches = list(place.log.read(part))
    assert max(batch.num_rows for batch in batches) <= 50_000
    assert [int(v) for b in batches for v in b.column(":value").to_pylist()] == list(range(130_000))
    assert [n for b in batches for n in b.column(":at").to_pylist()] == list(range(130_000))


def test_a_line_that_is_too_long_leaves_its_file_out_and_names_it(place: Place) -> None:
    place = with_rules(place, lines=Lines(longest=100))
    place.write("a", b"x\n" + b"y" * 101 + b"\n")
    with pytest.raises(LeftOut, match=r"/a: line 2 is longer than 100 bytes"):
        place.take()
    place.write("b", b"fine\n")
    assert place.take() == [b"fine"]
    assert any("/a: line 2 is longer" in told for told in place.log.told())


def test_a_header_is_skipped_and_a_file_with_another_one_is_told_and_not_taken(place: Place) -> None:
    place = with_rules(place, lines=Lines(header=True))
    place.write("a.csv", b"id,cost\n1,2\n")
    place.write("b.csv", b"id,price\n1,2\n")
    place.write("c.csv", b"id,cost\r\n3,4\n")
    assert place.take() == [b"1,2", b"3,4"]
    assert [told for told in place.log.told() if "b.csv: does not begin with the header" in told]


# ---- complete


def test_what_is_in_use_or_hidden_or_empty_is_not_taken_until_it_is_named(place: Place) -> None:
    for name in ("a.json.tmp", "_a", ".a", "empty"):
        place.write(name, b"" if name == "empty" else b"x\n")
    assert place.poll() is None
    (place.root / "a.json.tmp").rename(place.root / "a.json")
    place.write("empty", b"filled\n")
    assert place.take() == [b"x", b"filled"]
    assert place.poll() is None


def test_a_file_waits_for_its_done(place: Place) -> None:
    place = with_rules(place, complete=Complete(done=".done"))
    place.write("a", b"x\n")
    assert place.poll() is None
    place.write("a.done", b"!")
    assert place.take() == [b"x"]


def test_a_folder_waits_for_its_success(place: Place) -> None:
    place = with_rules(place, complete=Complete(success="_SUCCESS"))
    place.write("1/a", b"x\n")
    place.write("2/a", b"y\n")
    place.write("2/_SUCCESS", b"")
    assert place.take() == [b"y"]
    place.write("1/_SUCCESS", b"")
    assert place.take() == [b"x"]


def test_a_file_is_taken_once_it_has_been_seen_quiet_for_so_long(place: Place) -> None:
    place = with_rules(place, complete=Complete(quiet_ms=1000))
    path = place.write("a", b"x\n", age_ms=HOUR)
    assert place.poll() is None
    place.clock.now += 999
    assert place.poll() is None
    with path.open("ab") as more:
        more.write(b"y\n")
    place.age(path)
    place.clock.now += 1
    assert place.poll() is None
    place.clock.now += 1000
    assert place.take() == [b"x", b"y"]


def test_a_clock_that_is_set_back_makes_nothing_quiet(place: Place) -> None:
    place = with_rules(place, complete=Complete(quiet_ms=1000))
    place.write("a", b"x\n")
    assert place.poll() is None
    place.clock.now -= HOUR
    assert place.poll() is None
    place.clock.now += 999
    assert place.poll() is None
    place.clock.now += 1
    assert place.take() == [b"x"]


# ---- gzip


def test_a_gzip_file_of_two_members_is_read_whole(place: Place) -> None:
    place.write("a.gz", gzip.compress(b"x\ny\n" * 1000) + gzip.compress(b"z\n"))
    assert place.take() == [b"x", b"y"] * 1000 + [b"z"]


@pytest.mark.parametrize("cut", [3, 12, 200, -1])
def test_a_gzip_file_cut_short_is_told_and_tried_again_once_it_has_changed(place: Place, cut: int) -> None:
    whole = gzip.compress(os.urandom(300_000).hex().encode() + b"\nlast\n")
    place.write("a.gz", whole[:cut])
    place.write("b", b"fine\n")
    with pytest.raises(LeftOut, match=r"a\.gz: it is cut short in the middle of its gzip stream"):
        place.take()
    assert place.take() == [b"fine"]
    assert any("a.gz" in told for told in place.log.told())
    place.write("a.gz", whole)
    assert place.take()[1:] == [b"last"]


def test_what_another_process_could_not_read_is_left_out_by_the_one_that_polls(place: Place) -> None:
    place.write("a.gz", gzip.compress(b"x\n" * 1000)[:20])
    (part,) = place.poll().parts  # type: ignore[union-attr]
    elsewhere = FilesLog(place.files, place.source, place.clock)
    with pytest.raises(LeftOut) as raised:
        list(elsewhere.read(part))
    assert isinstance(place.log, LeavesOut)
    place.log.leave_out(pickle.loads(pickle.dumps(raised.value)))
    assert place.poll() is None


# ---- what moves, changes and goes


def test_a_rotation_is_not_taken_twice_and_the_new_file_of_its_name_is_taken(place: Place) -> None:
    place.write("x.1", b"first\n")
    assert place.take() == [b"first"]
    for number in range(3):
        (place.root / "x.2").unlink(missing_ok=True)
        (place.root / "x.1").rename(place.root / "x.2")
        place.write("x.1", b"again %d\n" % number)
        assert place.take() == [b"again %d" % number]
        assert place.poll() is None


def test_two_files_of_equal_content_and_time_are_two(place: Place) -> None:
    for name in "ab":
        os.utime(place.write(name, b"x\n"), ns=(START * 1_000_000,) * 2)
    assert place.take() == [b"x", b"x"]
    os.utime(place.write("c", b"x\n"), ns=(START * 1_000_000,) * 2)
    assert place.take() == [b"x"]


def test_without_numbers_a_file_that_moved_stands_for_one_of_two_like_it(tmp_path: Path) -> None:
    place = Place(tmp_path, FilesSource(str(tmp_path)), Clock(), Numberless())
    when = place.write("a", b"x\n").stat().st_mtime_ns
    assert place.take() == [b"x"]
    (tmp_path / "a").rename(tmp_path / "b")
    os.utime(place.write("c", b"x\n"), ns=(when, when))
    assert place.take() == [b"x"]
    assert place.poll() is None


@pytest.mark.parametrize("anew", [b"other", b"first\nmore\n", b""])
def test_a_file_that_changed_after_it_was_taken_stops_the_log_by_name(place: Place, anew: bytes) -> None:
    place.write("a", b"first\n")
    place.take()
    place.write("a", anew or b"short")
    with pytest.raises(LogGap, match="/a: was taken, and is another or longer file now"):
        place.poll()
    (place.root / "a").rename(place.root / "_a")
    place.write("b", b"goes on\n")
    assert place.take() == [b"goes on"]


def test_a_file_that_grew_under_another_name_is_no_new_one(tmp_path: Path) -> None:
    place = Place(tmp_path, FilesSource(str(tmp_path)), Clock())
    place.write("x", b"first\n")
    place.take()
    (tmp_path / "x").rename(tmp_path / "x.1")
    place.write("x.1", b"first\nmore\n")
    with pytest.raises(LogGap, match=r"x\.1"):
        place.poll()


def test_a_file_that_goes_or_changes_between_poll_and_read_leaves_the_batch(place: Place) -> None:
    for name in ("changes", "goes", "stays"):
        place.write(name, name.encode() + b"\n")
    stretch = place.poll()
    assert stretch is not None
    place.write("changes", b"changed\n")
    (place.root / "goes").unlink()
    changes, goes, stays = stretch.parts
    with pytest.raises(LeftOut, match="changes: changed after it was found complete"):
        list(place.log.read(changes))
    with pytest.raises(LeftOut, match="goes: was there"):
        list(place.log.read(goes))
    assert values(place.log, stays) == [b"stays"]
    assert place.take() == [b"changed", b"stays"]


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_goes_or_grows_while_it_is_read_leaves_the_batch(place: Place, gone: bool) -> None:
    path = place.write("a", b"0123456789\n" * 2_000_000)
    (part,) = place.poll().parts  # type: ignore[union-attr]
    batches = place.log.read(part)
    next(batches)
    if gone:
        path.unlink()
    else:
        with path.open("ab") as more:
            more.write(b"more\n")
    with pytest.raises(LeftOut, match="/a: "):
        list(batches)


def test_a_name_that_is_no_utf_8_and_a_backslash_are_two_names(place: Place) -> None:
    for name in (b"\xff", rb"\xff"):
        path = os.path.join(os.fsencode(place.root), name)
        with open(path, "wb") as file:
            file.write(name + b"\n")
    stretch = place.poll()
    assert stretch is not None
    labels = {batch.column(":part")[0].as_py().partition("#")[0] for p in stretch.parts for batch in place.log.read(p)}
    assert labels == {r"\xff", r"\\xff"}
    assert sorted(place.take()) == sorted([b"\xff", rb"\xff"])
    assert place.poll() is None


def test_a_link_is_told_and_not_taken(place: Place) -> None:
    (place.root / "link").symlink_to("/dev/zero")
    assert place.poll() is None
    assert any("link: is a symbolic link" in told for told in place.log.told())


# ---- order, and how much


def test_files_come_in_order_of_folder_and_name_about_as_many_events_as_were_asked_for(place: Place) -> None:
    for name in ("b/1", "a/2", "a/1", "a-b/1"):
        place.write(name, f"{name}\n".encode() * 10)
    order = []
    while (stretch := place.poll(20)) is not None:
        assert stretch.events <= 20
        assert stretch.more == (len(order) < 20)
        order += place.take(20)
    assert order == [name for name in (b"a/1", b"a/2", b"a-b/1", b"b/1") for _ in range(10)]


def test_one_file_at_least_however_large(place: Place) -> None:
    place.write("a", b"x\n" * 1000)
    place.write("b", b"y\n")
    assert place.take(10) == [b"x"] * 1000


# ---- folders that close


@pytest.mark.parametrize("hours", [150, pytest.param(500, marks=pytest.mark.slow)])
def test_the_position_stays_small_over_many_files_and_closed_folders_are_not_listed_again(
    tmp_path: Path, hours: int
) -> None:
    files = Counting()
    place = Place(tmp_path, FilesSource(str(tmp_path), closed_ms=2 * HOUR), Clock(), files)
    each = 200 if hours == 500 else 20
    largest = taken = 0
    for hour in range(hours):
        for number in range(each):
            place.write(f"h{hour:05}/{number:03}", b"x\n")
        place.age(tmp_path / f"h{hour:05}")
        stretch = place.poll()
        assert stretch is not None
        taken += len(stretch.parts)
        place.position = stretch.position
        files.listed.clear()
        assert place.poll() is None
        assert len(files.listed) <= 5
        largest = max(largest, place.size())
        place.clock.now += HOUR
    assert taken == hours * each
    assert place.position is not None
    assert place.position.value is not None
    assert len(place.position.value["folders"]) <= CLOSED_KEPT + 4
    assert largest < 15_000 + 4 * each * 100
    place.write("h00007/late", b"x\n")
    assert place.poll() is None
    assert [told for told in place.log.told() if "/h00007: was closed" in told]


def test_days_of_hours_close_into_their_day(tmp_path: Path) -> None:
    place = Place(tmp_path, FilesSource(str(tmp_path), closed_ms=HOUR), Clock())
    for day in range(60):
        for hour in range(24):
            path = place.write(f"d{day:02}/h{hour:02}/a", b"x\n")
            place.age(path.parent)
            place.age(path.parent.parent)
            assert place.take() == [b"x"]
            place.clock.now += HOUR
    assert place.size() < 12_000


@pytest.mark.parametrize("age_ms", [0, 10 * HOUR])
def test_a_file_that_comes_into_a_closed_folder_is_told(place: Place, age_ms: int) -> None:
    place = with_rules(place, closed_ms=HOUR)
    place.write("1/a", b"x\n", 3 * HOUR)
    place.age(place.root / "1", 3 * HOUR)
    place.write("2/a", b"y\n")
    assert place.take() == [b"x", b"y"]
    place.write("1/late", b"late\n", age_ms)
    place.age(place.root / "1")
    assert place.poll() is None
    assert [told for told in place.log.told() if "/1: was closed after 1 files were taken" in told]
    (place.root / "1/late").rename(place.root / "2/late")
    place.age(place.root / "2/late")
    assert place.take() == [b"late"]
    assert place.log.told() == ()


def test_what_is_deleted_from_a_closed_folder_is_no_news(place: Place) -> None:
    place = with_rules(place, closed_ms=HOUR)
    for name in "abc":
        place.write(f"1/{name}", b"x\n", 3 * HOUR)
    place.age(place.root / "1", 3 * HOUR)
    assert len(place.take()) == 3
    (place.root / "1/b").unlink()
    assert place.poll() is None
    assert place.log.told() == ()


def test_a_file_with_an_old_time_that_comes_late_into_an_open_folder_is_told(place: Place) -> None:
    place = with_rules(place, closed_ms=HOUR)
    place.write("a", b"x\n", 3 * HOUR)
    assert place.take() == [b"x"]
    place.write("late", b"late\n", 2 * HOUR)
    assert place.poll() is None
    assert any("came later" in told for told in place.log.told())


def test_an_old_file_that_still_waits_is_taken_when_it_is_complete(place: Place) -> None:
    place = with_rules(place, closed_ms=HOUR, complete=Complete(done=".done"))
    place.write("1/a", b"x\n", 3 * HOUR)
    place.write("1/a.done", b"!", 3 * HOUR)
    place.write("1/b", b"y\n", 3 * HOUR)
    place.age(place.root / "1", 3 * HOUR)
    assert place.take() == [b"x"]
    place.write("1/b.done", b"!")
    assert place.take() == [b"y"]


# ---- all of it, at random


@pytest.mark.parametrize("seed", range(40))
def test_every_complete_record_comes_exactly_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    source = FilesSource(str(tmp_path), closed_ms=4 * HOUR, complete=Complete(quiet_ms=chance.choice([0, 1000])))
    place = Place(tmp_path, source, Clock(), chance.choice([Counting, Numberless])())
    expected: list[bytes] = []
    got: list[bytes] = []
    for step in range(60):
        hour = f"h{(place.clock.now - START) // HOUR:03}"
        match chance.randrange(8):
            case 0 | 1 | 2:
                rows = [b"%d-%d" % (step, n) for n in range(chance.randrange(4))]
                data = b"".join(row + b"\n" for row in rows)
                packed = chance.random() < 0.3
                name = f"{hour}/{step:03}" + (".gz" if packed else "")
                path = place.write(name + ".tmp", gzip.compress(data) if packed else data)
                path.rename(tmp_path / name)
                place.age(path.parent)
                expected += rows
            case 3:
                files = [one for one in (tmp_path / hour).glob("*") if one.name[0] != "r"]
                if files:
                    one = chance.choice(files)
                    one.rename(one.parent / f"r{step}-{one.name}")
            case 4:
                place.clock.now += chance.choice([1000, HOUR])
            case 5:
                place.log = FilesLog(place.files, source, place.clock)
            case 6:
                place.poll(chance.choice([1, 5, 1000]))  # a batch that failed
            case _:
                got += place.take(chance.choice([1, 5, 1000]))
    for _ in range(400):
        place.clock.now += 1000
        got += place.take(50)
        if len(got) >= len(expected):
            break
    place.clock.now += 1000
    assert place.poll() is None
    assert sorted(got) == sorted(expected)
