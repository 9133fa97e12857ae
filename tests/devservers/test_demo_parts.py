"""The parts of the demo that need no server: its arithmetic, its data, its folder."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from devservers.demo import rounds
from devservers.demo.data import FEWEST, GIANT, ad_of, as_table, cells_of, make_ads, sizes, totals_of
from devservers.demo.freshness import Freshness, Write
from devservers.demo.rounds import EMPTIED, ROUNDS, Ads
from devservers.demo.scratch import scratch
from devservers.demo.source import Changes


def test_write_belongs_to_the_first_batch_whose_window_holds_its_timestamp() -> None:
    freshness = Freshness([Write(1000, 1001, 1)])
    assert freshness.committed(window_end_ms=1000, confirmed_ms=2000) == []
    assert freshness.committed(window_end_ms=1001, confirmed_ms=3500) == [2.5]
    assert freshness.committed(window_end_ms=1002, confirmed_ms=9000) == []


def test_write_that_hbase_had_not_answered_belongs_to_a_later_batch() -> None:
    freshness = Freshness([Write(1000, 2100, 1)])
    assert freshness.committed(window_end_ms=1500, confirmed_ms=2000) == []
    assert freshness.committed(window_end_ms=2500, confirmed_ms=3000) == [2.0]


def test_percentiles_count_rows_and_not_writes() -> None:
    freshness = Freshness(samples=[(9.0, 1), (1.0, 98), (2.0, 1)])
    assert [freshness.percentile(share) for share in (0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 2.0, 9.0]


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        Freshness().percentile(0.5)


def ads(count: int = 1000) -> Ads:
    chance = random.Random(1)
    return Ads.of(make_ads(count, chance), chance)


def test_cells_give_the_ad_back() -> None:
    rows = list(ads(100).rows.values())
    assert [ad_of(ad.ad_id.encode(), cells_of(ad)) for ad in rows] == rows


def test_one_campaign_has_most_ads_and_the_tail_is_long() -> None:
    counted = sizes(list(ads(60_000).rows.values()))
    assert (counted[0][0], len(counted), counted[-1][0]) == (GIANT, 41, EMPTIED)
    assert counted[0][1] == pytest.approx(36_000, rel=0.01)


def test_every_campaign_has_ads_in_the_smallest_table() -> None:
    assert len(sizes(list(ads(FEWEST).rows.values()))) == 41


def test_totals_count_what_the_rows_say() -> None:
    rows = [ad for ad in ads().rows.values() if ad.campaign == GIANT]
    (total,) = totals_of(rows).values()
    assert total == (len(rows), sum(ad.impressions for ad in rows), sum(ad.clicks for ad in rows), _cost(rows))


def _cost(rows: list[rounds.Ad]) -> Decimal:
    return sum((ad.cost for ad in rows), Decimal())


def test_table_of_ads_is_sorted_by_key_whatever_the_order() -> None:
    rows = list(ads(50).rows.values())
    assert as_table(reversed(rows)).equals(as_table(rows))


@pytest.mark.parametrize("each", ROUNDS, ids=lambda each: each.make.__name__)
def test_round_changes_what_it_says(each: rounds.Round) -> None:
    known = ads()
    before = dict(known.rows)
    changes = each.make(known, 10)
    known.take(changes)
    new = [key for key in known.rows if key not in before]
    moved = [ad for key, ad in known.rows.items() if key in before and ad.campaign != before[key].campaign]
    gone = [key for key in before if key not in known.rows]
    touched = {"change": (0, 0, 0), "insert": (10, 0, 0), "move": (0, 10, 0), "delete": (0, 0, len(changes))}
    assert (len(new), len(moved), len(gone)) == touched[each.make.__name__]
    assert all(before.get(ad.ad_id) != ad for ad in changes.puts)


def test_broken_job_and_its_repair_touch_the_same_rows() -> None:
    known = ads()
    before = dict(known.rows)
    broken = rounds.wrong(known)
    known.take(broken)
    mended = rounds.right(known, before)
    assert {ad.ad_id for ad in broken.puts} == {ad.ad_id for ad in mended.puts}
    assert all(ad.clicks > before[ad.ad_id].clicks for ad in mended.puts)


def test_slices_are_all_of_the_changes_once() -> None:
    rows = list(ads(50).rows.values())
    parts = list(rounds.slices(Changes(rows[:5], ["a", "b"]), 3))
    assert sorted(ad.ad_id for part in parts for ad in part.puts) == sorted(ad.ad_id for ad in rows[:5])
    assert sorted(key for part in parts for key in part.deletes) == ["a", "b"]


def test_folder_goes_at_the_end_and_stays_if_kept(tmp_path: Path) -> None:
    with scratch(tmp_path, keep=False) as folder, scratch(tmp_path, keep=True) as kept:
        (folder / "file").touch()
    assert (folder.exists(), kept.exists()) == (False, True)


def test_folder_of_a_killed_demo_goes_with_the_next_and_one_in_use_stays(tmp_path: Path) -> None:
    killed = tmp_path / "run-killed"
    killed.mkdir()
    with scratch(tmp_path, keep=False) as running, scratch(tmp_path, keep=False):
        assert (killed.exists(), running.exists()) == (False, True)
