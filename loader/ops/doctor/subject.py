"""What the checks are given: the configuration, and as much of the rest as could be reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from loader.report.findings import Finding, Grade
from loader.state.open_table import Environment
from metastore.api import Metastore, Table

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings
    from loader.sources.hbase.access.api import HBaseClient

to_do = partial(Finding, Grade.TO_DO)
note = partial(Finding, Grade.NOTE)


@dataclass(slots=True)
class Patient:
    """One table under examination. `env` and `hive` are None until the metastore has answered, or if there is no table.

    `metastores` opens a metastore at one URI, `hbase` makes a client, `java` tells the version of the Java here.
    `clock_table`: an HBase table of the loader's own, to measure clocks with. `facts` are told besides findings.
    """

    settings: "Settings"
    table: "TableSettings"
    metastores: Callable[[str], Metastore]
    hbase: "Callable[[], HBaseClient]"
    environment: Callable[[Metastore, Table], Environment]
    clock: Callable[[], int]
    run: str
    java: Callable[[], int | None]
    clock_table: str | None = None
    metastore: Metastore | None = None
    hive: Table | None = None
    env: Environment | None = None
    facts: list[tuple[str, str]] = field(default_factory=list)

    def fact(self, name: str, value: str) -> None:
        self.facts.append((name, value))


Check = Callable[[Patient], Iterator[Finding]]
