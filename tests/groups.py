"""Under xdist, tests that may need a real server go to two workers: each worker starts servers of its own.

A scheduler and not `xdist_group`: with pytest 9.2, xdist 3.8 ignores groups.
"""

from typing import Any

import pytest

SERVER_FOLDERS = {"contract": "servers", "devservers": "servers", "integration": "whole jobs"}
"""Folders below tests/, and the group that each goes with. The groups take about as long as each other."""


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(ServersTogether(), "servers-together")


class ServersTogether:
    """Files go to the workers one by one; the folders of a group of server tests go as one."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler import LoadScopeScheduling

        class Scheduling(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                file = nodeid.partition("::")[0]
                return SERVER_FOLDERS.get(file.split("/")[1], file)

        return Scheduling(config, log)
