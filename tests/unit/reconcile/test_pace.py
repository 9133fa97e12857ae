"""No more than so many rows a second, whatever came between."""

from dataclasses import dataclass

from loader.ops.reconcile.pace import BURST_MS, Pace


@dataclass
class Time:
    """Moves only by sleeping, or by hand."""

    ms: float = 50_000.0

    def clock(self) -> int:
        return round(self.ms)

    def sleep(self, seconds: float) -> None:
        self.ms += 1000 * seconds


def read(pace: Pace, blocks: int, rows: int = 500) -> None:
    for _ in range(blocks):
        pace.took(rows)


def test_rows_take_as_long_as_the_rate_says() -> None:
    time = Time()
    read(Pace(1000, time.clock, time.sleep), 20)
    assert time.ms == 60_000


def test_without_a_rate_nothing_waits() -> None:
    time = Time()
    read(Pace(0, time.clock, time.sleep), 20)
    assert time.ms == 50_000


def test_what_a_pause_left_unread_is_not_caught_up_with() -> None:
    time = Time()
    pace = Pace(1000, time.clock, time.sleep)
    time.ms += 3_600_000  # HBase was away
    begun = time.ms
    read(pace, 20)
    assert time.ms - begun >= 10_000 - BURST_MS
