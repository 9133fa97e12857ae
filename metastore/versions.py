"""What each server can do, and how its version is told: detected, never configured.

Read off 2.3.10, 3.1.3 and 4.0.1:

| | 2.3 | 3.x | 4.x |
|-|-|-|-|
| getVersion says | `3.0`, a constant | `3.0`, a constant | its version |
| get_metastore_db_uuid | unknown call | known | known |
| get_table | known | known | gone from 4.0.1 on (HIVE-26537): `get_table_req`, known since 2.3, everywhere |
| keeps loaders apart | SHARED_WRITE | SHARED_WRITE | EXCL_WRITE (a 2.3 or 3.1 server hangs up on it) |
| duplicates in alter_partitions | the last wins | the last wins | all refused |
"""

import re

from metastore.api import Version

SHARED_READ, SHARED_WRITE, EXCLUSIVE, EXCL_WRITE = 1, 2, 3, 4
LOCK_TYPE_NAMES = {
    SHARED_READ: "SHARED_READ",
    SHARED_WRITE: "SHARED_WRITE",
    EXCLUSIVE: "EXCLUSIVE",
    EXCL_WRITE: "EXCL_WRITE",
}

_BEFORE_4_SAYS = "3.0"
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_DURATION = re.compile(r"\s*(\d+)\s*([a-z]*)\s*")
_UNIT_SECONDS = {"ms": 0.001, "msec": 0.001, "": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}


def detect(says: str, knows_uuid: bool) -> tuple[Version, str]:
    """The version and a text for people, from getVersion's answer and whether get_metastore_db_uuid is known.

    2.x and 3.x do not tell more than that: they are given as (2, 3, 0) and (3, 0, 0). ValueError if the answer is no
    version at all.
    """
    match = _NUMBERS.match(says.strip())
    if not match:
        raise ValueError(f"getVersion answers {says!r}")
    if says.strip() == _BEFORE_4_SAYS:
        return ((3, 0, 0), "3.x (it does not tell more)") if knows_uuid else ((2, 3, 0), "2.3 (it does not tell more)")
    return (int(match[1]), int(match[2]), int(match[3] or 0)), says.strip()


def loader_lock_type(version: Version) -> int:
    """The weakest lock that excludes itself and lets readers go on."""
    return EXCL_WRITE if version >= (4, 0, 0) else SHARED_WRITE


def refuses_duplicates(version: Version) -> bool:
    """Whether alter_partitions refuses a partition named twice."""
    return version >= (4, 0, 0)


def seconds(duration: str, default: float) -> float:
    """Hive's spelling of a duration (`300s`, `5 min`, `300`) in seconds; `default` for anything unknown."""
    match = _DURATION.fullmatch(duration.lower())
    unit = _UNIT_SECONDS.get(match[2]) if match else None
    return default if match is None or unit is None else float(int(match[1]) * unit)
