"""A second loader, and people who change the table: each is named, nothing of theirs is overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import (
    Conflict,
    ForeignChange,
    HotswapError,
    Locked,
)
from loader.storage.local import local_path
from tests.integration.clicks import (
    CHANGED,
    THREE,
    At,
    Clicks,
    NewClicks,
    Scene,
    failure_of,
)

# Two loaders


def test_a_second_loader_ends_with_the_name_of_the_first(clicks: NewClicks) -> None:
    scene = Scene.of(clicks(*THREE))
    kept = scene.table.kept
    second = kept.loop()
    told: list[HotswapError] = []
    loop = kept.loop(watch=At("decide", lambda: told.append(failure_of(lambda: kept.turn(second)))))
    kept.turn(loop)
    assert (type(told[0]), told[0].exit_code) == (Locked, 3)
    assert f"hotswap {loop.env.identity.run}" in told[0].message
    assert scene.table.rows() == CHANGED
    assert scene.next_batch_is_right()


def test_two_loaders_by_turns_are_both_right(clicks: NewClicks) -> None:
    table = clicks(*THREE)
    loops = [table.kept.loop(), table.kept.loop()]
    for number in range(5):
        table.put((f"k{number}", ("mon", "tue", "wed")[number % 3], number), ("a", f"day{number % 2}", number))
        table.delete(f"k{number - 3}")
        table.kept.turn(loops[number % 2])
        assert table.rows()["a"] == (f"day{number % 2}", number)
    assert set(table.rows()) == {"a", "b", "c", "k2", "k3", "k4"}


def test_two_loaders_at_once_are_both_right(clicks: NewClicks) -> None:
    table = clicks(*THREE, lock_wait="60s")
    start = threading.Barrier(2)

    def load(number: int) -> None:
        loop = table.kept.loop()
        for turn in range(3):
            table.put((f"k{number}{turn}", "mon", turn), ("a", f"day{number}", turn))
            start.wait(60)
            table.kept.turn(loop)
        loop.env.metastore.close()

    with ThreadPoolExecutor(2) as pool:
        for loading in [pool.submit(load, number) for number in range(2)]:
            loading.result()
    loop = table.kept.loop()
    table.kept.turn(loop)
    assert len(table.rows()) == 3 + 6
    assert table.rows()["a"][0] in ("day0", "day1")
    assert table.unsettled() == 0


# Somebody else's hands


def moved_away(table: Clicks, folder: Path) -> Callable[[], None]:
    """SET LOCATION; the answer puts it back."""
    was = table.locations()["mon"]
    (folder / "theirs").mkdir()
    table.move("mon", f"file://{folder}/theirs")
    return lambda: table.move("mon", was)


def inserted_into(table: Clicks, folder: Path) -> Callable[[], None]:
    """INSERT INTO of another engine: one more file in the live directory."""
    theirs = local_path(table.locations()["mon"]) / "000000_0"
    theirs.write_bytes(b"PAR1")
    return theirs.unlink


def dropped(table: Clicks, folder: Path) -> Callable[[], None]:
    partition = table.partitions()["mon"]
    with table.metastore() as metastore:
        metastore.drop_partition(table.kept.table.hive_table, ("mon",))

    def back() -> None:
        with table.metastore() as metastore:
            metastore.add_partitions(table.kept.table.hive_table, [partition])

    return back


def added(table: Clicks, folder: Path) -> Callable[[], None]:
    """ADD PARTITION where the batch wants to make one."""
    (folder / "added").mkdir()
    theirs = replace(table.partitions()["mon"], values=("wed",), location=f"file://{folder}/added")
    with table.metastore() as metastore:
        metastore.add_partitions(table.kept.table.hive_table, [theirs])

    def back() -> None:
        with table.metastore() as metastore:
            metastore.drop_partition(table.kept.table.hive_table, ("wed",))

    return back


HANDS = {
    "set location": (moved_away, "mon"),
    "insert": (inserted_into, "mon"),
    "drop": (dropped, "mon"),
    "add": (added, "wed"),
}


@pytest.mark.parametrize(("hand", "day"), HANDS.values(), ids=HANDS.keys())
def test_what_somebody_else_changed_is_named_and_not_overwritten(
    clicks: NewClicks, tmp_path: Path, hand: Callable[[Clicks, Path], Callable[[], None]], day: str
) -> None:
    scene = Scene.of(clicks(*THREE))
    table = scene.table
    put_back = hand(table, tmp_path)
    found = table.locations()
    told = failure_of(lambda: table.kept.turn(table.kept.loop()))
    assert (type(told), told.exit_code) == (ForeignChange, 3)
    assert f"day={day}" in told.message
    assert "Nothing was overwritten" in told.hint
    assert found.items() <= table.locations().items()
    put_back()
    assert scene.next_batch_is_right()


MEANWHILE = [
    ("set location", "check"),
    ("insert", "decide"),
    ("insert", "check"),
    ("drop", "decide"),
    ("drop", "check"),
    ("add", "decide"),
]


@pytest.mark.parametrize(("hand", "step"), MEANWHILE)
def test_what_somebody_else_changes_in_the_middle_of_a_batch_is_not_overwritten(
    clicks: NewClicks, tmp_path: Path, hand: str, step: str
) -> None:
    change, _ = HANDS[hand]
    scene = Scene.of(clicks(*THREE))
    table = scene.table
    put_back: list[Callable[[], None]] = []
    loop = table.kept.loop(watch=At(step, lambda: put_back.append(change(table, tmp_path))))
    told = failure_of(lambda: table.kept.turn(loop))
    assert isinstance(told, Conflict), told
    put_back[0]()
    assert table.rows() == scene.before
    assert scene.next_batch_is_right()
