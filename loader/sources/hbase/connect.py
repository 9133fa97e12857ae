"""Where an HBase is and how it is asked, as one value that travels to Spark's tasks; and clients of it."""

import getpass
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

from loader.basics.errors import ConfigError
from loader.sources.hbase.api import HBaseClient, Patience

THRIFT, SERVERS, ZOOKEEPER = "thrift", "servers", "zookeeper"
PORTS = {THRIFT: 9090, SERVERS: 16020, ZOOKEEPER: 2181}
"""Where an address names none."""
_PATIENT = Patience()


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


def connector(where: Where, patience: Patience | None = None) -> Callable[[], HBaseClient]:
    """Makes clients. Those of one HBase share connections and what they know of regions, in one process.

    Raises ConfigError if nobody knows who runs the loader.
    """
    patience = patience or _PATIENT
    if where.way == THRIFT:
        return _thrift(where, patience)
    return _rpc(where, patience)


def _thrift(where: Where, patience: Patience) -> Callable[[], HBaseClient]:
    from loader.sources.hbase.thrift2.client import Thrift2, endpoints  # noqa: PLC0415 - one way is enough

    servers = endpoints(where.hosts, where.timeout)
    return lambda: Thrift2(servers, patience)


def _rpc(where: Where, patience: Patience) -> Callable[[], HBaseClient]:
    from loader.sources.hbase.rpc.client import RpcClient  # noqa: PLC0415 - one way is enough

    cluster = _cluster(where if where.user else replace(where, user=_whoever_runs()))
    return lambda: RpcClient(cluster, patience)


@lru_cache(maxsize=64)
def _cluster(where: Where):  # type: ignore[no-untyped-def] # its class is imported inside
    from loader.sources.hbase.rpc.cluster import Cluster  # noqa: PLC0415
    from loader.sources.hbase.rpc.registry import Registry, ServersRegistry, ZooKeeperRegistry  # noqa: PLC0415

    servers = [server_of(host, PORTS[where.way]) for host in where.hosts]
    registry: Registry
    if where.way == ZOOKEEPER:
        registry = ZooKeeperRegistry(servers, where.znode)
    else:
        registry = ServersRegistry(servers, where.user, where.timeout)
    return Cluster(registry, where.user, where.timeout)


def _whoever_runs() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user may have no name
        raise ConfigError("nobody knows the name of the user that runs hotswap", "Set hbase.user.") from error
