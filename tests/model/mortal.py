"""A loader that may die or sleep at any of its calls, and the faults that the metastore's calls meet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metastore.memory import Fault, InMemoryMetastore


class Died(BaseException):
    """The process is gone: nothing of it runs any more, no `finally` either."""


@dataclass
class Mortal:
    """Lets a loader die before or after the call `at`; what it still tries then does not happen.

    `faults`: what the next calls of a name meet, one after the other.
    """

    store: InMemoryMetastore
    faults: dict[str, list[Fault]]
    at: tuple[str, int] | None = None
    after_it: bool = False
    passed: int = 0
    dead: bool = False
    meanwhile: Callable[[], None] | None = None  # asleep instead of dead

    def before(self, effect: str) -> None:
        if effect == "create":
            self.on_call(0, "create", ())

    def after(self, effect: str) -> None:
        pass

    def on_call(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if self.dead:
            raise Died
        if self.at is not None and name == self.at[0]:
            self.passed += 1
            if self.passed > self.at[1]:
                self._stop(name, arguments)
        if self.faults.get(name):
            self.store.inject(name, self.faults[name].pop(0))

    def _stop(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.at = None
        if self.meanwhile is not None:
            self.meanwhile()
            return
        self.dead = True
        if self.after_it and name != "create":
            getattr(self.store, name)(*arguments)
        raise Died
