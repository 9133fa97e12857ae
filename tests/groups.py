"""Under xdist, all tests that may need a real server share one worker: each worker would start servers of its own.

A scheduler and not `xdist_group`: with pytest 9.2, xdist 3.8 ignores groups.
"""

from typing import Any

import pytest

SERVER_FOLDERS = ("tests/contract/", "tests/devservers/", "tests/integration/")


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(ServersTogether(), "servers-together")


class ServersTogether:
    """Files go to the workers one by one; the folders of the server tests go as one."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler import LoadScopeScheduling

        class Scheduling(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return "servers" if nodeid.startswith(SERVER_FOLDERS) else nodeid.partition("::")[0]

        return Scheduling(config, log)
