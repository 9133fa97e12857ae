"""A comparison beside the stream: when it is due, that there is one at a time, what becomes of its end."""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loader.config.settings import ReconcileSettings
from loader.ops.reconcile.schedule import LOOK_EVERY_MS, TRY_AGAIN_MS, Beside, start_quietly
from loader.ops.reconcile.store import Store
from loader.ops.reconcile.values import Done
from loader.state import gaps
from loader.state.layout import Layout
from loader.storage.local import LocalFiles

DAY_MS = 86_400_000
REPORT = {
    "missing": 1,
    "extra": 0,
    "different": 0,
    "doubled": 0,
    "unnoticed": 1,
    "repaired": True,
    "partitions": [],
    "samples": [],
}


@dataclass
class FakeChild:
    """A process that runs until its code is set."""

    code: int | None = None
    ended: bool = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.ended = True

    def communicate(self) -> tuple[str, str]:
        return json.dumps(REPORT), "error: HBase is away\n  hint: start it\n"


@dataclass
class Scene:
    folder: Path
    every: float | None = 86400.0
    now: int = 10 * DAY_MS
    loaded: bool = True
    started: list[Sequence[str]] = field(default_factory=list)
    children: list[FakeChild] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layout = Layout.of(f"file://{self.folder}")
        settings = ReconcileSettings(every=self.every)
        self.beside = Beside(
            "ads.clicks",
            "hotswap.yaml",
            settings,
            LocalFiles(),
            self.layout,
            lambda: self.now,
            lambda: self.loaded,
            self.start,
        )

    def start(self, command: Sequence[str]) -> FakeChild:
        self.started.append(command)
        self.children.append(FakeChild())
        return self.children[-1]

    def tick(self, later_ms: int = LOOK_EVERY_MS) -> int:
        self.now += later_ms
        self.beside.tick()
        return len(self.started)

    def compared(self) -> None:
        """The last one began now."""
        done = Done(1, self.now, self.now, "m", 0, 0, 0, {}, 0, True, (), ())
        Store(LocalFiles(), self.layout).finish(done)


def test_the_first_one_is_due_at_once_but_not_before_the_table_is_loaded(tmp_path: Path) -> None:
    scene = Scene(tmp_path, loaded=False)
    assert scene.tick() == 0
    scene.loaded = True
    assert scene.tick() == 1
    assert scene.started[0][2:] == [
        "loader.cli.main",
        "reconcile",
        "ads.clicks",
        "-c",
        "hotswap.yaml",
        "--json",
        "--repair",
    ]


def test_without_a_schedule_there_is_none(tmp_path: Path) -> None:
    assert Scene(tmp_path, every=None).tick() == 0


def test_the_next_one_waits_for_its_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.compared()
    assert scene.tick(DAY_MS // 2) == 0
    assert scene.tick(DAY_MS // 2) == 1


def test_there_is_one_at_a_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert [scene.tick(), scene.tick(DAY_MS)] == [1, 1]


def test_a_debt_is_paid_without_waiting(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.compared()
    assert scene.tick() == 0
    gaps.owe(LocalFiles(), scene.layout, gaps.Debt("away", "away", "hbase:t", scene.now, 0, 1))
    assert scene.tick() == 1


def test_one_that_waits_for_a_yes_is_not_begun_again_all_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    store = Store(LocalFiles(), scene.layout)
    left = store.begin(scene.now, "m", ())
    store.wait_for_a_yes(left, 5_000)
    assert [scene.tick(DAY_MS // 2), scene.tick(DAY_MS // 2)] == [0, 1]


def test_one_that_failed_is_tried_again_later_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)
    scene.tick()
    scene.children[0].code = 1
    scene.tick()
    assert "error: HBase is away hint: start it" in caplog.text
    assert scene.tick() == 1
    assert scene.tick(TRY_AGAIN_MS) == 2


def test_one_that_cannot_be_started_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)

    def no_process(command: Sequence[str]) -> FakeChild:
        scene.started.append(command)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    scene.beside.start = no_process
    assert scene.tick() == 1
    assert "temporarily unavailable" in caplog.text
    assert [scene.tick(), scene.tick(TRY_AGAIN_MS)] == [1, 2]


def test_what_it_found_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)
    scene.tick()
    scene.children[0].code = 0
    with caplog.at_level(logging.INFO):
        scene.tick()
    assert "2 keys differ; handed to the next batches" in caplog.text


def test_a_child_may_say_more_than_a_pipe_holds(tmp_path: Path) -> None:
    child = start_quietly([sys.executable, "-c", "import sys; print('x' * 1_000_000); sys.stderr.write('e' * 200_000)"])
    out, err = child.communicate()
    assert (len(out), len(err), child.poll()) == (1_000_001, 200_000, 0)


def test_it_ends_with_the_loader(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.tick()
    scene.beside.close()
    assert scene.children[0].ended
