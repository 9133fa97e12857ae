"""Where things lie: the cache of fetched jars, and the jars that pyspark carries."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from devservers.errors import DevServerError

LOCK = Path(__file__).with_name("jars.lock")
FIRST_GROUP = LOCK.stem  # what the demo needs
_REPOSITORY = Path(__file__).resolve().parents[1]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`HOTSWAP_CACHE`, else `.cache/hotswap` of the repository."""
    chosen = environ.get("HOTSWAP_CACHE")
    return Path(chosen).expanduser().resolve() if chosen else _REPOSITORY / ".cache" / "hotswap"


def lock_file(group: str) -> Path:
    """The lock file of a group of artifacts. Raises DevServerError if there is no such group."""
    found = LOCK.with_name(f"{group}.lock")
    if not found.exists():
        raise DevServerError(f"there is no group {group!r}", f"groups are {', '.join(groups())}")
    return found


def groups() -> tuple[str, ...]:
    """Each lock file beside this module is a group; its files lie in a folder of the cache with the same name."""
    return tuple(sorted(file.stem for file in LOCK.parent.glob("*.lock")))


def pyspark_jars() -> Path:
    """The folder of pyspark's jars, found without importing pyspark."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise DevServerError(
            "pyspark is not installed in this Python", "install the project with its development extras"
        )
    return Path(spec.origin).parent / "jars"


def pyspark_jar(name: str) -> Path:
    """The one jar `<name>-<version>.jar` of pyspark."""
    found = sorted(pyspark_jars().glob(f"{name}-[0-9]*.jar"))
    if not found:
        raise DevServerError(f"pyspark carries no {name} jar in {pyspark_jars()}", "reinstall pyspark 4.2")
    return found[-1]
