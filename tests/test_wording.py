"""How numbers are said."""

from __future__ import annotations

import pytest

from lgncc.wording import counted


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 cycles"), (1, "1 cycle"), (2, "2 cycles"), (1783, "1,783 cycles")]
)
def test_one_thing_is_singular_and_thousands_have_a_comma(n, said):
    assert counted(n, "cycle") == said


def test_a_plural_may_be_its_own():
    assert [counted(n, "process", "processes") for n in (1, 2)] == ["1 process", "2 processes"]
