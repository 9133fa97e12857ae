"""What the windows cannot have seen is owed once, and stays until it is paid."""

from dataclasses import replace
from pathlib import Path

import pytest

from loader.basics.errors import Damage
from loader.state.gaps import Debt, debts, owe, pay
from loader.state.layout import Layout
from loader.storage.local import LocalFiles

FILES = LocalFiles()
AWAY = Debt("away since 100", "the loader was away for 2 h", "hbase:ads", since_ms=900, start_ms=100, end_ms=800)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(str(tmp_path))


def test_a_new_table_owes_nothing(layout: Layout) -> None:
    assert debts(FILES, layout) == ()


def test_what_is_owed_is_told_oldest_first(layout: Layout) -> None:
    older = replace(AWAY, what="truncated", since_ms=5)
    owe(FILES, layout, AWAY)
    owe(FILES, layout, older)
    assert debts(FILES, layout) == (older, AWAY)


def test_the_same_thing_found_again_is_one_debt(layout: Layout) -> None:
    assert owe(FILES, layout, AWAY)
    assert not owe(FILES, layout, replace(AWAY, since_ms=1000))
    assert debts(FILES, layout) == (AWAY,)


def test_a_paid_debt_is_gone_and_does_not_come_back(layout: Layout) -> None:
    owe(FILES, layout, AWAY)
    assert pay(FILES, layout, AWAY, paid_ms=2000, by="reconcile")
    assert not owe(FILES, layout, AWAY)
    assert debts(FILES, layout) == ()


def test_an_unreadable_debt_is_damage_and_not_forgotten(layout: Layout) -> None:
    owe(FILES, layout, AWAY)
    (path,) = Path(layout.debts).glob("*.json")
    path.write_text("{")
    with pytest.raises(Damage, match=path.name):
        debts(FILES, layout)
