"""The user's error tree, with exit codes.

HotswapError                 1   nothing changed
├── Unavailable                  HBase, the metastore or the file system cannot be reached
├── SourceError                  HBase answered, but not with what was asked for
├── TooManyRejected              more undecodable rows than the threshold allows
├── StorageError                 disk full, permission, file system refused
├── ConfigError              2   file, line, key, nearest right name
├── Conflict                 3
│   ├── Locked                   who, since when
│   ├── ForeignChange            partition, expected, found
│   ├── ForeignClaim             the location belongs to another table
│   ├── UnsuitableTable          the Hive table is of a kind that cannot be kept
│   ├── Held                     an operator's rollback stands
│   └── NeedsConfirmation        what would happen, and the flag that confirms it
├── OutcomeUnknown           4   run `hotswap recover TABLE`
└── Damage                   5   each partition, what was found
    └── IndexDrift               the key index and the files disagree
"""


class HotswapError(Exception):
    """`message`: what happened to what. `hint`: what to do next."""

    exit_code = 1
    default_hint = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class Unavailable(HotswapError):
    """A server or file system cannot be reached; waiting may help, and `run` waits."""


class SourceError(HotswapError):
    """HBase answered, but the table, family or port is not what the configuration says."""


class TooManyRejected(HotswapError):
    """More rows could not be decoded than the threshold allows; nothing was published."""


class StorageError(HotswapError):
    """The file system refused: disk full, permission, read-only."""


class ConfigError(HotswapError):
    """The configuration is wrong."""

    exit_code = 2


class Conflict(HotswapError):
    """Somebody else's doing stands in the way; nothing was overwritten."""

    exit_code = 3


class Locked(Conflict):
    """Another loader or command holds the table's lock."""


class ForeignChange(Conflict):
    """A partition, its columns or its files are not as the last committed manifest left them."""


class ForeignClaim(Conflict):
    """The location carries another table's claim."""


class UnsuitableTable(Conflict):
    """The Hive table is transactional, managed by MSCK, or has other columns."""


class Held(Conflict):
    """A rollback holds the table; `hotswap resume` ends it."""


class NeedsConfirmation(Conflict):
    """An effect larger than the set share needs an operator's yes."""


class OutcomeUnknown(HotswapError):
    """A swap was sent and neither its success nor its failure could be read back."""

    exit_code = 4


class Damage(HotswapError):
    """The table is in a state that no crash explains; nothing more is published."""

    exit_code = 5


class IndexDrift(Damage):
    """The key index places a key where the files do not have it, or the other way round."""
