"""What a publish is given: the table, its places, and every effect it may have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loader.basics.beside import Beside, when_asked
from loader.state.fences import Fences
from loader.state.layout import Layout
from loader.state.records import State
from loader.state.witness import Witness
from loader.storage.files import Files
from metastore.api import Column, Metastore, StorageFormat, TableName
from metastore.names import partition_name
from partitioner.history.manifest import Definition
from partitioner.history.table_state import TableState
from partitioner.merge.rules import NEWEST_WINS, MergeRule, rule_of
from partitioner.values import ColumnSpec, PartitionValues

if TYPE_CHECKING:  # the keystore brings pyarrow, which `status` does without
    import pyarrow as pa

    from loader.state.key_index_files import KeyStore
    from partitioner.history.merged_segments import Compaction


@dataclass(frozen=True, slots=True)
class Identity:
    """Who publishes; stands in the lock, the intents and the epochs."""

    run: str  # unique id of this loader run or command
    user: str
    host: str


@dataclass(slots=True)
class Compacted:
    """The newest merge of key index segments that no manifest has taken up yet.

    `sought`: whether this run has looked for one that an earlier run left.
    """

    ready: "Compaction | None" = None
    sought: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """One table as one run keeps it. `clock` in ms since the epoch; `sleep` and `lock_wait` in seconds.

    `beside`: how what only reads is begun before its result is wanted. `partitions_per_swap`: of a rollback; None: as
    many as fit into a message.
    """

    table: TableName
    partition_keys: tuple[Column, ...]
    columns: tuple[ColumnSpec, ...]
    format: str
    storage: StorageFormat
    layout: Layout
    files: Files
    metastore: Metastore
    state: State
    keystore: "KeyStore | None"  # None: the partition comes from the row key alone
    fences: Fences
    identity: Identity
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    lock_wait: float = 60.0
    partitions_per_swap: int | None = None
    definition: Definition | None = None  # of the rows that this run makes; None: it makes none
    rule: MergeRule = NEWEST_WINS
    witness: Witness | None = None  # another clock than ours; None: there is none to ask
    beside: Beside = when_asked
    compacted: Compacted = field(default_factory=Compacted)
    aside: dict[str, "pa.Array"] = field(default_factory=dict)  # key sets that were read, by name: none changes

    def latest_now(self) -> int:
        """Now by whichever clock is ahead: when something ended at the latest, in ms."""
        heard = self.witness.now_ms() if self.witness else None
        return self.clock() if heard is None else max(self.clock(), heard)

    def earliest_now(self) -> int:
        """Now by whichever clock is behind: no age is overestimated by it as long as one of the two is right, in ms."""
        heard = self.witness.now_ms() if self.witness else None
        return self.clock() if heard is None else min(self.clock(), heard)

    def rule_of(self, state: TableState) -> MergeRule:
        """By which the rows that are live were merged; of a table without any: by which they will be."""
        return rule_of(state.rule) if state.rule is not None else self.rule

    def name_of(self, partition: PartitionValues) -> str:
        """The escaped name, `p=v/q=w`."""
        return partition_name([key.name for key in self.partition_keys], partition)

    def columns_of(self, columns: tuple[ColumnSpec, ...]) -> tuple[Column, ...]:
        return tuple(Column(name, kind) for name, kind in columns)
