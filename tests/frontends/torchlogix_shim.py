"""Make the real torchlogix importable where this Python is older than 3.12.

torchlogix 0.2.2 imports `torchlogix.circuit`, whose C generator nests one f-string with
triple quotes in another: syntax since Python 3.12 (PEP 701). On import here, the quotes
of the inner one are exchanged; nothing else of the package is touched.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys

import pytest

INNER_START = b'{"" if pack_bits is None else f"""'
INNER_END = b'}}"""}"""'


class _Requoted(importlib.machinery.SourceFileLoader):
    def get_data(self, path):
        data = super().get_data(path)
        if not path.endswith(".py"):
            raise OSError("bytecode of another source")  # compile ours
        assert (data.count(INNER_START), data.count(INNER_END)) == (1, 1), "another torchlogix"
        data = data.replace(INNER_START, INNER_START.replace(b'"""', b"'''"))
        return data.replace(INNER_END, b"}}'''}\"\"\"")

    def set_data(self, *_, **__):
        """Leave no bytecode of the changed source behind."""


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "torchlogix.circuit":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        return importlib.util.spec_from_loader(name, _Requoted(name, spec.origin))


def torchlogix(module="torchlogix"):
    """The package, or a module of it; skips the calling test module where it is not installed."""
    if importlib.util.find_spec("torchlogix") is None:
        pytest.skip(
            "torchlogix is not installed: pip install --no-deps torchlogix==0.2.2",
            allow_module_level=True,
        )
    if sys.version_info < (3, 12) and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return importlib.import_module(module)
