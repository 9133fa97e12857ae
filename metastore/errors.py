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
└── Unsupported                 the server does not know this call
"""

from collections.abc import Sequence


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


class Unsupported(MetastoreError):
    pass
