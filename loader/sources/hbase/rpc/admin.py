"""What HBase's master and its servers know of tables: families, sizes, and what time the servers have."""

from dataclasses import dataclass

from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.errors import Refused
from loader.sources.hbase.access.protobuf import of_bytes, of_int
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.connection import ADMIN
from loader.sources.hbase.rpc.registry import server_name
from loader.sources.hbase.rpc.remote import Server

_LIVE_SERVERS = 2
_MEGABYTE = 1 << 20

FamilySettings = dict[bytes, dict[bytes, bytes]]


def table_name(table: str) -> bytes:
    """`TableName{namespace=1, qualifier=2}`."""
    namespace, _, name = table.rpartition(":")
    return of_bytes(1, namespace.encode() or b"default") + of_bytes(2, name.encode())


def family_settings(cluster: Cluster, table: str) -> FamilySettings | None:
    """Family → its settings; None if the master does not tell: it needs the right to ADMIN or CREATE.

    `GetTableDescriptorsRequest{table_names=1}`, `TableSchema{column_families=3 {name=1, attributes=2 {first=1,
    second=2}, configuration=3 {name=1, value=2}}}`.
    """
    try:
        answer = cluster.ask_master("GetTableDescriptors", of_bytes(1, table_name(table)))
    except Refused as error:
        if "AccessDenied" not in error.message:
            raise
        return None
    schemas = protobuf.messages(answer, 1)
    if not schemas:
        return None
    families = map(protobuf.fields, protobuf.messages(protobuf.fields(schemas[0]), 3))
    return {protobuf.some_bytes(family, 1): _pairs(family, 2) | _pairs(family, 3) for family in families}


def _pairs(family: protobuf.Fields, number: int) -> dict[bytes, bytes]:
    pairs = map(protobuf.fields, protobuf.messages(family, number))
    return {protobuf.some_bytes(pair, 1): protobuf.some_bytes(pair, 2) for pair in pairs}


@dataclass(frozen=True, slots=True)
class ServerTime:
    """A region server's own clock at its last report to the master. `start_code`: of this start of the server."""

    server: Server
    start_code: int
    report_end_ms: int


def server_times(cluster: Cluster) -> tuple[ServerTime, ...]:
    """Of every live server; they report every 3 s, so each is a lower bound.

    `GetClusterStatusRequest{options=1}`, `GetClusterStatusResponse{cluster_status=1 {live_servers=2 {server=1
    {start_code=3}, server_load=2 {report_end_time=8}}}}`.
    """
    answer = cluster.ask_master("GetClusterStatus", of_int(1, _LIVE_SERVERS))
    status = protobuf.fields(protobuf.some_bytes(answer, 1))
    live = map(protobuf.fields, protobuf.messages(status, 2))
    return tuple(_time(protobuf.some_bytes(one, 1), protobuf.some_bytes(one, 2)) for one in live)


def _time(name: bytes, load: bytes) -> ServerTime:
    start_code = protobuf.an_int(protobuf.fields(name), 3)
    return ServerTime(server_name(name), start_code, protobuf.an_int(protobuf.fields(load), 8))


def region_bytes(cluster: Cluster, table: str) -> dict[bytes, int]:
    """Region's name → bytes of its files and memory, to the megabyte, as its server counts them.

    `GetRegionLoadRequest{table_name=1}`, `RegionLoad{region_specifier=1 {value=2}, storefile_size_MB=5,
    mem_store_size_MB=6}`.
    """
    found: dict[bytes, int] = {}
    for server in {place.server for place in cluster.locations.all(table) if place.server is not None}:
        answer = cluster.call(server, ADMIN, "GetRegionLoad", of_bytes(1, table_name(table)))
        for load in map(protobuf.fields, protobuf.messages(protobuf.fields(answer.message), 1)):
            name = protobuf.some_bytes(protobuf.fields(protobuf.some_bytes(load, 1)), 2)
            found[name] = (protobuf.an_int(load, 5) + protobuf.an_int(load, 6)) * _MEGABYTE
    return found
