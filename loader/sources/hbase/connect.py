"""Clients of an HBase, by whichever way is configured."""

import getpass
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from loader.basics.errors import ConfigError
from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.access.where import PORTS, THRIFT, ZOOKEEPER, Where, server_of

_PATIENT = Patience()


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
