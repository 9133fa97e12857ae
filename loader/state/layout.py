"""Where everything of a table lies: versions, placeholders, temporary files, state objects."""

from dataclasses import dataclass

from loader.storage.files import join
from loader.storage.places import HOTSWAP_FOLDER
from partitioner.values import AttemptId


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one table's location. `partition_name` (`p=v/q=w`, escaped) comes from metastore.names."""

    table: str
    state: str

    @staticmethod
    def of(table_location: str, state: str | None = None) -> "Layout":
        table = table_location.rstrip("/")
        return Layout(table, state or join(table, HOTSWAP_FOLDER, "state"))

    def placeholder(self, partition_name: str) -> str:
        """The empty folder that keeps MSCK from dropping a live partition."""
        return join(self.table, partition_name)

    def version(self, partition_name: str, attempt: AttemptId) -> str:
        return join(self.table, HOTSWAP_FOLDER, "versions", partition_name, attempt)

    def empty_version(self, partition_name: str, attempt: AttemptId) -> str:
        """Where a partition that does not exist yet is added before the swap, with no rows."""
        return join(self.table, HOTSWAP_FOLDER, "versions", partition_name, f"{attempt}-empty")

    def temporary(self, attempt: AttemptId) -> str:
        return join(self.table, HOTSWAP_FOLDER, "temporary", attempt)

    @property
    def bootstrap(self) -> str:
        """What a first load has read and written so far; gone when it is published."""
        return join(self.table, HOTSWAP_FOLDER, "bootstrap")

    @property
    def claim(self) -> str:
        return join(self.table, HOTSWAP_FOLDER, "claim.json")

    @property
    def state_claim(self) -> str:
        return join(self.state, "claim.json")

    @property
    def log(self) -> str:
        return join(self.state, "log")

    def intent(self, batch: int) -> str:
        return join(self.log, f"{batch:010d}.intent.json")

    def manifest(self, batch: int) -> str:
        return join(self.log, f"{batch:010d}.manifest.json")

    def outcome(self, batch: int) -> str:
        return join(self.log, f"{batch:010d}.outcome.json")

    @property
    def checkpoints(self) -> str:
        return join(self.state, "checkpoints")

    def checkpoint(self, batch: int) -> str:
        return join(self.checkpoints, f"{batch:010d}.json")

    @property
    def folded(self) -> str:
        return join(self.state, "folded")

    def folded_to(self, batch: int) -> str:
        """All history up to `batch`, in one object."""
        return join(self.folded, f"{batch:010d}.json")

    @property
    def epochs(self) -> str:
        return join(self.state, "epochs")

    def epoch(self, number: int) -> str:
        return join(self.epochs, f"{number:010d}.json")

    @property
    def positions(self) -> str:
        return join(self.state, "positions")

    @property
    def asked(self) -> str:
        return join(self.state, "asked")

    @property
    def reconciles(self) -> str:
        return join(self.state, "reconciles")

    @property
    def evolutions(self) -> str:
        return join(self.state, "evolutions")

    @property
    def definitions(self) -> str:
        return join(self.state, "definitions")

    @property
    def debts(self) -> str:
        return join(self.state, "debts")

    @property
    def sightings(self) -> str:
        """What was seen last of the source's table, to know it again."""
        return join(self.state, "sightings")

    @property
    def change_sets(self) -> str:
        return join(self.state, "changes")

    def changes(self, attempt: AttemptId) -> str:
        return join(self.change_sets, f"{attempt}.arrow")

    @property
    def quarantines(self) -> str:
        return join(self.state, "quarantine")

    def quarantine(self, attempt: AttemptId) -> str:
        return join(self.quarantines, f"{attempt}.json")

    @property
    def key_sets(self) -> str:
        return join(self.state, "keys")

    def keys(self, name: str) -> str:
        """Keys that were put aside for a later batch."""
        return join(self.key_sets, name)

    @property
    def condemned(self) -> str:
        return join(self.state, "condemned")

    @property
    def reserve(self) -> str:
        """Deleted to make room on a full disk."""
        return join(self.state, "reserve")

    @property
    def index(self) -> str:
        return join(self.state, "index")

    def index_segment(self, name: str) -> str:
        return join(self.index, name)


def attempt_id(batch: int, started_ms: int, run: str) -> AttemptId:
    """Sorts by batch, then time; unique through the run's id. Starts with no `_` or `.`."""
    return AttemptId(f"b{batch:010d}-{started_ms:013d}-{run}")
