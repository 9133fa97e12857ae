"""One death at one point of a scenario, and what was wrong after it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from loader.storage.hdfs import HdfsFiles
from loader.storage.local import LocalFiles
from tests.crash.points import Count, DieAt, Point
from tests.crash.power import Disk, Sync
from tests.crash.scenario import Scenario
from tests.crash.served import Served, in_child, serve
from tests.crash.world import World

LOCKS_EXPIRE_S = 10_000


@dataclass(frozen=True)
class Place:
    """Where a trial's table lies: on local files of this folder. `deaf_to`: syncs that the disk does not do."""

    folder: Path
    deaf_to: frozenset[Sync] = frozenset()

    def of(self, trial: str) -> "Place":
        """A folder of its own for a trial."""
        return replace(self, folder=self.folder / trial.replace(" ", "-"))

    def world(self, served: Served) -> World:
        self.folder.mkdir(parents=True)
        return World(served, f"file://{self.folder}/clicks", LocalFiles(fsync=lambda handle: None))

    def counting(self, world: World) -> World:
        return world

    def dying(self, world: World, point: Point) -> tuple[World, DieAt]:
        """The table as a loader has it that dies at `point`."""
        disk = Disk(self.folder, self.deaf_to)
        return replace(world, files=LocalFiles(disk.fsync)), DieAt(point, disk)


@dataclass(frozen=True)
class HdfsPlace:
    """Where a trial's table lies on an HDFS. Only children connect to it: a client does not survive a fork."""

    folder: str

    def of(self, trial: str) -> "HdfsPlace":
        return HdfsPlace(f"{self.folder}/{trial.replace(' ', '-')}")

    def world(self, served: Served) -> World:
        return World(served, f"{self.folder}/clicks", HdfsFiles(self._root))

    def counting(self, world: World) -> World:
        """Its files one after the other: points are numbered."""
        return replace(world, files=HdfsFiles(self._root, parallel=1))

    def dying(self, world: World, point: Point) -> tuple[World, DieAt]:
        return self.counting(world), DieAt(point)

    @property
    def _root(self) -> str:
        return "/".join(self.folder.split("/")[:3])


def effects_of(scenario: Scenario, place: Place | HdfsPlace) -> list[str]:
    """The names of all effects of a scenario's act."""

    def counted(world: World) -> list[str]:
        tap = Count()
        scenario.act(place.counting(world), tap)
        return tap.effects

    with serve() as served:
        world = place.world(served)
        _prepare(scenario, world)
        effects: list[str] = in_child(lambda: counted(world))
    return effects


def problems_of(scenario: Scenario, point: Point, place: Place | HdfsPlace) -> list[str]:
    """Prepare, die, look, finish. None: nothing is wrong."""
    with serve() as served:
        world = place.world(served)
        try:
            _prepare(scenario, world)
            in_child(lambda: _dies(scenario, place, world, point))
            served.later(LOCKS_EXPIRE_S)
            problems = in_child(lambda: _look(scenario, world))
        except AssertionError as error:
            problems = [str(error)]
    return [f"{scenario.name}, {point}: {problem}" for problem in problems]


def _prepare(scenario: Scenario, world: World) -> None:
    in_child(lambda: scenario.prepare(world))
    dies = scenario.before
    if dies is not None:
        in_child(lambda: dies(world))
        world.served.later(LOCKS_EXPIRE_S)


def _dies(scenario: Scenario, place: Place | HdfsPlace, world: World, point: Point) -> None:
    dying, tap = place.dying(world, point)
    scenario.act(dying, tap)
    raise AssertionError(f"there is no effect {point.effect}")


def _look(scenario: Scenario, world: World) -> list[str]:
    seen = world.visible()
    between = [] if seen in scenario.seen_at_once() else [f"readers saw {seen}"]
    return [*between, *scenario.finish(world)]


def failures(scenario: Scenario, points: Iterable[Point], place: Place | HdfsPlace) -> list[str]:
    """The problems of several points, each in a folder of its own."""
    return [problem for point in points for problem in problems_of(scenario, point, place.of(str(point)))]
