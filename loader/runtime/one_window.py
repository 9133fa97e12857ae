"""The one window of a run that begins now, for `run --once` and `plan` alike."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from loader.sources.hbase.dirty_keys import DirtyKeys
from loader.sources.hbase.scan import scan_window
from loader.sources.hbase.windows import reached_by, window_end, window_to
from loader.state.open_table import Environment
from loader.wiring.mapping import mapping_of
from loader.wiring.source import READ_THREADS, connector, measured_rules

if TYPE_CHECKING:
    from loader.config.settings import Settings, TableSettings


def scan_from_here(settings: "Settings", table: "TableSettings", env: Environment) -> Callable[[], DirtyKeys]:
    """Scans from the table's position up to now less `lag`, by the rules that the servers' clocks ask for.

    Where there is a `clock_table`, one small cell is put into each of its regions. Raises what HBase raises.
    """
    families, rules = mapping_of(table).families, measured_rules(settings, table, env.clock)

    def scan() -> DirtyKeys:
        env.sleep(table.lag)  # so that what was put before the command is in the window
        now = env.clock()
        window = window_to(window_end(now, rules), env.state.position(reached_by(now)), rules)
        return scan_window(connector(settings), table.hbase_table, families, window, READ_THREADS)

    return scan
