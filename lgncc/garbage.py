"""Work that makes many objects and no cycles, without Python's collector of cycles.

It looks at all that live each time that they have grown by a quarter: half the time that a readout
of a hundred thousand bits takes to compress.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No collection inside; also a decorator. Reference counts free as ever."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
