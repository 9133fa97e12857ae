"""A look that finds nothing spares a batch, for a few seconds, and never when it could not tell."""

import pytest

from loader.basics.errors import SourceError, Unavailable
from loader.sources.hbase.idle_check import BLIND_MS, LONGEST_MS, Stillness
from loader.sources.hbase.windows import Window, WindowRules
from partitioner.history.position import Position

RULES = WindowRules(lag_ms=0, overlap_ms=10, deep_overlap_ms=100, deep_every_ms=60_000)
SETTLED = Position("s", 0, 100_000, 99_900)
NOW = 101_000


class Looking:
    """Answers as told, and remembers the windows it was asked for."""

    def __init__(self, answer: bool | Exception = False) -> None:
        self.answer = answer
        self.windows: list[Window] = []

    def __call__(self, window: Window) -> bool:
        self.windows.append(window)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def still(look: Looking, settled: Position | None = SETTLED, batch_ms: int | None = NOW - 1) -> Stillness:
    return Stillness(look, settled, batch_ms)


def test_a_table_without_a_change_is_still() -> None:
    assert still(Looking(False)).lasts(NOW, NOW, RULES)


def test_a_table_with_a_change_is_not() -> None:
    assert not still(Looking(True)).lasts(NOW, NOW, RULES)


def test_the_look_goes_to_the_window_that_the_next_batch_would_read() -> None:
    look = Looking()
    still(look).lasts(NOW, NOW, RULES)
    assert look.windows == [Window(99_990, NOW, False, 99_900)]


@pytest.mark.parametrize("since", [LONGEST_MS, -1])
def test_a_batch_is_due_after_a_while_and_after_a_clock_that_went_back(since: int) -> None:
    assert not still(Looking(), batch_ms=NOW - since).lasts(NOW, NOW, RULES)


def test_nobody_looks_before_the_first_batch_has_told_where_windows_start() -> None:
    assert not still(Looking(), settled=None).lasts(NOW, NOW, RULES)
    assert not still(Looking(), batch_ms=None).lasts(NOW, NOW, RULES)


def test_a_deep_window_is_read_whatever_a_look_would_say() -> None:
    later = SETTLED.read_ms + 60_000
    assert not still(Looking(), batch_ms=later - 1).lasts(later, later, RULES)


@pytest.mark.parametrize("error", [Unavailable("away"), SourceError("refused")])
def test_a_look_that_fails_is_no_stillness_and_is_not_tried_again_soon(error: Exception) -> None:
    look = Looking(error)
    stillness = still(look)
    assert not stillness.lasts(NOW, NOW, RULES)
    look.answer, stillness.batch_ms = False, NOW
    assert not stillness.lasts(NOW + 1, NOW + 1, RULES)
    stillness.batch_ms = NOW + BLIND_MS
    assert stillness.lasts(NOW + 2, NOW + BLIND_MS, RULES)
