"""COLUMN_STATS_ACCURATE, the partition parameter by which Hive knows which of its statistics it may answer from."""

import json
from collections.abc import Iterable, Mapping

ACCURATE = "COLUMN_STATS_ACCURATE"


def accurate_columns(parameters: Mapping[str, str]) -> frozenset[str]:
    """The columns whose statistics count as accurate."""
    return frozenset(_told(parameters).get("COLUMN_STATS", {}))


def with_columns_accurate(parameters: Mapping[str, str], columns: Iterable[str]) -> dict[str, str]:
    """As a server marks columns whose statistics were set."""
    told = _told(parameters)
    told["COLUMN_STATS"] = {**told.get("COLUMN_STATS", {}), **dict.fromkeys(columns, "true")}
    return {**parameters, ACCURATE: json.dumps(told, separators=(",", ":"))}


def _told(parameters: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Hive before 2.2 wrote `true` here."""
    try:
        told = json.loads(parameters.get(ACCURATE, "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
