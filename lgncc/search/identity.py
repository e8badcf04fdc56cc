"""What makes two searches the same: the code, the tool, the network and the settings."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from operator import attrgetter
from typing import Any

import numpy as np

import lgncc
from lgncc.flow.tools import find_tool
from lgncc.search.candidate import Task
from lgncc.storage import ARRAYS

PACKAGES = ("lgncc.mapping", "lgncc.search")


@cache
def code_identity() -> str:
    """Of this lgncc, its mapper and its search: designs of others may have other sizes."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        files = [one for one in resources.files(package).iterdir() if one.name.endswith(".py")]
        for one in sorted(files, key=lambda file: file.name):
            digest.update(one.name.encode() + b"\0" + one.read_bytes())
    return f"{lgncc.__version__}+{digest.hexdigest()[:12]}"


def search_key(task: Task, settings: dict[str, Any]) -> str:
    """Of a search: settings are those that decide what is tried."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = np.asarray(attrgetter(name)(task.model))
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    facts = {
        "code": code_identity(),
        "abc": find_tool("abc").version,
        "readout": task.model.readout.kind,
        "k": task.k,
        "levels_a_cycle": task.levels_a_cycle,
        **settings,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()
