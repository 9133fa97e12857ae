"""What happens to the ads while the loader runs: rounds of changes, as values."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from devservers.demo.data import CAMPAIGNS, GIANT, Ad, make_ad
from devservers.demo.source import Changes

NEW_CAMPAIGN = "flash-deal"
EMPTIED = CAMPAIGNS[-1]
WRONGED = CAMPAIGNS[20:23]


@dataclass(slots=True)
class Ads:
    """The rows that HBase must have, by key: what the rounds are made from, and what answers are held against."""

    rows: dict[str, Ad]
    chance: random.Random
    made: int

    @classmethod
    def of(cls, ads: Sequence[Ad], chance: random.Random) -> Ads:
        return cls({ad.ad_id: ad for ad in ads}, chance, len(ads))

    def some(self, count: int, campaign: str | None = None) -> list[Ad]:
        """Up to `count` ads by chance, of this campaign if one is named."""
        known = [ad for ad in self.rows.values() if campaign in (None, ad.campaign)]
        return self.chance.sample(known, min(count, len(known)))

    def new(self, count: int, campaigns: Sequence[str]) -> list[Ad]:
        numbers = range(self.made, self.made + count)
        self.made += count
        return [make_ad(number, campaigns[number % len(campaigns)], self.chance) for number in numbers]

    def take(self, changes: Changes) -> None:
        """These changes are in HBase now."""
        self.rows.update((ad.ad_id, ad) for ad in changes.puts)
        for key in changes.deletes:
            del self.rows[key]


@dataclass(frozen=True, slots=True)
class Round:
    """`make(ads, size)` gives the changes of one round."""

    text: str
    make: Callable[[Ads, int], Changes]


def change(ads: Ads, size: int) -> Changes:
    return Changes([clicked(ad, ads.chance) for ad in ads.some(size)])


def insert(ads: Ads, size: int) -> Changes:
    return Changes(ads.new(size, (NEW_CAMPAIGN, GIANT, *CAMPAIGNS[1:8])))


def move(ads: Ads, size: int) -> Changes:
    """From the giant to others: the row key stays, the partition does not."""
    return Changes([replace(ad, campaign=ads.chance.choice(CAMPAIGNS[1:10])) for ad in ads.some(size, GIANT)])


def delete(ads: Ads, size: int) -> Changes:
    """Some of the giant, and all of the smallest campaign."""
    emptied = [ad for ad in ads.rows.values() if ad.campaign == EMPTIED]
    return Changes(deletes=[ad.ad_id for ad in (*emptied, *ads.some(size, GIANT))])


ROUNDS = (
    Round("clicks come in all over the table", change),
    Round(f"new ads, and a new campaign {NEW_CAMPAIGN}", insert),
    Round(f"ads of {GIANT} move to other campaigns", move),
    Round(f"ads are deleted, {EMPTIED} loses all of them", delete),
)


def wrong(ads: Ads) -> Changes:
    """What a broken job does: no clicks and no cost in three campaigns."""
    return Changes([replace(ad, clicks=0, cost=ad.cost * 0) for ad in _wronged(ads)])


def right(ads: Ads, before: dict[str, Ad]) -> Changes:
    """The same job once it is corrected: the clicks of before, and those that came since."""
    return Changes([clicked(before[ad.ad_id], ads.chance) for ad in _wronged(ads)])


def _wronged(ads: Ads) -> list[Ad]:
    return [ad for ad in ads.rows.values() if ad.campaign in WRONGED]


def clicked(ad: Ad, chance: random.Random) -> Ad:
    clicks = chance.randrange(1, 50)
    return replace(ad, impressions=ad.impressions + 40 * clicks, clicks=ad.clicks + clicks, cost=ad.cost + clicks)


def slices(changes: Changes, count: int) -> Iterator[Changes]:
    """The same changes in `count` parts or fewer, as they would trickle in."""
    for number in range(count):
        part = Changes(changes.puts[number::count], changes.deletes[number::count])
        if len(part):
            yield part
