"""The user's error tree, with exit codes.

HotswapError                 1   nothing changed
├── Unavailable                  HBase, the metastore or the file system cannot be reached
├── SourceError                  HBase answered, but not with what was asked for
├── TooManyRejected              more undecodable rows than the threshold allows
├── StorageError                 disk full, permission, file system refused
├── TooLarge                     what has to move in one metastore call does not fit into one
├── ConfigError              2   file, line, key, nearest right name
├── Conflict                 3
│   ├── Locked                   who, since when
│   ├── ForeignChange            partition, expected, found
│   ├── ForeignClaim             the location or the state belongs to another table
│   ├── NewerFormat              a newer hotswap has written here; this one writes and deletes nothing
│   ├── UnsuitableTable          the Hive table is of a kind that cannot be kept
│   ├── Held                     an operator's rollback or hold stands
│   ├── PlanChanged              the table is not any more as it was when the plan was shown
│   └── NeedsConfirmation        what would happen, and the flag that confirms it
├── OutcomeUnknown           4   run `hotswap recover TABLE`
└── Damage                   5   each partition or state object, what was found
    └── IndexDrift               the key index and the files disagree

`from_foreign` is the one table that maps the rooms', the operating system's and Thrift's exceptions to it.
"""

import errno
import sys
from dataclasses import dataclass
from types import MappingProxyType

RUNBOOK = "docs/operate.md of hotswap's source"
EXAMPLE = "conf/hotswap.example.yaml of hotswap's source"


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


class TooLarge(HotswapError):
    """Partitions that rows move between are swapped together, and one metastore call does not take them all."""


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
    """The location, or the state folder, is another table's."""


class NewerFormat(Conflict):
    """A state object was written by a newer hotswap, which alone knows what it means."""


class UnsuitableTable(Conflict):
    """The Hive table is transactional, managed by MSCK, or has other columns."""


class Held(Conflict):
    """A rollback holds the table; `hotswap resume` ends it."""


class PlanChanged(Conflict):
    """What was shown to somebody is not what would be done now; nothing was done."""


class NeedsConfirmation(Conflict):
    """An effect larger than the set share needs an operator's yes."""


class OutcomeUnknown(HotswapError):
    """A swap was sent and neither its success nor its failure could be read back."""

    exit_code = 4
    default_hint = "Run `hotswap recover TABLE` when the metastore answers again."


class Damage(HotswapError):
    """The table is in a state that no crash explains; nothing more is published."""

    exit_code = 5


class IndexDrift(Damage):
    """The key index places a key where the files do not have it, or the other way round."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """An exception class of `module` becomes `error`; `hint` where the exception has none of its own."""

    module: str
    name: str
    error: type[HotswapError]
    hint: str = ""


_FOREIGN = (
    _Rule("metastore.errors", "Unreachable", Unavailable, "Is the metastore up, and is metastore.uris right?"),
    # Only of calls that no reader sees: the swap's own lost reply is settled by reading, and never comes here.
    _Rule("metastore.errors", "NoReply", Unavailable, "Run the command again: what was left open is settled first."),
    _Rule("metastore.errors", "NoSuchTable", ConfigError, "Check hive_table, or create it with `hotswap init`."),
    _Rule("metastore.errors", "NoSuchDatabase", ConfigError, "Create the database, or correct hive_table."),
    _Rule("metastore.errors", "NoSuchPartition", ForeignChange, "Somebody dropped it. Run `hotswap recover`."),
    _Rule("metastore.errors", "AlreadyExists", ForeignChange, "Somebody else created it. Run `hotswap recover`."),
    _Rule("metastore.errors", "NoSuchLock", Locked, "The lock ran out; another loader may have taken it. Try again."),
    _Rule("metastore.errors", "LockHeld", Locked),
    _Rule("metastore.errors", "NotAMetastore", ConfigError, "Correct metastore.uris."),
    _Rule("metastore.errors", "NotAccepted", ConfigError, "Correct metastore.auth or metastore.tls."),
    _Rule("metastore.errors", "TooLarge", TooLarge),
    _Rule("metastore.errors", "MetastoreError", HotswapError),
    _Rule("partitioner.errors", "DriftError", IndexDrift, "Nothing was published. Keep the state folder as it is."),
    _Rule("partitioner.errors", "UnsupportedType", ConfigError, "Correct the column's type in the configuration."),
    _Rule("thrift.transport.TTransport", "TTransportException", Unavailable, "Is the server up?"),
    _Rule("thrift.Thrift", "TException", SourceError, "Is the port that of the server it should be?"),
)

_DISK = MappingProxyType(
    {
        errno.ENOSPC: "The disk is full: `hotswap clean TABLE` shows which old versions may go; a shorter `history`"
        " lets more go. Then start again: what was under way is settled first.",
        errno.EDQUOT: "The quota is used up: raise it, then start again. What was under way is settled first.",
        errno.EACCES: "Give the user that runs hotswap the right to do this.",
        errno.EPERM: "Give the user that runs hotswap the right to do this.",
        errno.EROFS: "The file system is mounted read-only.",
        errno.EMFILE: "Too many open files: raise `ulimit -n`.",
    }
)
_NETWORK = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EPIPE}
)


def from_foreign(error: BaseException) -> HotswapError | None:
    """`error` as a HotswapError; None for what the table does not know: that is a bug of ours."""
    if isinstance(error, HotswapError):
        return error
    for rule in _FOREIGN:
        if isinstance(error, _loaded_class(rule)):
            message = getattr(error, "message", None) or str(error) or type(error).__name__
            return rule.error(message, getattr(error, "hint", "") or rule.hint)
    return _from_os(error) if isinstance(error, OSError) else None


def _loaded_class(rule: _Rule) -> type[BaseException] | tuple[()]:
    """The rule's class, without importing it: of a module that nobody has loaded nothing can have been raised."""
    found = getattr(sys.modules.get(rule.module), rule.name, ())
    return found


def _from_os(error: OSError) -> HotswapError:
    where = f"{error.filename}: " if error.filename else ""
    message = f"{where}{error.strerror or str(error) or type(error).__name__}"
    if isinstance(error, (ConnectionError, TimeoutError)) or error.errno in _NETWORK:
        return Unavailable(message, "Is the server up and reachable?")
    return StorageError(message, _DISK.get(error.errno or 0, ""))


def as_text(error: HotswapError) -> str:
    """`error: …` and `hint: …`, one line each unless the message has several."""
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return f"error: {error.message}{hint}"


def as_object(error: HotswapError) -> dict[str, object]:
    """What `--json` prints of an error."""
    kind = type(error).__name__
    return {"error": {"kind": kind, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}}
