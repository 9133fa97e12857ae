"""Where hbase:meta and the active master are: asked of HBase's servers themselves, or of ZooKeeper."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Protocol, TypeVar

from loader.basics.errors import HotswapError
from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.errors import ConnectionLost, Refused, ServerBusy, WrongServer
from loader.sources.hbase.rpc.connection import REGISTRY, Connection
from loader.sources.hbase.rpc.remote import Server
from loader.sources.hbase.rpc.wire import address_of
from loader.sources.hbase.rpc.zookeeper import read_znode

T = TypeVar("T")
ASK_S = 10.0
"""A registry that has not answered by then is taken for gone."""


class Registry(Protocol):
    """What the configuration names. Every call raises ConnectionLost, ServerBusy, Refused or WrongServer."""

    @property
    def address(self) -> str: ...

    def meta_server(self) -> Server: ...

    def master(self) -> Server: ...


class ServersRegistry:
    """Region servers (HBase 2.5 and later) or masters (2.3 and later), tried in turn."""

    def __init__(self, servers: Sequence[Server], user: str, timeout_s: float) -> None:
        self._servers, self._user, self._timeout_s = tuple(servers), user, min(timeout_s, ASK_S)

    @property
    def address(self) -> str:
        return ", ".join(map(address_of, self._servers))

    def meta_server(self) -> Server:
        """`GetMetaRegionLocationsResponse{meta_locations=1 {region_info=1 {replica_id=7}, server_name=2}}`."""
        answer = self._ask("GetMetaRegionLocations")
        for location in protobuf.messages(answer, 1):
            found = protobuf.fields(location)
            info = protobuf.fields(protobuf.some_bytes(found, 1))
            if 2 in found and not protobuf.an_int(info, 7):
                return server_name(protobuf.some_bytes(found, 2))
        raise ServerBusy("HBase does not tell where hbase:meta is now")

    def master(self) -> Server:
        """`GetActiveMasterResponse{server_name=1}`."""
        answer = self._ask("GetActiveMaster")
        if 1 not in answer:
            raise ServerBusy("HBase has no active master now")
        return server_name(protobuf.some_bytes(answer, 1))

    def _ask(self, method: str) -> protobuf.Fields:
        return _first(self._servers, lambda server: self._ask_one(server, method))

    def _ask_one(self, server: Server, method: str) -> protobuf.Fields:
        try:
            with closing(Connection(server, REGISTRY, self._user, self._timeout_s)) as connection:
                return protobuf.fields(connection.call(method, b"").message)
        except Refused as error:
            if "UnknownServiceException" not in error.message:
                raise
            hint = "Name its masters instead (2.3 and later), or its ZooKeeper: region servers tell from 2.5 on."
            raise Refused(
                f"{address_of(server)} does not tell where hbase:meta is: HBase is too old there", hint
            ) from error


class ZooKeeperRegistry:
    """ZooKeeper's servers, tried in turn; `parent` as HBase's zookeeper.znode.parent."""

    def __init__(self, servers: Sequence[Server], parent: str = "/hbase") -> None:
        self._servers, self._parent = tuple(servers), parent.rstrip("/")

    @property
    def address(self) -> str:
        return f"ZooKeeper {', '.join(map(address_of, self._servers))}{self._parent}"

    def meta_server(self) -> Server:
        return self._ask("meta-region-server")

    def master(self) -> Server:
        return self._ask("master")

    def _ask(self, name: str) -> Server:
        return named_in_znode(_first(self._servers, lambda server: read_znode(server, f"{self._parent}/{name}")))


def _first(servers: Sequence[Server], ask: Callable[[Server], T]) -> T:
    """What the first one tells that answers. Raises what the last one said, or that one is no server of HBase's."""
    errors: list[HotswapError] = []
    for server in servers:
        try:
            return ask(server)
        except (ConnectionLost, ServerBusy, Refused, WrongServer) as error:
            errors.append(error)
    raise next((error for error in errors if isinstance(error, WrongServer)), errors[-1])


def named_in_znode(data: bytes) -> Server:
    """FF, a length and an id, `PBUF`, and a message whose field 1 is the server."""
    if data[:1] == b"\xff":
        data = data[5 + int.from_bytes(data[1:5], "big") :]
    try:
        return server_name(protobuf.some_bytes(protobuf.fields(data.removeprefix(b"PBUF")), 1))
    except ValueError as error:
        raise Refused(f"what ZooKeeper has of HBase's servers cannot be read: {error}") from error


def server_name(data: bytes) -> Server:
    """`ServerName{host_name=1, port=2}`."""
    found = protobuf.fields(data)
    return protobuf.a_text(found, 1), protobuf.an_int(found, 2)
