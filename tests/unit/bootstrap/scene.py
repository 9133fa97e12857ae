"""An HBase table that is a dict, an empty Hive table, and the two ways of loading all of it at once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loader.datafiles.split_file import Tools
from loader.ops.bootstrap.attempt import FirstLoad
from loader.ops.bootstrap.rebuild import Rebuild
from loader.ops.bootstrap.run import Bootstrap, BootstrapRules, Loaded, Way
from loader.ops.bootstrap.sample import Sample
from loader.state.definitions import Described
from loader.state.open_table import Environment
from loader.storage.local import LocalFiles
from metastore.memory import InMemoryMetastore
from partitioner.planning.sizing import SizingRules
from tests.unit.reconcile.build import DictRanges, PlainMapping
from tests.world import COLUMNS, Source, create_table, expected, open_world, raw_keys, visible

SPLITS = (b"k2", b"k5", b"k500")
BEFORE, AFTER = Described("d1", 1, {"where": ""}), Described("d2", 1, {"where": "clicks > 0"})
"""Two definitions; what they say is for people only."""


class Killed(BaseException):
    pass


@dataclass
class Scene:
    """An HBase table of so many rows in four regions, and an empty Hive table."""

    folder: Path
    rows: int = 2_000
    store: InMemoryMetastore = field(default_factory=InMemoryMetastore)
    source: Source = field(default_factory=Source)
    opened: int = 0

    def __post_init__(self) -> None:
        create_table(self.store, self.folder)
        for number in range(self.rows):
            self.source.put(f"k{number}", ("mon", "tue", "wed")[number % 3], number)
        self.source.dirty.clear()
        self.ranges = DictRanges(self.source, SPLITS, size=50)

    def open(self) -> Environment:
        self.opened += 1
        return open_world(self.store, self.folder, f"run{self.opened}", clock=1_000_000 * (self.opened + 1))

    def bootstrap(
        self,
        told: Callable[[str, int, int, int], None] = lambda phase, done, of, rows: None,
        shown: Callable[[Sample], None] = lambda sample: None,
        files: LocalFiles | None = None,
        way: Way | None = None,
        most: int | None = None,
        index: bool = True,
    ) -> Loaded:
        """`most`: partitions_per_swap."""
        way = way or FirstLoad()
        definition = way.definition.definition if isinstance(way, Rebuild) else BEFORE.definition
        env = replace(self.open(), files=files or LocalFiles(), definition=definition, partitions_per_swap=most)
        rules = BootstrapRules(SizingRules(bytes_per_file=2_048), threads=1, part_rows=300)
        tools = Tools(env.files, raw_keys, COLUMNS, "parquet")
        mapping = PlainMapping(partition_from_key=not index)
        return Bootstrap(env, self.ranges, mapping, tools, rules, "dict", lambda start, end: (), told, shown, way).run()

    def killed_in(self, phase: str, at: int = 1, way: Way | None = None) -> None:
        def die(now: str, done: int, of: int, rows: int) -> None:
            if now == phase and done >= at:
                raise Killed

        with pytest.raises(Killed):
            self.bootstrap(die, way=way)

    def is_right(self) -> bool:
        return visible(self.store) == expected(self.source)
