"""What goes wrong between the loader and HBase, whichever way it is asked."""

from loader.basics.errors import SourceError, Unavailable


class WrongServer(SourceError):
    """Something answered there, but not the server that the configuration promises."""

    exit_code = 2  # as of a metastore's address behind which there is none


class ConnectionLost(Unavailable):
    """No connection, or it broke or timed out in mid-call: open a new one. What was sent may have been done."""

    default_hint = "Is HBase up, and is its address under `hbase` in the configuration right?"


class ServerBusy(Unavailable):
    """HBase answered with an error that may go away: a region in transition, a server that just died."""

    default_hint = "See the logs of HBase's master and region servers."


class Refused(SourceError):
    """HBase answered with an error that stays however often it is asked."""

    default_hint = "See the logs of HBase's master and region servers."


class NoSuchTable(SourceError):
    """The HBase table does not exist."""


class TableDisabled(Unavailable):
    """The HBase table is there but disabled: for a while (a truncate, a change of its settings), or for good."""


class NoSuchFamily(SourceError):
    """The HBase table exists, but not with this column family."""


def no_such_table(table: str, asked: str) -> NoSuchTable:
    return NoSuchTable(f"HBase has no table {table!r} (asked {asked})", "Check hbase_table and its namespace.")


def no_such_family(table: str, family: bytes, present: frozenset[bytes]) -> NoSuchFamily:
    names = ", ".join(sorted(name.decode("utf-8", "replace") for name in present))
    return NoSuchFamily(
        f"HBase table {table!r} has no column family {family.decode('utf-8', 'replace')!r}",
        f"Its families are: {names}. Correct the mapping." if names else "Correct the mapping.",
    )


def table_disabled(table: str) -> TableDisabled:
    return TableDisabled(f"HBase table {table!r} is disabled", f"Enable it in the HBase shell: enable '{table}'.")
