"""Under xdist, all tests that may need a real server share one worker: each worker would start servers of its own."""

from pathlib import Path

import pytest

SERVER_FOLDERS = frozenset({"contract", "devservers", "integration"})
TESTS = Path(__file__).parent


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in SERVER_FOLDERS:
        item.add_marker(pytest.mark.xdist_group("servers"))
