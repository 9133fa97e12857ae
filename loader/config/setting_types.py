"""The types of settings: how each is written in the file, and what is wrong with what is not one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, InstanceOf, SecretStr
from pydantic_core import PydanticCustomError

from loader.basics.quantities import parse_duration, parse_share, parse_size
from loader.config.document import nearest
from loader.storage.choose import refused
from metastore.api import TableName
from partitioner.values import canonical_location

SHORTEST_GRACE = 600.0
HIVE_TYPES = [
    *("tinyint", "smallint", "int", "integer", "bigint", "float", "double", "decimal", "boolean", "string", "varchar"),
    *("char", "binary", "date", "timestamp", "array", "map", "struct"),
]

_T = TypeVar("_T")


def several(value: Any) -> Any:
    """`a,b` or one value as a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _some(values: tuple[_T, ...]) -> tuple[_T, ...]:
    if not values:
        raise ValueError("must not be empty")
    return values


def _address(text: str, default_port: int) -> str:
    host, separator, port = text.rpartition(":")
    if not separator:
        host, port = text, str(default_port)
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", host) or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return f"{host}:{port}"


def listen_address(value: Any) -> Any:
    """`host:port` to listen on; a bare port means this machine only."""
    text = str(value) if isinstance(value, (str, int)) else ""
    return _address(text if ":" in text else f"127.0.0.1:{text}", 0)


def _thrift2_address(text: str) -> str:
    return _address(text, 9090)


def _kafka_address(text: str) -> str:
    return _address(text, 9092)


def _hbase_address(text: str) -> str:
    return _address(text, 16020)


def _zookeeper_address(text: str) -> str:
    return _address(text, 2181)


def _metastore_uri(text: str) -> str:
    scheme, separator, address = text.partition("://")
    if not separator or scheme != "thrift":
        raise ValueError(f"{text!r} is not a metastore URI such as thrift://host:9083")
    return f"thrift://{_address(address.rstrip('/'), 9083)}"


def _location(text: str) -> str:
    if not text.startswith("/") and ":" not in text.partition("/")[0]:
        raise ValueError(f"{text!r} is relative: give an absolute path or a URI")
    why = refused(text)
    if why is not None:
        raise ValueError(f"{text!r} {why}")
    return canonical_location(text)


def _secret(value: Any) -> Any:
    """`file:/path` stands for that file's first line."""
    if isinstance(value, (bool, int)):
        return str(value).lower()
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    path = Path("/" + value.removeprefix("file:").lstrip("/"))
    try:
        return path.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"the secret's file {path} cannot be read: {reason}") from None


def _grace(value: Any) -> Any:
    forced = isinstance(value, dict) and set(value) == {"time", "force"} and value["force"] is True
    seconds = parse_duration(value["time"] if forced else value)
    if seconds < SHORTEST_GRACE and not forced:
        raise ValueError(
            f"{value!r} is shorter than 10m: queries that run longer would lose their files. "
            "If no query does, write {time: …, force: true}"
        )
    return seconds


def _column_types(columns: Mapping[str, str]) -> Mapping[str, str]:
    for name, kind in columns.items():
        head = re.split(r"[(<\s]", kind.strip().lower(), maxsplit=1)[0]
        if head not in HIVE_TYPES:
            near = nearest(head, HIVE_TYPES)
            message = f"{kind!r} is not a Hive type" + (f"; did you mean {near}?" if near else "")
            raise at_key(message, name)
    if not columns:
        raise ValueError("must not be empty")
    return columns


def _hive_table(value: Any) -> Any:
    return TableName.parse(value) if isinstance(value, str) else value


def _time_zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # noqa: PLC0415 - most runs need none

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(name, sorted(available_timezones()))
        raise ValueError(f"{name!r} is not a time zone{f'; did you mean {near}?' if near else ''}") from None
    return name


def at_key(message: str, *path: str) -> PydanticCustomError:
    """An error about a key below the value that is being validated."""
    return PydanticCustomError("at_key", "{message}", {"message": message, "path": path})


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
Share = Annotated[float, BeforeValidator(parse_share)]
Grace = Annotated[float, BeforeValidator(_grace)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Location = Annotated[str, AfterValidator(_location)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
HiveTable = Annotated[InstanceOf[TableName], BeforeValidator(_hive_table)]
Columns = Annotated[Mapping[str, str], AfterValidator(_column_types)]
MetastoreUris = Annotated[
    tuple[Annotated[str, AfterValidator(_metastore_uri)], ...], BeforeValidator(several), AfterValidator(_some)
]
ThriftAddresses = Annotated[
    tuple[Annotated[str, AfterValidator(_thrift2_address)], ...], BeforeValidator(several), AfterValidator(_some)
]
HBaseAddresses = Annotated[
    tuple[Annotated[str, AfterValidator(_hbase_address)], ...], BeforeValidator(several), AfterValidator(_some)
]
KafkaAddresses = Annotated[
    tuple[Annotated[str, AfterValidator(_kafka_address)], ...], BeforeValidator(several), AfterValidator(_some)
]
ZooKeeperAddresses = Annotated[
    tuple[Annotated[str, AfterValidator(_zookeeper_address)], ...], BeforeValidator(several), AfterValidator(_some)
]
