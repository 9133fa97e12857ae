"""Fixture: a real HDFS, started when a test first asks for it, and stopped at the end of the session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hdfs_native import Client

from devservers.hdfs import Hdfs
from loader.storage.hdfs import HdfsFiles


@dataclass
class RunningHdfs:
    """`files`: through hdfs-native. Every folder is new."""

    server: Hdfs
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def files(self) -> HdfsFiles:
        return HdfsFiles(self.server.uri)

    def new_folder(self) -> str:
        """The location of a folder that exists and is empty."""
        folder = f"{self.server.uri}/tests/{next(self.numbers)}"
        self.files.make_dirs(folder)
        return folder

    def limit(self, location: str, names: int) -> None:
        """A quota of so many names."""
        self.server.limit(self._path(location), names)

    def permit(self, location: str, group: str, mode: int) -> None:
        self._client().set_owner(self._path(location), group=group)
        self._client().set_permission(self._path(location), mode)

    def permissions(self, location: str) -> tuple[str, int]:
        """Group and mode."""
        about = self._client().get_file_info(self._path(location))
        return about.group, about.permission

    def _client(self) -> Client:
        return Client(self.server.uri)

    def _path(self, location: str) -> str:
        return location.removeprefix(self.server.uri)


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHdfs]:
    with Hdfs.start(tmp_path_factory.mktemp("hdfs")) as started:
        yield RunningHdfs(started)
