"""Whole modules never run code: malicious pickles, torch.save's and handmade ones."""

import builtins
import collections
import io
import os
import pickle
import subprocess
import zipfile

import difflogic_like as like
import pytest
import torch

from lgncc import frontends
from lgncc.errors import InputError
from lgncc.frontends import pickles
from lgncc.frontends.difflogic import GROUP_SUM, LOGIC_LAYER
from lgncc.frontends.source import Source


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.fixture
def module_with(tmp_path):
    """Saves a good module with something more in it; returns the path."""

    def save(extra):
        torch.manual_seed(0)
        model = like.network(4, [8, 8], 2)
        model[1].grad_factor = extra
        like.save_module(model, tmp_path / "module.pt")
        return tmp_path / "module.pt"

    return save


def refused(path, message):
    with pytest.raises(InputError, match=rf"{path.name}: .*{message}"):
        frontends.load(path, frontend="difflogic")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.mkdir, r"posix\.mkdir"),
        (os.system, r"posix\.system"),
        (open, "open"),
        (eval, "eval"),
        (exec, "exec"),
        (getattr, "getattr"),
        (__import__, "__import__"),
        (subprocess.Popen, r"commands\.Popen"),
        (torch.load, r"torch\.serialization\.load"),
        (pickle.loads, r"pickle\.loads"),
        (os.path.join, r"posixpath\.join"),
    ],
)
def test_calls_of_functions_are_refused_by_name_and_not_made(module_with, tmp_path, function, name):
    victim = str(tmp_path / "pwned")
    path = module_with(Call(function, victim))
    refused(path, name)
    assert not (tmp_path / "pwned").exists()


def handmade(tmp_path, body):
    """A torch zip file with this pickle in it."""
    path = tmp_path / "handmade.pt"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", body)
        archive.writestr("archive/version", "3\n")
    path.write_bytes(buffer.getvalue())
    return path


LAYER = f"c{LOGIC_LAYER.rpartition('.')[0]}\nLogicLayer\n".encode()
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
ORDERED = b"ccollections\nOrderedDict\n"


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value


HANDMADE = {
    # (function, args) BUILD: a slot state would set attributes of a function of torch.
    "slots of a function": LAYER + b"0" + REBUILD + b"N}" + text(b"__doc__") + b"K\x01s\x86b.",
    "slots of a class": ORDERED + b"N}" + text(b"move_to_end") + b"K\x01s\x86b0" + LAYER + b".",
    "slots of a stand-in": LAYER + b")\x81N}" + text(b"__class__") + ORDERED + b"s\x86b.",
    "dunder state": LAYER + b")\x81}" + text(b"__setstate__") + ORDERED + b"sb.",
    "state is no dict": LAYER + b")\x81K\x05b.",
    "arguments of a stand-in": LAYER + b"(K\x01K\x02t\x81.",
    "call of a stand-in": LAYER + b"(K\x01K\x02tR.",
    "inst opcode": b"(" + text(b"true") + b"ios\nsystem\n.",
    "obj opcode": b"(cos\nsystem\n" + text(b"true") + b"o.",
    "stack global": text(b"os") + text(b"system") + b"\x93.",
    "extension": b"\x82\x01.",
    "next buffer": b"\x97.",
    "a module of itself": LAYER
    + b"0ctorch.nn.modules.container\nSequential\n)\x81q\x00}"
    + text(b"_modules")
    + b"}"
    + text(b"0")
    + b"h\x00ssb.",
    "children no dict": LAYER
    + b"0ctorch.nn.modules.container\nSequential\n)\x81}"
    + text(b"_modules")
    + b"K\x01sb.",
    "child no module": LAYER
    + b"0ctorch.nn.modules.container\nSequential\n)\x81}"
    + text(b"_modules")
    + b"}"
    + text(b"0")
    + b"K\x01ssb.",
    "a list": LAYER + b"0].",
    "memo bomb": LAYER + b"0Nr\xff\xff\xff\x7f.",
    "no end": LAYER,
}


@pytest.mark.parametrize("name", HANDMADE)
def test_handmade_pickles_end_in_an_input_error(tmp_path, name):
    doc = torch._utils._rebuild_tensor_v2.__doc__
    move_to_end = collections.OrderedDict.move_to_end
    refused(handmade(tmp_path, b"\x80\x02" + HANDMADE[name]), "")
    assert torch._utils._rebuild_tensor_v2.__doc__ is doc
    assert collections.OrderedDict.move_to_end is move_to_end


def test_a_bomb_of_shared_modules_is_cut(tmp_path):
    """Ten levels of ten references each would be 10^10 modules."""
    model = torch.nn.Sequential(torch.nn.Flatten())
    for _ in range(10):
        model = torch.nn.Sequential(*[model] * 10)
    model.append(like.LogicLayer(2, 2))
    like.save_module(model, tmp_path / "bomb.pt")
    refused(tmp_path / "bomb.pt", "over 10000 modules")


def test_stand_ins_do_not_stay_in_torch(module_with):
    path = module_with(1.0)
    before = set(torch.serialization.get_safe_globals())
    frontends.load(path)
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


def test_names_in_lists_what_a_pickle_names(module_with, tmp_path):
    names = pickles.names_in(Source(module_with(Call(os.mkdir, "x"))))
    assert {LOGIC_LAYER, GROUP_SUM, pickles.SEQUENTIAL, "posix.mkdir"} <= names
    assert pickles.names_in(Source(handmade(tmp_path, b"\x80\x02junk"))) == frozenset()


def test_a_forward_hook_of_a_known_function_is_refused(tmp_path):
    torch.manual_seed(0)
    model = like.network(4, [8], 2)
    model._forward_hooks[0] = None  # as if a hook of an allowed name were there
    like.save_module(model, tmp_path / "hook.pt")
    refused(tmp_path / "hook.pt", "has _forward_hooks, which lgncc cannot run")


def test_the_checks_above_can_fail(tmp_path):
    """pickle itself does make the call: the payloads are live."""
    pickle.loads(pickle.dumps(Call(os.mkdir, str(tmp_path / "pwned"))))
    assert (tmp_path / "pwned").exists()
    assert builtins.open is open
