"""deploy/docker-compose.yml, as far as it can be checked where no container engine runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_FILE = _DEPLOY / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe", pure=True).load(_FILE)


@pytest.fixture(scope="module")
def services(compose: Any) -> dict[str, Any]:
    return dict(compose["services"])


def test_every_service_has_an_image_or_a_folder_with_a_dockerfile(services: dict[str, Any]) -> None:
    without = [
        name
        for name, service in services.items()
        if "image" not in service and not (_DEPLOY / service.get("build", "none") / "Dockerfile").is_file()
    ]
    assert without == []


def test_services_wait_for_services_that_exist_and_have_a_healthcheck(services: dict[str, Any]) -> None:
    awaited = {(name, other) for name, service in services.items() for other in service.get("depends_on", {}) if other}
    assert awaited == {("metastore", "postgres"), ("hiveserver2", "metastore")}
    assert [other for _, other in awaited if "test" not in services[other].get("healthcheck", {})] == []


def test_every_service_has_a_healthcheck(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == []


def test_named_volumes_are_declared_and_used(compose: Any, services: dict[str, Any]) -> None:
    sources = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {source for source in sources if not source.startswith(".")} == set(compose["volumes"])


def test_ports_of_the_tests_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert {"127.0.0.1:9083:9083", "127.0.0.1:10000:10000", "127.0.0.1:9090:9090"} <= set(published)
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_hive_sees_the_warehouse_under_the_hosts_path(compose: Any, services: dict[str, Any]) -> None:
    device = compose["volumes"]["warehouse"]["driver_opts"]["device"]
    for name in ("metastore", "hiveserver2"):
        assert f"warehouse:{device}" in services[name]["volumes"]
        assert f"-Dhive.metastore.warehouse.dir={device}" in services[name]["environment"]["SERVICE_OPTS"].split()


def test_files_that_the_dockerfile_copies_exist() -> None:
    copied = [
        line.split()[-2] for line in (_DEPLOY / "hbase" / "Dockerfile").read_text().splitlines() if line[:4] == "COPY"
    ]
    assert copied == ["hbase-site.xml", "start.sh"]
    assert [name for name in copied if not (_DEPLOY / "hbase" / name).is_file()] == []


def test_compose_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no `docker compose` on this machine")
    subprocess.run([docker, "compose", "--file", _FILE, "config", "--quiet"], check=True, timeout=60)
