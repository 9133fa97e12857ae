"""Where an HBase is and how it is asked, as one value that travels to Spark's tasks."""

import json
from dataclasses import asdict, dataclass

THRIFT = "thrift"


SERVERS = "servers"


ZOOKEEPER = "zookeeper"


PORTS = {THRIFT: 9090, SERVERS: 16020, ZOOKEEPER: 2181}
"""Where an address names none."""


@dataclass(frozen=True, slots=True)
class Where:
    """`way`: THRIFT (its Thrift2 servers), SERVERS (HBase's own, or its masters) or ZOOKEEPER; `hosts`: host:port each.

    `timeout`: seconds of one call. `user`: who the loader is to HBase ("": whoever runs it). `znode`: HBase's parent.
    """

    way: str
    hosts: tuple[str, ...]
    timeout: float = 60.0
    user: str = ""
    znode: str = "/hbase"

    def text(self) -> str:
        """For an option of Spark's; `of_text` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "Where":
        found = json.loads(text)
        return cls(**found | {"hosts": tuple(found["hosts"])})


def server_of(text: str, port: int) -> tuple[str, int]:
    """`host:port` or `host`, IPv6 in brackets → host and port. Raises ValueError."""
    host, colon, given = text.strip().rpartition(":")
    if not colon or given.endswith("]"):
        host, given = text.strip(), str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not given.isdigit() or not 0 < int(given) < 65536:
        raise ValueError(f"{text!r} is not an address: write it as host:port")
    return host, int(given)
