"""What a position in Kafka says: for each topic its id, and for each partition the next offset and its leader epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_EPOCH = -1
"""The epoch is not known: then truncation shows only by a log that ends too early."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one topic was read up to: all offsets below `offsets[n]` of partition n.

    `topic_id` tells a topic from one of its name that was made later. `epochs[n]` is a leader's: no record below the
    offset has a later one. By it the broker tells whether its log still is the one that was read, even if it was cut
    off before the offset and has grown beyond it again.
    """

    topic_id: str
    offsets: tuple[int, ...]
    epochs: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.offsets) != len(self.epochs):
            raise ValueError(f"{len(self.offsets)} offsets with {len(self.epochs)} epochs")


Places = Mapping[str, Place]
"""Topic → place."""


def places_to(places: Places) -> dict[str, Any]:
    """As JSON types, for `Position.value`."""
    return {
        topic: {"id": place.topic_id, "offsets": list(place.offsets), "epochs": list(place.epochs)}
        for topic, place in places.items()
    }


def places_of(value: Mapping[str, Any]) -> Places:
    """Of what `places_to` made. Raises ValueError, KeyError or TypeError for anything else."""
    return {
        str(topic): Place(str(place["id"]), tuple(map(int, place["offsets"])), tuple(map(int, place["epochs"])))
        for topic, place in value.items()
    }
