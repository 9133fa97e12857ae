"""Rows that nobody looks at unless they cannot be decoded: sequences that make or find a row when it is asked for."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class _Lazy(Sequence[T]):
    def __len__(self) -> int:
        raise NotImplementedError

    def _at(self, index: int) -> T:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._at(number) for number in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])


class Picked(_Lazy[T], Generic[T]):
    """The items of `items` at `places`, in their order."""

    def __init__(self, items: Sequence[T], places: Sequence[int]) -> None:
        self._items, self._places = items, places

    def __len__(self) -> int:
        return len(self._places)

    def _at(self, index: int) -> T:
        return self._items[self._places[index]]


class Chained(_Lazy[T], Generic[T]):
    """One sequence after the other."""

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        self._parts = parts
        self._starts = list(accumulate((len(part) for part in parts), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def _at(self, index: int) -> T:
        part = bisect_right(self._starts, index) - 1
        return self._parts[part][index - self._starts[part]]
