"""The fence: one empty, reserved partition a run, listed in each of its swaps.

Whoever settles the run's attempts drops the fence first. A swap that arrives after that fails as a whole, for one
missing partition fails all; one that is under way makes the drop wait. Only so does "all old" prove anything.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, field

from loader.state.deleting import remove_empty
from loader.state.layout import Layout
from loader.state.records import State
from loader.storage.files import Files, join
from metastore.api import Column, Metastore, Partition, StorageFormat, TableName
from metastore.errors import AlreadyExists, MetastoreError
from metastore.fence import fence_values, is_fence
from metastore.names import partition_name
from partitioner.values import PartitionValues

log = logging.getLogger(__name__)

MARK = "hotswap.fence"
"""The parameter that a fence has and data has not: a partition is never dropped for its values alone."""


@dataclass(slots=True)
class Fences:
    """The fences of one table, and this run's own. A fence's name is claimed once and never added a second time."""

    table: TableName
    keys: tuple[Column, ...]
    columns: tuple[Column, ...]
    storage: StorageFormat
    metastore: Metastore
    files: Files
    layout: Layout
    state: State
    run: str
    enabled: bool = True
    own: PartitionValues | None = field(default=None)

    def ensure(self) -> PartitionValues | None:
        """This run's fence, added if it has none. None where fences are off or no key type has a spare value."""
        while self.own is None and self.enabled:
            values = fence_values(self.keys, self.state.claim_epoch(self.run))
            if values is None:
                return None
            self.own = self._add(values)
        return self.own

    def forget_own(self) -> None:
        """It went with a drop that named it. Its folders stay until the next clean."""
        self.own = None

    def check_own(self) -> None:
        """Forget this run's fence if another loader has settled this run meanwhile. Only under the table's lock."""
        if self.own is not None and not self.metastore.partitions(self.table, [self.own]):
            self.own = None

    def _add(self, values: PartitionValues) -> PartitionValues | None:
        """None if the name turns out to be taken, or the reply was lost and the fence is not there to be seen."""
        name = self._name(values)
        location = join(self.layout.table, "_hotswap", "versions", name, "fence")
        self.files.make_dirs(location)
        self.files.make_dirs(self.layout.placeholder(name))
        try:
            self.metastore.add_partitions(
                self.table, [Partition(values, location, self.columns, self.storage, {MARK: self.run})]
            )
        except AlreadyExists:
            return None
        except MetastoreError:
            if not self.metastore.partitions(self.table, [values]):
                raise
        return values

    def drop(self, fence: PartitionValues) -> None:
        """Return only when the fence is known to be gone. A drop may be sent again: the name is never used again."""
        if fence == self.own:
            self.own = None
        if not self._sent_off(fence):
            self.metastore.drop_partition(self.table, fence)
        with suppress(OSError):
            remove_empty(self.files, self.layout, self.layout.placeholder(self._name(fence)))

    def remove_folders(self, fence: PartitionValues) -> None:
        """What a fence that is no partition any more leaves behind: empty folders. Others stay as they are."""
        name = self._name(fence)
        folder = join(self.layout.table, "_hotswap", "versions", name)
        for path in (join(folder, "fence"), folder, self.layout.placeholder(name)):
            with suppress(OSError):
                remove_empty(self.files, self.layout, path)

    def _sent_off(self, fence: PartitionValues) -> bool:
        try:
            self.metastore.drop_partition(self.table, fence)
        except MetastoreError:
            return not self.metastore.partitions(self.table, [fence])
        return True

    def drop_others(self) -> int:
        """Drop the fences of other runs. Only under the table's lock; a run that still lives makes itself a new one."""
        names = self.metastore.partition_names(self.table)
        alike = [values for values in names if is_fence(self.keys, values) and values != self.own]
        others = [found.values for found in self.metastore.partitions(self.table, alike) if MARK in found.parameters]
        for fence in others:
            self.drop(fence)
        return len(others)

    def is_fence(self, values: PartitionValues) -> bool:
        return is_fence(self.keys, values)

    def _name(self, values: PartitionValues) -> str:
        return partition_name([key.name for key in self.keys], values)
