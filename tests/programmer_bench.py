"""A build to be programmed: programs, a USB bus and device nodes, all made up."""

from __future__ import annotations

import hashlib
import json

import pytest

from lgncc.errors import EnvironmentLacksError
from lgncc.flow import usb
from lgncc.flow.program import program_board


class Bench:
    """A finished build, an empty PATH, and a USB bus without devices."""

    def __init__(self, tmp_path, monkeypatch):
        self.folder = tmp_path / "build"
        self.programs = tmp_path / "bin"
        self.calls = tmp_path / "calls"
        self.sysfs, self.nodes = tmp_path / "sysfs", tmp_path / "nodes"
        for folder in (self.folder, self.programs, self.sysfs, self.nodes):
            folder.mkdir()
        monkeypatch.setenv("PATH", str(self.programs))
        for name in ("ICEPROG", "OPENFPGALOADER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("lgncc.flow.tools._package_version", lambda _: None)
        monkeypatch.setattr(usb, "SYSFS", self.sysfs)
        monkeypatch.setattr(usb, "NODES", self.nodes)
        self.build("icebreaker", "bitstream.bin")

    def build(self, board, *names):
        (self.folder / "report.json").write_text(json.dumps({"board": {"name": board}}))
        for name in names:
            (self.folder / name).write_bytes(b"bits")
        files = dict.fromkeys(names, hashlib.sha256(b"bits").hexdigest())
        (self.folder / "MANIFEST.json").write_text(json.dumps({"files": files}))

    def programmer(self, name, said, code):
        """A program that notes its arguments, prints, and ends."""
        path = self.programs / name
        lines = ["#!/bin/bash", f'echo "$@" >> {self.calls}', "/bin/cat >&2 <<'END'", said, "END"]
        path.write_text("\n".join([*lines, f"exit {code}", ""]))
        path.chmod(0o755)

    def plug(self, number, product_id="6010", serial="", node=True):
        folder = self.sysfs / f"1-{number}"
        folder.mkdir()
        facts = {"idVendor": "0403", "idProduct": product_id, "busnum": "1", "devnum": str(number)}
        facts |= {"product": "iCEBreaker V1.0e"} | ({"serial": serial} if serial else {})
        for name, text in facts.items():
            (folder / name).write_text(f"{text}\n")
        (self.sysfs / f"1-{number}:1.0").mkdir()  # an interface: no ids
        if node:
            path = self.nodes / "001" / f"{number:03}"
            path.parent.mkdir(exist_ok=True)
            path.touch()

    def called(self):
        return self.calls.read_text().splitlines()

    def failure(self, error=EnvironmentLacksError, **options):
        with pytest.raises(error) as caught:
            program_board(self.folder, **options)
        return str(caught.value)
