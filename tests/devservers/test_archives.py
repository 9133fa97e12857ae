"""Archives are unpacked below their folder, by every Python 3.11."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from devservers.archives import extract


def archive_of(**files: bytes) -> tarfile.TarFile:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size, member.mode = len(content), 0o666
            made.addfile(member, io.BytesIO(content))
    written.seek(0)
    return tarfile.open(fileobj=written)


def test_all_or_some_members_come_out(tmp_path: Path) -> None:
    archive = archive_of(lib__a=b"one", lib__b=b"two")
    extract(archive, tmp_path / "some", [archive.getmember("lib/b")])
    extract(archive, tmp_path / "all")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "some/lib/b",
        "all/lib/a",
        "all/lib/b",
    }


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python is older than 3.11.4")
def test_nothing_comes_out_beside_the_folder(tmp_path: Path) -> None:
    with pytest.raises(tarfile.OutsideDestinationError):
        extract(archive_of(**{"..__beside": b"out"}), tmp_path / "folder")
