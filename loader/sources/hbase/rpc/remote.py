"""What a server of HBase threw, as an error of ours: what passes, what to do before the next try, what stays."""

import re
from dataclasses import dataclass

from loader.basics.errors import HotswapError
from loader.sources.hbase.access import protobuf
from loader.sources.hbase.access.errors import NoSuchFamily, NoSuchTable, Refused, ServerBusy, WrongServer

Server = tuple[str, int]
"""Host and port."""

KERBEROS = "this HBase wants Kerberos, which is not supported yet"
KERBEROS_HINT = "Ask it through a Thrift2 server that takes plain connections: `hbase: {thrift: host:9090}`."

_STALE = {
    "NotServingRegionException",
    "RegionMovedException",
    "RegionOpeningException",
    "RegionServerStoppedException",
    "RegionServerAbortedException",
    "RegionInRecoveryException",
    "ServerNotRunningYetException",
    "FailedServerException",
    "ConnectionClosingException",
    "WrongRegionException",
}
"""The region is not there, or not any more: where it is has to be found out anew."""
_SCANNER = {
    "UnknownScannerException",
    "ScannerResetException",
    "OutOfOrderScannerNextException",
    "LeaseException",
}
"""The scanner is gone, the region is not; HBase's own client opens another, too, although they say "do not retry"."""
_BUSY = {
    "CallQueueTooBigException",
    "CallDroppedException",
    "CallTimeoutException",
    "CallerDisconnectedException",
    "RegionTooBusyException",
    "RpcThrottlingException",
    "PleaseHoldException",
    "MasterNotRunningException",
    "PleaseRestartMasterException",
    "MultiActionResultTooLarge",
}
_OVERLOADED = {"CallQueueTooBigException", "CallDroppedException"}
_WAIT = re.compile(r"wait (?:(\d+)\s?hrs?, )?(?:(\d+)\s?mins?, )?(?:(\d+)\s?sec, )?(?:(\d+)\s?ms)")


class TryAgain(ServerBusy):
    """It may work at the next try. `stale`: first find out anew where the region is, unless `moved_to` tells.

    `wait_s`: HBase asks to wait so long. `overloaded`: the server has too much to do. `too_large`: ask for less.
    """

    def __init__(
        self,
        message: str,
        stale: bool = False,
        moved_to: Server | None = None,
        wait_s: float = 0.0,
        overloaded: bool = False,
        too_large: bool = False,
    ) -> None:
        super().__init__(message)
        self.stale, self.moved_to, self.wait_s = stale, moved_to, wait_s
        self.overloaded, self.too_large = overloaded, too_large


@dataclass(frozen=True, slots=True)
class Thrown:
    """An exception of the server's: its Java class, the first line of its text, and what its sender adds."""

    name: str
    text: str = ""
    do_not_retry: bool = False
    moved_to: Server | None = None
    overloaded: bool = False

    @classmethod
    def parse(cls, data: bytes) -> "Thrown":
        """From an `ExceptionResponse`."""
        found = protobuf.fields(data)
        host = protobuf.a_text(found, 3)
        return cls(
            protobuf.a_text(found, 1),
            _first_line(protobuf.a_text(found, 2)),
            bool(protobuf.an_int(found, 5)),
            (host, protobuf.an_int(found, 4)) if host else None,
            bool(protobuf.an_int(found, 6)),
        )

    @classmethod
    def of_action(cls, data: bytes) -> "Thrown":
        """From the `NameBytesPair` by which a Multi tells of one region or one row."""
        found = protobuf.fields(data)
        return cls(protobuf.a_text(found, 1), _first_line(protobuf.a_text(found, 2)))

    @property
    def short(self) -> str:
        """The class without its package."""
        return self.name.rpartition(".")[2]

    def error(self, where: str, doing: str) -> HotswapError:
        """`where`: the server that threw it; `doing`: which call."""
        message = f"HBase at {where} failed in {doing}: {self.short}{_of(self.text, self.name)}"
        if "Authentication is required" in self.text:
            return WrongServer(KERBEROS, KERBEROS_HINT)
        if self.short == "NoSuchColumnFamilyException":
            return NoSuchFamily(message, "Correct the mapping.")
        if self.short == "TableNotFoundException":
            return NoSuchTable(message, "Check hbase_table and its namespace.")
        if self.short == "AccessDeniedException":
            return Refused(message, "Give the user of `hbase.user` the right to read this table.")
        known = self.short in _STALE or self.short in _SCANNER or self.short in _BUSY
        if self.do_not_retry and not known:
            return Refused(message)
        return TryAgain(
            message,
            stale=self.short in _STALE,
            moved_to=self.moved_to,
            wait_s=_asked_to_wait(self.text),
            overloaded=self.overloaded or self.short in _OVERLOADED,
            too_large=self.short == "MultiActionResultTooLarge",
        )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]


def _of(text: str, name: str) -> str:
    told = text.removeprefix(name).lstrip(": ")
    return f": {told}" if told else ""


def _asked_to_wait(text: str) -> float:
    """Seconds: a throttled call says "… - wait 1mins, 2sec, 3ms"."""
    found = _WAIT.search(text)
    if found is None:
        return 0.0
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
