"""What tests of several frontends share."""

from __future__ import annotations

import tempfile

import pytest
import torch


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(7)


@pytest.fixture
def logs(tmp_path_factory, monkeypatch):
    """Where the logs of failed runs go, in a folder that pytest clears."""
    folder = tmp_path_factory.mktemp("logs")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def one_thread():
    """Small tensors: a second thread costs more than it brings, on a busy machine a lot."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
