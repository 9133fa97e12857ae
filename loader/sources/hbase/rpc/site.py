"""Where an HBase is, read from its hbase-site.xml: what HBase's own clients would do with it."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from loader.basics.errors import ConfigError
from loader.sources.hbase.access.where import PORTS, SERVERS, ZOOKEEPER, Where
from loader.sources.hbase.rpc.remote import KERBEROS, KERBEROS_HINT

_ASKED = {
    "hbase.client.bootstrap.servers": (SERVERS, PORTS[SERVERS]),
    "hbase.masters": (SERVERS, 16000),
    "hbase.zookeeper.quorum": (ZOOKEEPER, PORTS[ZOOKEEPER]),
}
"""Property → way and port, the first that is set."""
_QUORUM_PORT, _ZNODE = "hbase.zookeeper.property.clientPort", "zookeeper.znode.parent"
_TLS = "hbase.client.netty.tls.enabled"


def where_of_site(path: str, timeout: float, user: str) -> Where:
    """Raises ConfigError for a file that cannot be read, names no server, or asks for what is not supported yet."""
    found = _properties(path)
    if found.get("hbase.security.authentication", "simple").lower() == "kerberos":
        raise ConfigError(f"{path}: {KERBEROS}", KERBEROS_HINT)
    if found.get(_TLS, "false").lower() == "true":
        raise ConfigError(f"{path}: this HBase wants TLS, which is not supported yet", KERBEROS_HINT)
    for name, (way, port) in _ASKED.items():
        if names := [part.strip() for part in found.get(name, "").split(",") if part.strip()]:
            number = found.get(_QUORUM_PORT, str(port)) if way == ZOOKEEPER else str(port)
            hosts = tuple(host if ":" in host else f"{host}:{number}" for host in names)
            return Where(way, hosts, timeout, user, found.get(_ZNODE, "/hbase"))
    raise ConfigError(f"{path} names no server of HBase's", f"One of {', '.join(_ASKED)} must be set in it.")


def _properties(path: str) -> Mapping[str, str]:
    try:
        root = ElementTree.fromstring(Path(path).read_bytes())  # noqa: S314 - the operator's own file
    except OSError as error:
        raise ConfigError(f"hbase.site {path} cannot be read: {error.strerror}", "Correct hbase.site.") from error
    except ElementTree.ParseError as error:
        raise ConfigError(f"hbase.site {path} is not XML: {error}", "Give HBase's hbase-site.xml.") from error
    pairs = ((one.findtext("name", ""), one.findtext("value", "")) for one in root.iter("property"))
    return {name.strip(): value.strip() for name, value in pairs}
