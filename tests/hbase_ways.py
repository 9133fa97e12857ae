"""Both ways to an HBase: what is promised of one holds for the other."""

from __future__ import annotations

from typing import Any

import pytest

from loader.sources.hbase.access.api import HBaseClient, Patience
from loader.sources.hbase.access.where import SERVERS, THRIFT, Where
from loader.sources.hbase.connect import connector

RPC = "rpc"
WAYS = (RPC, THRIFT)
WAYS_OF_LONG_TESTS = (RPC, pytest.param(THRIFT, marks=pytest.mark.slow))
"""Most suites go through Thrift2 anyhow: `make test` runs these by HBase's own RPC, `make test-all` by both."""
both_ways = pytest.mark.parametrize("way", WAYS)


def where(hbase: Any, way: str, timeout: float = 60.0) -> Where:
    """`hbase`: a server of `devservers`, or one that was given (which is asked through Thrift2 only)."""
    if way == THRIFT:
        return Where(THRIFT, (hbase.thrift,), timeout)
    return Where(SERVERS, (hbase.rpc,), timeout)


def client_of(hbase: Any, way: str, patience: Patience | None = None) -> HBaseClient:
    return connector(where(hbase, way), patience or Patience(seconds=20))()
