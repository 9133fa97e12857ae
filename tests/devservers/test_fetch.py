"""The cache of locked artifacts, filled by a real Ivy from a repository in a folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devservers import lockfile
from devservers.errors import DevServerError
from devservers.fetch import Fetcher
from devservers.lockfile import Artifact

ADS = Artifact("org.example.ads", "ads", "1.0", "", "jar", "", 0)
SQL = Artifact("org.example", "sql", "2.1", "bin", "tar.gz", "", 0)


@dataclass(frozen=True)
class Repository:
    """A Maven repository in a folder, and the Ivy settings that know it."""

    root: Path

    @property
    def settings(self) -> Path:
        file = self.root / "ivysettings.xml"
        file.write_text(
            f"""<ivysettings><settings defaultResolver="folder"/><resolvers>
            <filesystem name="folder" m2compatible="true">
            <artifact pattern="{self.root}/[organisation]/[artifact]-[revision](-[classifier]).[ext]"/>
            </filesystem></resolvers></ivysettings>"""
        )
        return file

    def file(self, artifact: Artifact) -> Path:
        return self.root / artifact.group.replace(".", "/") / artifact.file_name

    def publish(self, artifact: Artifact, content: bytes) -> Artifact:
        """The artifact, locked to this content."""
        self.file(artifact).parent.mkdir(parents=True, exist_ok=True)
        self.file(artifact).write_bytes(content)
        return lockfile.measured(artifact, self.file(artifact))

    def withdraw(self, artifact: Artifact) -> None:
        self.file(artifact).unlink()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "repository").mkdir()
    return Repository(tmp_path / "repository")


def fetcher(repository: Repository, *artifacts: Artifact) -> Fetcher:
    return Fetcher(repository.root.parent / "cache", artifacts, settings=repository.settings)


def test_fetch_brings_every_locked_file_with_its_classifier(repository: Repository) -> None:
    ads, sql = repository.publish(ADS, b"ads"), repository.publish(SQL, b"sql")
    fetched = fetcher(repository, ads, sql)
    fetched.run()
    assert {file.name: file.read_bytes() for file in fetched.folder.iterdir()} == {
        "ads-1.0.jar": b"ads",
        "sql-2.1-bin.tar.gz": b"sql",
    }


def test_second_fetch_needs_no_repository(repository: Repository) -> None:
    ads = repository.publish(ADS, b"ads")
    fetcher(repository, ads).run()
    repository.withdraw(ads)
    assert fetcher(repository, ads).run() == ()


def test_broken_file_alone_is_fetched_anew(repository: Repository) -> None:
    ads, sql = repository.publish(ADS, b"ads"), repository.publish(SQL, b"sql")
    again = fetcher(repository, ads, sql)
    again.run()
    again.path(ads).write_bytes(b"adz")
    assert (again.run(), again.path(ads).read_bytes()) == ((ads,), b"ads")


def test_wrong_checksum_is_refused_and_not_kept(repository: Repository) -> None:
    ads = replace(repository.publish(ADS, b"evil"), sha256=hashlib.sha256(b"good").hexdigest())
    refused = fetcher(repository, ads)
    with pytest.raises(DevServerError, match=r"org.example.ads:ads:1.0 was fetched, but its SHA-256 is not"):
        refused.run()
    assert [file for file in refused.cache.rglob("*") if file.is_file() and file.name != "fetch.lock"] == []


def test_file_with_wrong_checksum_keeps_no_right_one_out(repository: Repository) -> None:
    ads, sql = repository.publish(ADS, b"ads"), repository.publish(SQL, b"sql")
    half_wrong = fetcher(repository, replace(ads, sha256="0" * 64), sql)
    with pytest.raises(DevServerError):
        half_wrong.run()
    assert [file.name for file in half_wrong.folder.iterdir()] == ["sql-2.1-bin.tar.gz"]


def test_fetch_goes_on_from_what_a_failed_one_had(repository: Repository) -> None:
    ads, sql = repository.publish(ADS, b"ads"), repository.publish(SQL, b"sql")
    repository.withdraw(sql)
    with pytest.raises(DevServerError, match="sql"):
        fetcher(repository, ads, sql).run()
    repository.withdraw(ads)
    repository.publish(SQL, b"sql")
    assert fetcher(repository, ads, sql).run() == (ads, sql)


def test_killed_fetch_leaves_nothing_half(repository: Repository, tmp_path: Path) -> None:
    ads = repository.publish(ADS, b"ads")
    after = fetcher(repository, ads)
    _kill_in_mid_fetch(after.cache, tmp_path)
    assert list(after.folder.iterdir()) == []
    after.run()
    assert (after.path(ads).read_bytes(), list(after.cache.glob("fetch-*"))) == (b"ads", [])


def test_no_network_is_said_with_what_to_do(tmp_path: Path) -> None:
    nobody_listens = ("-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=1")
    offline = Fetcher(tmp_path, (replace(ADS, sha256="0" * 64),), java_options=nobody_listens)
    with pytest.raises(DevServerError, match=r"repository was not reached .*: check the network or proxy") as caught:
        offline.run()
    assert "\n" not in str(caught.value)


def _kill_in_mid_fetch(cache: Path, tmp_path: Path) -> None:
    """A process fetches with a Java that writes half a file where Ivy would, and is then killed."""
    java = tmp_path / "java-home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"""#!/bin/sh
        [ "$1" = -version ] && {{ echo 'openjdk version "17"' >&2; exit; }}
        cd {cache}/fetch-* && mkdir org.example.ads && echo -n a > org.example.ads/ads-1.0.jar
        exec sleep 100
        """
    )
    java.chmod(0o755)
    code = f"""
from pathlib import Path
from devservers.fetch import Fetcher
from devservers.lockfile import Artifact
Fetcher(Path({str(cache)!r}), (Artifact("org.example.ads", "ads", "1.0", "", "jar", "0" * 64, 3),)).run()
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"JAVA_HOME": str(java.parents[1])})
    while not list(cache.glob("fetch-*/org.example.ads/*.jar")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
