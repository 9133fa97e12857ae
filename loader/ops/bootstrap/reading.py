"""One range of HBase's keys after the other, put into parts: those that are there are not read again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loader.ops.bootstrap.spool import SpooledPart, load_part, store_part
from loader.sources.hbase.key_ranges import Block, Ranges
from loader.storage.files import Files, join


@dataclass(frozen=True, slots=True)
class Reading:
    """To `folder`, as `run`. `took` is told of every part, by several threads."""

    files: Files
    folder: str
    run: str
    ranges: Ranges
    part_rows: int
    took: Callable[[SpooledPart], None]

    def range(self, at: int, start: bytes, stop: bytes) -> list[str]:
        """The names of range `at`'s parts, in key order: those that are there, then those that are read now.

        Where another bootstrap has stored a part first, this one goes on behind it.
        """
        names: list[str] = []
        for part in self._there(at):
            names.append(_name(at, len(names)))
            if part.upto is None:
                return names
            start = part.behind
        while True:
            for blocks, upto in self._gathered(start, stop):
                part = self._stored(_name(at, len(names)), blocks, upto)
                names.append(_name(at, len(names)))
                self.took(part)
                if part.upto is None:
                    return names
                start = part.behind
                if upto is None or upto.hex() != part.upto:
                    break

    def _there(self, at: int) -> Iterator[SpooledPart]:
        number = 0
        while self.files.exists(join(self.folder, f"{_name(at, number)}.json")):
            part = load_part(self.files, self.folder, _name(at, number))
            self.took(part)
            yield part
            number += 1

    def _stored(self, name: str, blocks: list[Block], upto: bytes | None) -> SpooledPart:
        try:
            return store_part(self.files, self.folder, name, self.run, blocks, upto)
        except FileExistsError:
            return load_part(self.files, self.folder, name)

    def _gathered(self, start: bytes, stop: bytes) -> Iterator[tuple[list[Block], bytes | None]]:
        blocks: list[Block] = []
        for block in self.ranges.blocks(start, stop):
            blocks.append(block)
            if sum(len(one.keys) for one in blocks) >= self.part_rows:
                yield blocks, block.last
                blocks = []
        yield blocks, None


def _name(at: int, number: int) -> str:
    return f"{at:06d}.{number:06d}"
