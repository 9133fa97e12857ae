"""Whether a scan would find anything: one call a region, those of one server on their way at once."""

from loader.sources.hbase.access.api import Scan
from loader.sources.hbase.access.errors import ConnectionLost
from loader.sources.hbase.rpc.cluster import Cluster
from loader.sources.hbase.rpc.connection import Connection
from loader.sources.hbase.rpc.messages import close_request, next_request, scan_request, scanned
from loader.sources.hbase.rpc.meta import Place
from loader.sources.hbase.rpc.remote import Server


def any_row(cluster: Cluster, table: str, scan: Scan) -> bool:
    """Raises what any region answers with, for the caller to try again: a region that fails proves nothing."""
    servers: dict[Server, list[Place]] = {}
    for known in cluster.locations.all(table):
        if _meets(known, scan):
            place, server = cluster.locations.of(table, max(known.start, scan.start))
            servers.setdefault(server, []).append(place)
    for server, places in servers.items():
        try:
            with cluster.connection(server) as connection:
                if _any_of(connection, places, scan):
                    return True
        except Exception as error:
            for place in places:
                cluster.locations.failed(table, place, error)
            raise
    return False


def _meets(place: Place, scan: Scan) -> bool:
    return (not scan.stop or place.start < scan.stop) and (not place.stop or scan.start < place.stop)


def _any_of(connection: Connection, places: list[Place], scan: Scan) -> bool:
    """An answer without rows that says there is more (the time or the bytes of one call are used up) is asked again."""
    found = False
    for place in places:
        start = max(place.start, scan.start)
        connection.send("Scan", scan_request(place.name, scan, start, rows=1, limit=1))
    calls: dict[int, int] = {}
    while connection.waiting:
        try:
            told = scanned(connection.receive()[1].message)
        except ValueError as error:
            connection.close()
            raise ConnectionLost(f"{connection.where} sent no answer that can be read: {error}") from error
        found = found or bool(told.counts)
        if not (told.more_here and told.more):
            continue
        if told.scanner is None:
            connection.close()
            raise ConnectionLost(f"{connection.where} has more of a region and names no scanner")
        calls[told.scanner] = calls.get(told.scanner, 0) + 1
        following = close_request(told.scanner) if found else next_request(told.scanner, calls[told.scanner], 1)
        connection.send("Scan", following)
    return found
