"""The one error of the demo."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo cannot go on: what happened, and what to do or read next."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what}: {hint}")
