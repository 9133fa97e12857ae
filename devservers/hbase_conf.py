"""How the one-JVM HBase is set up: site properties, Java's options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of 127.0.0.1 of one HBase."""

    zookeeper: int
    master: int
    region_server: int
    thrift2: int
    thrift1: int


# What HBase 2.6 needs opened on Java 17 (its own bin/hbase sets the same).
_OPENED = (
    "java.nio",
    "sun.nio.ch",
    "java.lang",
    "jdk.internal.ref",
    "java.lang.reflect",
    "java.util",
    "java.util.concurrent",
)
JAVA_OPTIONS = (
    "-Xmx512m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # lives too short for the second compiler to pay
    "--add-modules=jdk.unsupported",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
)
PROPERTIES = {
    "org.apache.hbase.thirdparty.io.netty.tryReflectionSetAccessible": "true",
    "zookeeper.admin.enableServer": "false",  # it would listen on every interface
}
_SESSION_MS = (
    1_800_000  # longer than any pause(): ZooKeeper sleeps with the rest, then sees every session expired at once
)


def site(base: Path, ports: Ports) -> dict[str, str]:
    """hbase-site of a server with data in `base`, on loopback only, made for tests: few threads, quick start."""
    return {
        "hbase.cluster.distributed": "false",
        "hbase.rootdir": (base / "root").as_uri(),
        "hbase.tmp.dir": str(base / "tmp"),
        "hbase.unsafe.stream.capability.enforce": "false",  # the local file system promises no hsync
        "hbase.wal.provider": "filesystem",
        **_addresses(ports),
        **_zookeeper(base, ports),
        **_small(),
    }


def _addresses(ports: Ports) -> dict[str, str]:
    return {
        "hbase.localcluster.assign.random.ports": "false",
        "hbase.master.port": str(ports.master),
        "hbase.master.hostname": "localhost",
        "hbase.master.ipc.address": "127.0.0.1",
        "hbase.master.info.port": "-1",
        "hbase.regionserver.port": str(ports.region_server),
        "hbase.regionserver.hostname": "localhost",
        "hbase.regionserver.ipc.address": "127.0.0.1",
        "hbase.regionserver.info.port": "-1",
        "hbase.regionserver.thrift.port": str(ports.thrift2),
        "hbase.regionserver.thrift.ipaddress": "127.0.0.1",
        "hbase.thrift.info.port": "-1",
    }


def _zookeeper(base: Path, ports: Ports) -> dict[str, str]:
    return {
        "hbase.zookeeper.quorum": "127.0.0.1",
        "hbase.zookeeper.property.clientPort": str(ports.zookeeper),
        "hbase.zookeeper.property.dataDir": str(base / "zookeeper"),
        "hbase.zookeeper.property.maxSessionTimeout": str(_SESSION_MS),
        "zookeeper.session.timeout": str(_SESSION_MS),
    }


def _small() -> dict[str, str]:
    return {
        "hbase.master.wait.on.regionservers.interval": "100",
        "hbase.master.wait.on.regionservers.timeout": "500",
        "hbase.regionserver.msginterval": "200",
        "hbase.regionserver.handler.count": "8",
        "hbase.regionserver.metahandler.count": "4",
        "hbase.master.handler.count": "4",
        "hbase.client.retries.number": "7",
        "hbase.thrift.minWorkerThreads": "4",
        "hbase.thrift.server.socket.read.timeout": "600000",
    }
