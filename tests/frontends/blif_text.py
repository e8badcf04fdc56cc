"""BLIF text as the frontend reads it, or refuses it."""

from __future__ import annotations

import pytest

from lgncc.errors import InputError
from lgncc.frontends import GivenFacts, load


def read(tmp_path, text, **given):
    path = tmp_path / "net.blif"
    path.write_text(text)
    return load(path, GivenFacts(**given), "blif")


def refusal(tmp_path, text, **given):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **given)
    message = str(caught.value)
    path = str(tmp_path / "net.blif")
    assert message.startswith(path)
    return message.removeprefix(path)
