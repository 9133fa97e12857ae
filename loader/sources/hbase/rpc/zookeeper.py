"""One znode's bytes from ZooKeeper: where HBase writes down its servers. No watch, and no session is kept.

ZooKeeper's protocol: each packet behind its length; a ConnectRequest, then one GetData (type 4), in jute. HBase leaves
these znodes readable to everyone, with Kerberos too.
"""

import socket
import struct

from loader.sources.hbase.access.errors import ConnectionLost, Refused
from loader.sources.hbase.rpc.remote import Server
from loader.sources.hbase.rpc.wire import CONNECT_S, address_of, receive

_NO_NODE = -101
_LARGEST = 1 << 20
_CONNECT = struct.Struct(">iqiqi16s")
_GET_DATA = 4
_SESSION_MS = 10_000
_HEADER = struct.Struct(">iqi")


def read_znode(server: Server, path: str) -> bytes:
    """Raises ConnectionLost, and Refused if there is no such znode."""
    try:
        with socket.create_connection(server, CONNECT_S) as opened:
            opened.settimeout(CONNECT_S)
            _ask(opened, _CONNECT.pack(0, 0, _SESSION_MS, 0, 16, bytes(16)))
            name = path.encode()
            answer = _ask(opened, struct.pack(f">iii{len(name)}sb", 1, _GET_DATA, len(name), name, 0))
            _, _, error = _HEADER.unpack_from(answer)
            if error:
                raise _refused(server, path, error)
            (size,) = struct.unpack_from(">i", answer, _HEADER.size)
            return answer[_HEADER.size + 4 : _HEADER.size + 4 + size]
    except (OSError, EOFError, struct.error) as error:
        raise ConnectionLost(f"ZooKeeper at {address_of(server)} cannot be asked for {path}: {error}") from error


def _ask(opened: socket.socket, body: bytes) -> bytes:
    opened.sendall(struct.pack(">i", len(body)) + body)
    (size,) = struct.unpack(">i", receive(opened, 4))
    if not 0 <= size <= _LARGEST:
        raise OSError(f"an answer of {size} bytes: it is no ZooKeeper")
    return receive(opened, size)


def _refused(server: Server, path: str, error: int) -> Refused:
    if error == _NO_NODE:
        return Refused(
            f"ZooKeeper at {address_of(server)} has no {path}",
            "HBase is not up yet, or its znode is another: see zookeeper.znode.parent of its hbase-site.xml.",
        )
    return Refused(f"ZooKeeper at {address_of(server)} answers error {error} for {path}")
