"""The one error of this folder."""

from __future__ import annotations


class DevServerError(Exception):
    """A development server, or what it needs, is not to be had.

    `what` says what happened to what, `hint` what to do next, `log` holds the server's own last lines, if it wrote any.
    """

    def __init__(self, what: str, hint: str, log: str = "") -> None:
        super().__init__(what)
        self.what, self.hint, self.log = what, hint, log

    def __str__(self) -> str:
        tail = f"\nits last log lines:\n{self.log}" if self.log else ""
        return f"{self.what}: {self.hint}{tail}"
