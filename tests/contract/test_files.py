"""One suite over every file system that a table may lie on: all that the protocol relies on."""

import gzip
import os
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hdfs_native import Client

from devservers.hdfs import Hdfs
from loader.sources.api import LogGap
from loader.sources.files.log import FilesLog
from loader.sources.files.settings import FilesSource
from loader.storage.files import Entry, Files, Unreadable, join
from loader.storage.hdfs import HdfsFiles
from loader.storage.local import LocalFiles

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: more than one block of the HDFS in these tests


@dataclass(frozen=True)
class Place:
    """A folder of one test on one file system; it exists."""

    files: Files
    folder: str

    def path(self, *names: str) -> str:
        return join(self.folder, *names)

    def names(self, *folder: str) -> list[str]:
        return [entry.name for entry in self.files.list(self.path(*folder))]

    def write(self, name: str, data: bytes = CONTENT) -> str:
        with self.new_file(name) as stream:
            stream.write(data)
        return self.path(name)

    def new_file(self, name: str, temporary: str = "temporary") -> AbstractContextManager[BinaryIO]:
        return self.files.new_file(self.path("written", temporary), self.path(name))

    def left_over(self) -> list[str]:
        """Of temporary files. A file system may have none, and then not the folder either."""
        return self.names("written") if self.files.exists(self.path("written")) else []

    def files_in(self, *folder: str) -> list[str]:
        return [entry.name for entry in self.files.list(self.path(*folder)) if not entry.is_dir]


@pytest.fixture(params=["local", pytest.param("hdfs", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return Place(LocalFiles(), f"file://{tmp_path}")
    hdfs: Any = request.getfixturevalue("hdfs")
    return Place(hdfs.files, hdfs.new_folder())


# ---- whole files, created once


def test_a_created_file_is_read_as_it_was_given_with_the_folders_that_lead_to_it(place: Place) -> None:
    place.files.create(place.path("a", "b", "c.json"), CONTENT)
    assert place.files.read(place.path("a", "b", "c.json")) == CONTENT
    assert place.files.list(place.path("a", "b")) == (Entry("c.json", len(CONTENT), False),)


def test_the_size_and_the_head_of_a_file_are_told_without_reading_it_all(place: Place) -> None:
    place.files.create(place.path("whole"), CONTENT)
    assert place.files.size(place.path("whole")) == len(CONTENT)
    assert place.files.head(place.path("whole"), 7) == CONTENT[:7]
    assert place.files.head(place.path("whole"), len(CONTENT) + 9) == CONTENT


def test_a_folder_has_no_size_and_a_missing_file_neither(place: Place) -> None:
    place.files.make_dirs(place.path("folder"))
    with pytest.raises(Unreadable, match="is a folder, not a regular file"):
        place.files.size(place.path("folder"))
    with pytest.raises(FileNotFoundError):
        place.files.size(place.path("missing"))


def test_a_listing_tells_of_each_file_what_its_stamp_is(place: Place) -> None:
    place.files.create(place.path("a"), CONTENT)
    place.files.make_dirs(place.path("folder"))
    told = {entry.name: entry.stamp for entry in place.files.list(place.folder)}
    assert told == {name: place.files.stamp(place.path(name)) for name in ("a", "folder")}
    assert [stamp and stamp.size for stamp in told.values()] == [len(CONTENT), 0]
    with pytest.raises(FileNotFoundError):
        place.files.stamp(place.path("missing"))


def test_a_file_that_is_written_anew_has_another_stamp_and_its_folder_too(place: Place) -> None:
    place.files.create(place.path("folder", "a"), b"first")
    before = place.files.stamp(place.path("folder", "a")), place.files.stamp(place.path("folder"))
    time.sleep(0.02)
    place.files.delete_file(place.path("folder", "a"))
    place.files.create(place.path("folder", "a"), b"other")
    after = place.files.stamp(place.path("folder", "a")), place.files.stamp(place.path("folder"))
    assert all(one.changed_ns < other.changed_ns for one, other in zip(before, after, strict=True))


def test_a_file_keeps_its_number_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "x.1").write_bytes(b"x")
    before = LocalFiles().stamp(str(tmp_path / "x.1"))
    (tmp_path / "x.1").rename(tmp_path / "x.2")
    assert before.node is not None
    assert LocalFiles().stamp(str(tmp_path / "x.2")) == before


def test_what_is_no_regular_file_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name, what in (("pipe", "a pipe"), ("link", "a symbolic link")):
        for read in (LocalFiles().read, LocalFiles().size, lambda path: LocalFiles().head(path, 1)):
            with pytest.raises(Unreadable, match=what):
                read(str(tmp_path / name))


def test_an_empty_file_can_be_created(place: Place) -> None:
    place.files.create(place.path("empty"), b"")
    assert place.files.read(place.path("empty")) == b""


def test_a_name_that_is_taken_is_not_created_again_and_keeps_its_content(place: Place) -> None:
    place.files.create(place.path("once"), b"first")
    with pytest.raises(FileExistsError):
        place.files.create(place.path("once"), b"second")
    assert place.files.read(place.path("once")) == b"first"
    assert place.names() == ["once"]


def test_a_name_that_a_folder_has_is_taken_too(place: Place) -> None:
    place.files.make_dirs(place.path("folder"))
    with pytest.raises(FileExistsError):
        place.files.create(place.path("folder"), b"x")


def test_of_many_that_create_one_name_exactly_one_succeeds(place: Place) -> None:
    start = threading.Barrier(8)

    def claim(number: int) -> bool:
        start.wait()
        try:
            place.files.create(place.path("claims", "0000000001"), str(number).encode())
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))
    assert sum(won) == 1
    assert place.files.read(place.path("claims", "0000000001")) == str(won.index(True)).encode()
    assert place.names("claims") == ["0000000001"]


# ---- new files: written, then there as a whole, under a name that nobody had


def test_a_new_file_has_its_name_and_no_other(place: Place) -> None:
    place.files.make_dirs(place.path("version"))
    place.write("version/00000-of-00001")
    assert place.files.read(place.path("version", "00000-of-00001")) == CONTENT
    assert place.names("version") == ["00000-of-00001"]
    assert place.left_over() == []


def test_a_new_file_is_not_there_before_it_is_whole(place: Place) -> None:
    with place.new_file("final") as stream:
        stream.write(CONTENT)
        assert place.files_in() == []
    assert place.files_in() == ["final"]


def test_a_new_file_takes_no_name_that_is_taken(place: Place) -> None:
    place.files.create(place.path("final"), b"first")
    with pytest.raises(FileExistsError):
        place.write("final", b"second")
    assert place.files.read(place.path("final")) == b"first"
    assert (place.files_in(), place.left_over()) == (["final"], [])


def test_a_new_file_takes_no_name_that_a_folder_has(place: Place) -> None:
    place.files.make_dirs(place.path("final"))
    with pytest.raises(FileExistsError):
        place.write("final")
    assert place.left_over() == []


def test_a_new_file_whose_block_fails_leaves_nothing(place: Place) -> None:
    def fails() -> None:
        with place.new_file("final") as stream:
            stream.write(CONTENT)
            raise ValueError("no more rows")

    with pytest.raises(ValueError, match="no more rows"):
        fails()
    assert (place.files_in(), place.left_over()) == ([], [])
    place.write("final", b"then")
    assert place.files.read(place.path("final")) == b"then"


def test_a_new_file_makes_no_folder(place: Place) -> None:
    """One that was deleted meanwhile was cleaned away with all that belonged to it."""
    with pytest.raises(FileNotFoundError):
        place.write("no/folder/final")
    assert not place.files.exists(place.path("no"))
    assert place.left_over() == []


def test_what_a_killed_process_left_is_written_anew(place: Place) -> None:
    place.files.create(place.path("written", "temporary"), b"longer than what comes now")
    place.write("final", b"short")
    assert place.files.read(place.path("final")) == b"short"


def test_of_many_that_write_one_name_exactly_one_succeeds(place: Place) -> None:
    start = threading.Barrier(6)

    def write(number: int) -> bool:
        try:
            with place.new_file("final", f"temporary{number}") as stream:
                stream.write(str(number).encode())
                start.wait()
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(write, range(6)))
    assert sum(won) == 1
    assert place.files.read(place.path("final")) == str(won.index(True)).encode()
    assert place.left_over() == []


def test_an_empty_new_file_is_a_file(place: Place) -> None:
    place.write("empty", b"")
    assert place.files.list(place.folder) == (Entry("empty", 0, False), Entry("written", 0, True))


# ---- links


def test_a_linked_file_outlives_its_source(place: Place) -> None:
    place.files.create(place.path("old", "file"), CONTENT)
    place.files.make_dirs(place.path("new"))
    place.files.link(place.path("old", "file"), place.path("new", "file"))
    place.files.delete_tree(place.path("old"))
    assert place.files.list(place.path("new")) == (Entry("file", len(CONTENT), False),)
    assert place.files.read(place.path("new", "file")) == CONTENT


def test_a_link_overwrites_nothing(place: Place) -> None:
    place.files.create(place.path("one"), b"1")
    place.files.create(place.path("two"), b"2")
    with pytest.raises(FileExistsError):
        place.files.link(place.path("one"), place.path("two"))
    assert place.files.read(place.path("two")) == b"2"
    assert place.names() == ["one", "two"]


def test_a_link_to_what_is_not_there_fails(place: Place) -> None:
    with pytest.raises(FileNotFoundError):
        place.files.link(place.path("missing"), place.path("final"))
    assert place.names() == []


# ---- folders


def test_folders_are_made_with_all_that_lead_to_them_and_again_without_harm(place: Place) -> None:
    place.files.make_dirs(place.path("a", "b", "c"))
    place.files.make_dirs(place.path("a", "b", "c"))
    assert place.files.list(place.path("a", "b")) == (Entry("c", 0, True),)


def test_a_folder_is_not_made_through_a_file(place: Place) -> None:
    place.files.create(place.path("file"), b"x")
    with pytest.raises(NotADirectoryError):
        place.files.make_dirs(place.path("file", "below"))
    with pytest.raises(NotADirectoryError):
        place.files.make_dirs(place.path("file"))


def test_a_listing_is_sorted_and_fresh(place: Place) -> None:
    for name in ("b", "a", "c"):
        place.files.create(place.path(name), name.encode() * 3)
    assert place.files.list(place.folder) == (Entry("a", 3, False), Entry("b", 3, False), Entry("c", 3, False))
    place.files.delete_file(place.path("b"))
    assert place.names() == ["a", "c"]


def test_an_empty_folder_lists_nothing_and_a_missing_one_fails(place: Place) -> None:
    place.files.make_dirs(place.path("empty"))
    assert place.names("empty") == []
    with pytest.raises(FileNotFoundError):
        place.names("missing")
    place.files.create(place.path("file"), b"x")
    with pytest.raises(NotADirectoryError):
        place.names("file")


def test_a_listing_of_thousands_is_whole(place: Place) -> None:
    names = [f"d{number:04d}" for number in range(1500)]  # more than one page of a NameNode
    with ThreadPoolExecutor(place.files.parallel) as pool:
        list(pool.map(lambda name: place.files.make_dirs(place.path("many", name)), names))
    assert place.names("many") == names


def test_a_folder_is_listed_whole_while_others_create_and_delete_in_it(place: Place) -> None:
    """A listing that failed would be taken for a folder that is not there: a table that was never loaded."""
    place.files.create(place.path("stays"), b"")
    ended = threading.Event()

    def come_and_go(name: str) -> None:
        for _ in range(100):
            place.files.create(place.path(name), b"")
            place.files.delete_file(place.path(name))

    def look() -> list[bool]:
        seen = []
        while not ended.is_set():
            seen.append("stays" in place.names())
        return seen

    with ThreadPoolExecutor() as pool:
        looking = [pool.submit(look) for _ in range(2)]
        coming = [pool.submit(come_and_go, name) for name in ("one", "another")]
        wait(coming)
        ended.set()
        assert [one.result() for one in coming] == [None, None]
        assert all(all(one.result()) for one in looking)


def test_whether_something_exists_is_told_of_files_folders_and_nothing(place: Place) -> None:
    place.files.create(place.path("folder", "file"), b"x")
    asked = [("folder",), ("folder", "file"), ("missing",), ("folder", "file", "below")]
    assert [place.files.exists(place.path(*names)) for names in asked] == [True, True, False, False]


# ---- deleting


def test_a_tree_goes_with_all_that_is_in_it(place: Place) -> None:
    place.files.create(place.path("tree", "a", "b"), b"x")
    place.files.create(place.path("stays"), b"x")
    place.files.delete_tree(place.path("tree"))
    assert place.names() == ["stays"]


@pytest.mark.parametrize("delete", ["delete_file", "delete_tree", "remove_empty_dir"])
def test_what_is_not_there_cannot_be_deleted(place: Place, delete: str) -> None:
    with pytest.raises(FileNotFoundError):
        getattr(place.files, delete)(place.path("missing"))


def test_each_delete_takes_only_what_it_is_for(place: Place) -> None:
    place.files.create(place.path("full", "file"), b"x")
    place.files.make_dirs(place.path("empty"))
    wrong: list[tuple[Callable[[str], None], str]] = [
        (place.files.remove_empty_dir, place.path("full")),
        (place.files.remove_empty_dir, place.path("full", "file")),
        (place.files.delete_tree, place.path("full", "file")),
        (place.files.delete_file, place.path("empty")),
    ]
    for delete, path in wrong:
        with pytest.raises(OSError, match=r"."):
            delete(path)
    assert (place.names(), place.names("full")) == (["empty", "full"], ["file"])
    place.files.remove_empty_dir(place.path("empty"))
    assert place.names() == ["full"]


# ---- reading and writing


def test_a_file_is_read_at_any_place(place: Place) -> None:
    with place.files.open_input(place.write("data")) as stream:
        assert stream.seek(-10, 2) == len(CONTENT) - 10
        assert stream.read() == CONTENT[-10:]
        assert stream.seek(1_000_000) == 1_000_000
        assert stream.read(300_000) == CONTENT[1_000_000:]
        assert stream.read(1) == b""


def test_what_is_not_there_cannot_be_read(place: Place) -> None:
    with pytest.raises(FileNotFoundError):
        place.files.read(place.path("missing"))


def test_a_writer_tells_how_much_it_has_taken(place: Place) -> None:
    with place.new_file("data") as stream:
        stream.write(CONTENT)
        stream.write(b"end")
        assert stream.tell() == len(CONTENT) + 3
    assert place.files.read(place.path("data")) == CONTENT + b"end"


def test_a_file_that_is_mapped_is_read_as_any_other(place: Place) -> None:
    table = pa.table({"id": list(range(1000))})
    with place.new_file("rows.arrow") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table, 100)
    assert pa.ipc.open_file(place.files.open_mapped(place.path("rows.arrow"))).read_all() == table


def test_parquet_is_written_and_read_through_it(place: Place) -> None:
    table = pa.table({"id": list(range(200_000)), "text": [f"row {number % 100}" for number in range(200_000)]})
    with place.new_file("rows.parquet") as stream:
        pq.write_table(table, stream, row_group_size=30_000)
    with place.files.open_input(place.path("rows.parquet")) as stream:
        assert pq.ParquetFile(stream).read(columns=["id"])["id"].to_pylist()[150_000] == 150_000


NAMES = ["day=2026-01-01", "p=%2F..%2F", "p=a%23b%3F", "p=Ünï €", "p=a b", "p=50%25", "x" * 200]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_taken_as_they_are(place: Place, name: str) -> None:
    place.files.create(place.path(name, "file"), b"x")
    assert place.names() == [name]
    assert place.files.read(place.path(name, "file")) == b"x"


def test_it_travels_to_another_process(place: Place) -> None:
    place.files.create(place.path("file"), b"x")
    assert pickle.loads(pickle.dumps(place.files)).read(place.path("file")) == b"x"


def test_an_error_names_the_file(place: Place) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        place.files.read(place.path("missing"))
    assert str(caught.value.filename).endswith("/missing")
    assert "\n" not in str(caught.value)


def test_syncing_what_was_written_is_possible(place: Place) -> None:
    place.files.sync([place.write("data"), place.folder])


# ---- what it can, and what it tells


def test_a_link_is_a_second_name_where_there_are_hard_links_and_a_copy_elsewhere(place: Place) -> None:
    place.files.create(place.path("one"), CONTENT)
    place.files.link(place.path("one"), place.path("two"))
    assert place.files.about(place.path("one")).names == (2 if place.files.can.hard_links else 1)


def test_what_is_below_a_folder_is_walked_and_two_names_of_one_file_are_known(place: Place) -> None:
    place.files.create(place.path("a", "one"), b"1")
    place.files.create(place.path("a", "b", "three"), b"333")
    place.files.link(place.path("a", "one"), place.path("a", "b", "again"))
    found = list(place.files.walk(place.path("a")))
    assert sorted(one.size for one in found) == [1, 1, 3]
    assert len({one.node for one in found}) == (2 if place.files.can.hard_links else 3)
    assert list(place.files.walk(place.path("missing"))) == []


def test_what_room_is_left_is_told_or_left_open(place: Place) -> None:
    room = place.files.room(place.folder)
    for left, there_is in ((room.free, room.total), (room.free_names, room.total_names)):
        assert left is None or left >= 0
        assert there_is is None or (left is not None and left <= there_is)


def test_the_mode_of_what_is_there_is_told_and_nothing_of_what_is_not(place: Place) -> None:
    place.files.make_dirs(place.path("folder"))
    mode = place.files.about(place.path("folder")).mode
    assert mode is None or mode & 0o700 == 0o700
    with pytest.raises(FileNotFoundError):
        place.files.about(place.path("missing"))


@pytest.mark.slow
def test_a_file_on_hdfs_can_be_read_whole_as_soon_as_it_is_closed(tmp_path: Path) -> None:
    """Here a NameNode lets a file be closed up to a second before it has heard of the file's last block."""
    late = {"dfs.blockreport.incremental.intervalMsec": "1000"}
    with Hdfs.start_pair(tmp_path / "late", late) as started:
        files = HdfsFiles(started.uri)
        files.create(f"{started.uri}/claim", CONTENT)
        assert files.read(f"{started.uri}/claim") == CONTENT


# ---- a folder as a source


def test_a_folder_is_taken_as_a_log_each_complete_file_once_and_a_rotated_one_not_again(place: Place) -> None:
    log = FilesLog(place.files, FilesSource(place.path("in")))
    place.files.make_dirs(place.path("in", "1"))
    place.write("in/1/x.1", b"first\n" * 1000)
    place.write("in/1/y.gz", gzip.compress(b"packed\n"))
    place.write("in/1/z.tmp", b"in use\n")
    stretch = log.poll(None, 10_000)
    assert stretch is not None
    rows = [row for part in stretch.parts for batch in log.read(part) for row in batch.column(":value").to_pylist()]
    assert rows == [b"first"] * 1000 + [b"packed"]
    assert log.poll(stretch.position, 10_000) is None
    rename(place, "in/1/x.1", "in/1/x.2")
    assert log.poll(stretch.position, 10_000) is None
    place.files.delete_file(place.path("in/1/y.gz"))
    place.write("in/1/y.gz", gzip.compress(b"other\n"))
    with pytest.raises(LogGap, match=r"y\.gz: was taken, and is another"):
        log.poll(stretch.position, 10_000)


def rename(place: Place, old: str, new: str) -> None:
    """As a log's rotation does: the file is the same, and was not changed."""
    if isinstance(place.files, HdfsFiles):
        url = place.files.url
        Client(url).rename(place.path(old).removeprefix(url), place.path(new).removeprefix(url))
    else:
        os.rename(place.path(old).removeprefix("file://"), place.path(new).removeprefix("file://"))
