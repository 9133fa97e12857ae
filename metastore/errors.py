"""The metastore's errors, and the one place that maps Thrift's to them.

MetastoreError                  message: what happened to what; hint: what to do
├── Unreachable                 no connection: nothing was sent
├── NoReply                     sent, the reply was lost or late: it may have happened
├── Refused                     a typed rejection by the server; even after it, settle by reading
│   ├── NoSuchTable
│   ├── NoSuchPartition
│   ├── NoSuchDatabase
│   ├── AlreadyExists
│   └── NoSuchLock              never existed, was released or has expired
├── IncompleteAnswer            the answer does not match the question
├── TooLarge                    the message is above the server's limit; nothing was sent
├── NotAMetastore               something answered, but it is not a metastore
├── NotAccepted                 the server, or its certificate, failed the log-in; nothing was sent
├── Unsupported                 the server does not know this call
└── LockHeld                    another holds the table's lock: who, since when
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import shorten
from typing import Final

from thrift.protocol.TProtocol import TProtocolException
from thrift.Thrift import TApplicationException, TException
from thrift.transport.TTransport import TTransportException

from metastore.api import LockInfo


class MetastoreError(Exception):
    """Base of all. `hint` says what to do next, or is empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Unreachable(MetastoreError):
    pass


class NoReply(MetastoreError):
    pass


class Refused(MetastoreError):
    """The server said no. `thrift_class` is its exception's name, for example `InvalidOperationException`."""

    def __init__(self, message: str, hint: str = "", thrift_class: str = "") -> None:
        super().__init__(message, hint)
        self.thrift_class = thrift_class


class NoSuchTable(Refused):
    pass


class NoSuchPartition(Refused):
    """`values` are those of the partitions that are missing."""

    def __init__(
        self, message: str, hint: str = "", thrift_class: str = "", values: Sequence[tuple[str, ...]] = ()
    ) -> None:
        super().__init__(message, hint, thrift_class)
        self.values = tuple(values)


class NoSuchDatabase(Refused):
    pass


class AlreadyExists(Refused):
    pass


class NoSuchLock(Refused):
    pass


class IncompleteAnswer(MetastoreError):
    pass


class TooLarge(MetastoreError):
    pass


class NotAMetastore(MetastoreError):
    pass


class NotAccepted(MetastoreError):
    pass


class Unsupported(MetastoreError):
    pass


class LockHeld(MetastoreError):
    """`holders` are the locks in the way, the oldest first; empty if they went while we asked."""

    def __init__(self, message: str, hint: str = "", holders: Sequence[LockInfo] = ()) -> None:
        super().__init__(message, hint)
        self.holders = tuple(holders)


def describe_holder(holder: LockInfo) -> str:
    """`hive@worker7 (agent …), since 2026-01-01 10:00:00 UTC, last heartbeat 10:04:51 UTC`."""
    return (
        f"{holder.user}@{holder.host} ({holder.agent or 'no agent named'}), lock {holder.id}"
        f" since {_moment(holder.acquired_at)}, last heartbeat {_moment(holder.last_heartbeat)}"
    )


def _moment(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


NOT_A_METASTORE_HINT: Final = (
    "Check that the URI is the metastore's Thrift port (9083 by default), not HiveServer2's or HBase's, and that it is "
    "spoken to as it wants: metastore.auth for LDAP or Kerberos (hive.metastore.sasl.enabled), metastore.tls for TLS. "
    "HTTP is not supported."
)
_NO_REPLY_HINT: Final = "The call may have happened. Read the metastore back before anything else."
_LONGEST_TEXT: Final = 600  # a server may print a whole partition into its message
_READ_BACK_HINT: Final = "Read the metastore back: a rejected call may have happened all the same."


def from_thrift(error: Exception, what: str) -> MetastoreError:
    """The one place where Thrift's and the socket's exceptions become ours.

    `error` was raised after the request began to be sent: a broken connection is therefore `NoReply`. `what` names the
    call and the server, for the message.
    """
    match error:
        case TTransportException(type=TTransportException.SIZE_LIMIT | TTransportException.NEGATIVE_SIZE):
            return NotAMetastore(f"{what}: the answer is not the metastore's protocol ({error})", NOT_A_METASTORE_HINT)
        case TTransportException() | OSError() | EOFError():
            return NoReply(f"{what}: the reply was lost ({error})", _NO_REPLY_HINT)
        case TProtocolException() | TypeError() | ValueError() | MemoryError():
            return NotAMetastore(f"{what}: the answer is not the metastore's protocol ({error})", NOT_A_METASTORE_HINT)
        case TApplicationException():
            return _from_application_error(error, what)
        case TException():
            return _from_typed_rejection(error, what)
    return MetastoreError(f"{what}: {type(error).__name__}: {error}")


def _from_application_error(error: TApplicationException, what: str) -> MetastoreError:
    if error.type == TApplicationException.UNKNOWN_METHOD:
        return Unsupported(f"{what}: the server does not know this call", "Hive 2.3 or newer is needed.")
    if error.type == TApplicationException.INTERNAL_ERROR:
        return Refused(f"{what}: {error.message}", _READ_BACK_HINT, "TApplicationException")
    return NotAMetastore(f"{what}: {error.message}", NOT_A_METASTORE_HINT)


def _from_typed_rejection(error: TException, what: str) -> MetastoreError:
    name = type(error).__name__
    text = shorten(getattr(error, "message", None) or str(error), _LONGEST_TEXT)
    kind = {"AlreadyExistsException": AlreadyExists, "NoSuchLockException": NoSuchLock}.get(name, Refused)
    return kind(f"{what}: {name}: {text}", _READ_BACK_HINT, name)
