"""Where a table's rows come from: HBase, Kafka, or a folder of files."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from loader.config.model import Model
from loader.config.setting_types import (
    HBaseAddresses,
    KafkaAddresses,
    Seconds,
    Secret,
    ThriftAddresses,
    ZooKeeperAddresses,
    several,
)


class TlsSettings(Model):
    """Paths of PEM files: see `metastore.auth.Tls`."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class HBaseSettings(Model):
    """Where HBase is, in one of four ways, each of `host:port`, tried in turn; `timeout` is that of one call.

    `servers` (masters or region servers), `zookeeper` and `site` (an hbase-site.xml) ask HBase itself, `thrift` asks
    its Thrift2 servers. `clock_table`: a table of ours into which a cell may be put now and then, to see what time the
    servers have.
    """

    thrift: ThriftAddresses | None = None
    servers: HBaseAddresses | None = None
    zookeeper: ZooKeeperAddresses | None = None
    site: str | None = None
    znode: str = "/hbase"
    user: str = ""
    timeout: Seconds = 60.0
    clock_table: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "HBaseSettings":
        ways = {"servers": self.servers, "zookeeper": self.zookeeper, "site": self.site, "thrift": self.thrift}
        given = [name for name, way in ways.items() if way is not None]
        if len(given) != 1:
            told = " and ".join(given) if given else "none"
            raise ValueError(f"give just one of servers, zookeeper, site and thrift: {told} is given")
        return self


class SaslSettings(Model):
    """User and password for Kafka."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    user: str
    password: Secret


class KafkaSource(Model):
    """A Kafka cluster's topics as the source of events. `tls`: PEM files, or true; `sasl`: how to log in."""

    servers: KafkaAddresses
    topics: Annotated[tuple[str, ...], BeforeValidator(several), Field(min_length=1)]
    format: Literal["json"] = "json"
    tls: TlsSettings | bool = False
    sasl: SaslSettings | None = None
    timeout: Seconds = 60.0


class SourceSettings(Model):
    """Where events come from."""

    kafka: KafkaSource

    @property
    def format(self) -> str:
        """How one event is written."""
        return self.kafka.format


class EventField(Model):
    """Where a column of an event is: `field` is a name, `outer.inner`, or `:part`, `:at`, `:time`, `:key`."""

    field: str
    type: str | None = None
