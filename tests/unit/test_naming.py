"""A full disk is told with the path that could not be written."""

import errno
from pathlib import Path

import pytest

from loader.basics.errors import StorageError, from_foreign
from loader.storage.files import naming
from loader.storage.local import LocalFiles


def test_a_write_that_fails_names_its_file() -> None:
    with pytest.raises(OSError, match="No space left") as failed, naming("/data/table/x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    told = from_foreign(failed.value)
    assert isinstance(told, StorageError)
    assert told.message == "/data/table/x: No space left on device"
    assert "`hotswap clean TABLE`" in told.hint


def test_a_file_that_is_named_already_stays_so() -> None:
    with pytest.raises(PermissionError) as failed, naming("/other"):
        raise PermissionError(errno.EACCES, "Permission denied", "/data/x")
    assert failed.value.filename == "/data/x"


def test_what_is_no_error_of_the_system_is_left_as_it_is() -> None:
    with pytest.raises(OSError, match="odd") as failed, naming("/other"):
        raise OSError("odd")
    assert failed.value.filename is None


def full(handle: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_state_object_that_finds_no_room_names_its_folder_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(OSError, match="No space left") as failed:
        LocalFiles(fsync=full).create(f"file://{tmp_path}/log/1.json", b"{}")
    assert (failed.value.filename, list((tmp_path / "log").iterdir())) == (f"{tmp_path}/log", [])
