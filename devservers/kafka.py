"""A real Kafka: broker and controller in one JVM, on 127.0.0.1 only.

with Kafka.start(folder) as kafka:
    kafka.bootstrap  # 127.0.0.1:port
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from devservers import fetch
from devservers.jvm import Jvm
from devservers.ports import free_ports
from devservers.server import Server
from devservers.site import write_conf

GROUP = "kafka"
_CLUSTER = "aG90c3dhcC1kZXYtc3J2cg"  # 16 bytes as Kafka spells them; nothing else runs under this name
_JAVA_OPTIONS = ("-Xms64m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_ONE_BROKER = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}
_QUICK = {
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.check.interval.ms": "300",
    "log.initial.task.delay.ms": "300",
    "file.delete.delay.ms": "300",
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
"""What has expired is gone at once, and a broker that was killed is let in again after 3 s, not 9."""


class Kafka(Server):
    """A running broker that is its own controller (KRaft). Made by `start`."""

    def __init__(
        self,
        base: Path,
        ports: tuple[int, ...],
        settings: Mapping[str, str],
        format_options: Sequence[str],
        secured_by: str,
    ) -> None:
        self.ports, self.settings, self.format_options = ports, dict(settings), tuple(format_options)
        self.secured_by = secured_by
        super().__init__(base)

    @classmethod
    def start(
        cls,
        base_dir: Path,
        settings: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
        secured_by: str = "",
    ) -> Self:
        """Start on the data in `base_dir` (new or used before) and wait until it serves: 4 to 6 s.

        `settings`: further lines of server.properties; `format_options`: of `kafka-storage format`, such as
        `--add-scram`; `secured_by`: SSL, SASL_PLAINTEXT or SASL_SSL, on one more port. Fetches its jars (42 MB) the
        first time. Raises DevServerError with the log's last lines.
        """
        return cls(base_dir, tuple(free_ports(3)), settings or {}, format_options, secured_by)

    @property
    def bootstrap(self) -> str:
        """host:port of the listener without security."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def secured(self) -> str:
        """host:port of the listener with it."""
        return f"127.0.0.1:{self.ports[2]}"

    @property
    def data(self) -> Path:
        """A folder `<topic>-<partition>` for each of its logs."""
        return self.base / "data"

    def _launch(self) -> Jvm:
        jars = fetch.fetch_all(GROUP)
        conf = write_conf(self.base / "conf", "unused", {})
        lines = (f"{name}={value}\n" for name, value in (self._properties() | self.settings).items())
        self._file.write_text("".join(lines))
        return Jvm.launch("Kafka", [str(conf), f"{jars}/*"], self.base / "kafka.log", _JAVA_OPTIONS)

    @property
    def _file(self) -> Path:
        return self.base / "conf" / "server.properties"

    def _properties(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self.ports[1]}"
        by = self.secured_by
        secured, kind = (f",{by}://{self.secured}", f",{by}:{by}") if by else ("", "")
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}{secured}",
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{kind}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.data),
            **_ONE_BROKER,
            **_QUICK,
        }

    def _boot(self, jvm: Jvm) -> None:
        with jvm.failures():
            if not (self.data / "meta.properties").exists():
                self._format(jvm)
            server, utils = jvm.java.kafka.server, jvm.java.org.apache.kafka.common.utils
            config = server.KafkaConfig.fromProps(utils.Utils.loadProps(str(self._file)))
            server.KafkaRaftServer(config, utils.Time.SYSTEM).startup()  # returns when it takes requests

    def _format(self, jvm: Jvm) -> None:
        words = ["format", "-t", _CLUSTER, "-c", str(self._file), *self.format_options]
        code = jvm.java.kafka.tools.StorageTool.execute(
            jvm.array("java.lang.String", words), jvm.java.java.lang.System.err
        )
        if code:
            raise jvm.failure(f"its storage was not formatted (code {code})")
