"""The points of a scenario: taps that count them, or die at one, and take with them what was not synced."""

import os
import signal
from dataclasses import dataclass, field
from typing import NoReturn

from tests.crash.power import Disk, Loss


@dataclass
class Count:
    """A tap that only counts, and remembers the names."""

    effects: list[str] = field(default_factory=list)

    def before(self, effect: str) -> None:
        self.effects.append(effect)

    def after(self, effect: str) -> None:
        pass


@dataclass(frozen=True, order=True)
class Point:
    """One way to die in a scenario."""

    effect: int
    side: str
    loss: Loss = Loss.KILLED

    def __str__(self) -> str:
        return f"{self.loss} {self.side} effect {self.effect}"


def points_of(effects: int) -> list[Point]:
    """Every way to die. A power loss right before an effect leaves what one right after the last effect leaves."""
    killed = [Point(effect, side) for effect in range(effects) for side in ("before", "after")]
    losses = (Loss.UNSYNCED, Loss.CONTENTS)
    return killed + [Point(effect, "after", loss) for loss in losses for effect in range(effects)]


@dataclass
class DieAt:
    """A tap that dies at one point."""

    point: Point
    disk: Disk | None = None
    passed: int = -1

    def before(self, effect: str) -> None:
        self.passed += 1
        self._die("before")

    def after(self, effect: str) -> None:
        self._die("after")

    def _die(self, side: str) -> None:
        if (self.passed, side) == (self.point.effect, self.point.side):
            if self.disk is not None:
                self.disk.lose(self.point.loss)
            die()


@dataclass
class DieAround:
    """A tap that dies before or after the first effect of a name."""

    name: str
    side: str

    def before(self, effect: str) -> None:
        self._die(effect, "before")

    def after(self, effect: str) -> None:
        self._die(effect, "after")

    def _die(self, effect: str, side: str) -> None:
        if (effect, side) == (self.name, self.side):
            die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL is not survived")
