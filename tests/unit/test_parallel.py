"""Many file calls at once: in order, all of them, and never a failure lost."""

import threading

import pytest

from loader.basics.beside import Beside, at_once, in_thread, when_asked
from loader.storage.local import LocalFiles
from loader.storage.parallel import each, each_durable

ONE, FOUR = LocalFiles(), LocalFiles(parallel=4)


@pytest.mark.parametrize("files", [ONE, FOUR])
def test_results_come_in_the_order_of_the_items(files: LocalFiles) -> None:
    assert each(files, lambda item: item * 2, range(50)) == [item * 2 for item in range(50)]


def test_as_many_are_under_way_at_once_as_the_file_system_can_use() -> None:
    meeting = threading.Barrier(4, timeout=60)
    each(FOUR, lambda _: meeting.wait(), range(8))  # twice four: each four meet, or it breaks


def test_one_after_the_other_where_that_is_quicker() -> None:
    here = threading.current_thread()
    assert each(ONE, lambda _: threading.current_thread(), range(3)) == [here] * 3


@pytest.mark.parametrize("files", [ONE, FOUR])
def test_the_first_failure_is_raised_and_what_has_not_begun_does_not_begin(files: LocalFiles) -> None:
    begun: list[int] = []

    def fails_at_two(item: int) -> None:
        begun.append(item)
        if item == 2:
            raise PermissionError(item)

    with pytest.raises(PermissionError):
        each(files, fails_at_two, range(1000))
    assert len(begun) < 1000


def test_syncs_may_be_many_where_nothing_else_is() -> None:
    meeting = threading.Barrier(4, timeout=60)
    each_durable(LocalFiles(parallel_syncs=4), lambda _: meeting.wait(), range(8))


@pytest.mark.parametrize("beside", [when_asked, at_once, in_thread])
def test_what_was_begun_gives_its_result(beside: Beside) -> None:
    assert beside(lambda: 7)() == 7


@pytest.mark.parametrize("beside", [when_asked, in_thread])
def test_what_was_begun_and_failed_says_so_to_who_asks(beside: Beside) -> None:
    def fails() -> int:
        raise PermissionError("no")

    asked = beside(fails)
    with pytest.raises(PermissionError):
        asked()


def test_nobody_waits_for_what_was_begun_in_a_thread_until_he_asks() -> None:
    go = threading.Event()
    asked = in_thread(lambda: go.wait(60))
    go.set()
    assert asked()
