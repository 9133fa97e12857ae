"""Fixture: a real HDFS, started when a test first asks for it, and stopped at the end of the session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from devservers.hdfs import Hdfs
from loader.files_hdfs import HdfsFiles


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


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHdfs]:
    with Hdfs.start(tmp_path_factory.mktemp("hdfs")) as started:
        yield RunningHdfs(started)
