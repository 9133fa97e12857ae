"""A file whose bytes are durable before it has its name: one that is there was finished, also after power was lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from loader.storage.files import Files


@contextmanager
def whole_file(files: Files, temporary: str, final: str) -> Iterator[BinaryIO]:
    """A stream, as `Files.new_file` gives it, for who takes a name for the proof that the file is whole.

    `new_file` is durable after a `sync` only: without power in between the name may stand and the bytes be gone.
    Raises FileExistsError, as the block ends, if the name is taken. `temporary` is the caller's alone.
    """
    if files.can.durable_names:
        with files.new_file(temporary, final) as stream:
            yield stream
        return
    written = f"{temporary}.whole"
    with files.new_file(temporary, written) as stream:
        yield stream
    try:
        files.sync([written])
        files.link(written, final)
    finally:
        files.delete_file(written)
