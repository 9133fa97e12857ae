"""From the configuration to an open table: the metastore, the files, its claim checked, its Environment."""

import getpass
import secrets
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from loader.basics.beside import in_thread
from loader.basics.errors import ConfigError
from loader.config.places import Place, clashes
from loader.state.claim import check_claim, claim_of
from loader.state.fences import Fences
from loader.state.layout import Layout
from loader.state.names import check_formats
from loader.state.open_table import Environment, Identity
from loader.state.records import State
from loader.state.witness import Witness
from loader.storage.choose import files_of
from loader.storage.files import Files
from metastore.api import ORC, PARQUET, Metastore, Table
from partitioner.merge.rules import APPEND, NEWEST_WINS

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


FORMATS = {"parquet": PARQUET, "orc": ORC}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def identity() -> Identity:
    return Identity(secrets.token_hex(4), getpass.getuser(), socket.gethostname())


def open_metastore(settings: "Settings") -> Metastore:
    from metastore.client import connect  # noqa: PLC0415 - the generated client is slow to import

    return connect(settings.metastore.uris, timeout_s=settings.metastore.timeout, auth=settings.metastore.log_in())


def layout_of(table: "TableSettings", location: str) -> Layout:
    return Layout.of(location, table.state)


def environment(
    metastore: Metastore,
    files: Files,
    hive: Table,
    table: "TableSettings",
    who: Identity,
    clock: Callable[[], int] = now_ms,
    sleep: Callable[[float], None] = time.sleep,
) -> Environment:
    """Everything a publish to `hive` needs but the key index, which only a batch looks up."""
    layout = layout_of(table, hive.location)
    state = State(files, layout)
    storage = FORMATS[table.format]
    fences = Fences(
        table=hive.name,
        keys=hive.partition_keys,
        columns=hive.columns,
        storage=storage,
        metastore=metastore,
        files=files,
        layout=layout,
        state=state,
        run=who.run,
        enabled=table.fence,
    )
    return Environment(
        table=hive.name,
        partition_keys=hive.partition_keys,
        columns=tuple((column.name, column.type) for column in hive.columns),
        format=table.format,
        storage=storage,
        layout=layout,
        files=files,
        metastore=metastore,
        state=state,
        keystore=None,
        fences=fences,
        identity=who,
        clock=clock,
        sleep=sleep,
        lock_wait=table.lock_wait,
        rule=NEWEST_WINS if table.source is None else APPEND,
        partitions_per_swap=table.partitions_per_swap,
        beside=in_thread,
        witness=Witness(),
    )


def check_places(settings: "Settings", table: "TableSettings", location: str) -> None:
    """`location`: where Hive has the table, whatever the configuration says. Raises ConfigError if another is there."""
    placed = {
        name: Place(location if other is table else other.location, other.state)
        for name, other in settings.tables.items()
    }
    for clash in clashes(placed):
        message = settings.placed(("tables", clash.table, clash.key), clash.message)
        raise ConfigError(message, "Give each table a location and a state of its own.")


def open_table(settings: "Settings", table: "TableSettings") -> Environment:
    """Connect, check the claim and the formats. Raises ForeignClaim, NewerFormat, and what the metastore raises."""
    metastore = open_metastore(settings)
    hive = metastore.table(table.hive_table)
    check_places(settings, table, hive.location)
    env = environment(metastore, files_of(hive.location, table.state), hive, table, identity())
    check_formats(env.files, env.layout)
    check_claim(env.files, env.layout, claim_of(metastore, hive))
    return env
