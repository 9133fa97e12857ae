"""Ads and their cells. Decoded here a second time, so that the comparison with Hive does not lean on the loader."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa

GIANT = "summer-sale"
GIANT_SHARE = 0.6
FEWEST = 1000
FAMILY = b"d"
COLUMNS = ("ad_id", "campaign", "title", "device", "impressions", "clicks", "cost", "active", "seen_at")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in COLUMNS[:4]),
        ("impressions", pa.int64()),
        ("clicks", pa.int32()),
        ("cost", pa.decimal128(12, 2)),
        ("active", pa.bool_()),
        ("seen_at", pa.timestamp("us")),
    ]
)
"""What Hive must show of the table, in this order of columns."""

_SEASONS = ("spring", "autumn", "winter", "easter", "holiday", "weekend", "night", "student")
_GOODS = ("shoes", "books", "travel", "games", "garden")
CAMPAIGNS = (GIANT, *(f"{season}-{goods}" for goods in _GOODS for season in _SEASONS))
"""The largest first."""

_DEVICES = ("phone", "tablet", "desktop", "tv")
_WORDS = ("Fresh", "Bright", "Quiet", "Bold", "Light", "Warm", "New", "Classic")
_EPOCH = datetime(2026, 7, 1)


@dataclass(frozen=True, slots=True)
class Ad:
    """One row of the ad-performance table."""

    ad_id: str
    campaign: str
    title: str
    device: str
    impressions: int
    clicks: int
    cost: Decimal
    active: bool
    seen_at: datetime


Cells = dict[bytes, bytes]
"""Qualifier → value."""


def make_ads(count: int, chance: random.Random) -> list[Ad]:
    """`count` ads: about 60 % in one campaign, the others in a long tail of 40, each with at least one."""
    weights = [1 / (rank + 1) for rank in range(len(CAMPAIGNS) - 1)]
    unit = count * (1 - GIANT_SHARE) / sum(weights)
    tail = {name: max(1, int(unit * weight)) for name, weight in zip(CAMPAIGNS[1:], weights, strict=True)}
    campaigns = [GIANT] * (count - sum(tail.values())) + [name for name, ads in tail.items() for _ in range(ads)]
    chance.shuffle(campaigns)
    return [make_ad(number, campaign, chance) for number, campaign in enumerate(campaigns)]


def make_ad(number: int, campaign: str, chance: random.Random) -> Ad:
    impressions = chance.randrange(100_000)
    clicks = impressions // chance.randrange(20, 200)
    return Ad(
        ad_id=f"ad-{number:07d}",
        campaign=campaign,
        title=f"{chance.choice(_WORDS)} {campaign.partition('-')[2]} No. {number}",
        device=chance.choice(_DEVICES),
        impressions=impressions,
        clicks=clicks,
        cost=Decimal(clicks * chance.randrange(5, 80)) / 100,
        active=chance.random() < 0.8,
        seen_at=_EPOCH + timedelta(milliseconds=chance.randrange(10**9)),
    )


def cells_of(ad: Ad) -> Cells:
    """As an application would write them: numbers and the flag like Bytes.toBytes, the rest as text."""
    return {
        b"campaign": ad.campaign.encode(),
        b"title": ad.title.encode(),
        b"device": ad.device.encode(),
        b"impressions": struct.pack(">q", ad.impressions),
        b"clicks": struct.pack(">i", ad.clicks),
        b"cost": str(ad.cost).encode(),
        b"active": b"\xff" if ad.active else b"\0",
        b"seen_at": ad.seen_at.isoformat(" ", "milliseconds").encode(),
    }


def ad_of(key: bytes, cells: Cells) -> Ad:
    """The inverse of `cells_of`. KeyError for a cell that is not there."""
    return Ad(
        ad_id=key.decode(),
        campaign=cells[b"campaign"].decode(),
        title=cells[b"title"].decode(),
        device=cells[b"device"].decode(),
        impressions=struct.unpack(">q", cells[b"impressions"])[0],
        clicks=struct.unpack(">i", cells[b"clicks"])[0],
        cost=Decimal(cells[b"cost"].decode()),
        active=cells[b"active"] != b"\0",
        seen_at=datetime.fromisoformat(cells[b"seen_at"].decode()),
    )


def as_table(ads: Iterable[Ad]) -> pa.Table:
    """Rows of SCHEMA, sorted by ad_id."""
    rows = sorted(ads, key=lambda ad: ad.ad_id)
    return pa.table({name: [getattr(ad, name) for ad in rows] for name in COLUMNS}, SCHEMA)


Totals = dict[str, tuple[int, int, int, Decimal]]
"""Campaign → ads, impressions, clicks, cost: the report that the demo queries."""


def totals_of(ads: Iterable[Ad]) -> Totals:
    """The report, computed from the rows themselves."""
    totals: Totals = {}
    for ad in ads:
        count, impressions, clicks, cost = totals.get(ad.campaign, (0, 0, 0, Decimal()))
        totals[ad.campaign] = (count + 1, impressions + ad.impressions, clicks + ad.clicks, cost + ad.cost)
    return totals


def sizes(ads: Sequence[Ad]) -> list[tuple[str, int]]:
    """Campaigns with their numbers of ads, the largest first."""
    return Counter(ad.campaign for ad in ads).most_common()
