"""Whole modules, `torch.save(model)`, read without importing or running what they name.

torch's weights-only unpickler does the reading: it knows tensors and plain containers,
and calls nothing else. To it are added the names of the module classes that a family
needs; each becomes a `StandIn`, a plain record of attributes. A file that names
anything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterable
from typing import Any, ClassVar

from lgncc.errors import InputError
from lgncc.frontends.source import Source

SEQUENTIAL = "torch.nn.modules.container.Sequential"
FLATTEN = "torch.nn.modules.flatten.Flatten"

# What torch.nn.Module itself keeps, and what of it would change the forward pass.
_BOOKKEEPING = frozenset(
    {"training", "call_super_init", "dump_patches", "_is_full_backward_hook"}
    | {"_backward_hooks", "_backward_pre_hooks", "_non_persistent_buffers_set"}
    | {"_state_dict_hooks", "_state_dict_pre_hooks"}
    | {"_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"}
)
_FORWARD_HOOKS = frozenset(
    {"_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"}
    | {"_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"}
)
MAX_MODULES = 10_000


class StandIn:
    """A pickled module: its own attributes, parameters, buffers and children by name."""

    kind: ClassVar[str] = ""
    """The full name of the class that was pickled."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict) or not all(
            isinstance(name, str) and not name.startswith("__") for name in state
        ):
            raise ValueError(f"the state of a {self.kind} is no dict of attributes")
        vars(self).update(state)

    def held(self, part: str) -> dict[str, Any]:
        """What is not None of `_modules`, `_parameters` or `_buffers`. Raises ValueError."""
        content = vars(self).get(part, {})
        if not isinstance(content, dict):
            raise ValueError(f"{part} of a {self.kind} is no dict")
        return {name: value for name, value in content.items() if value is not None}

    def attributes(self) -> dict[str, Any]:
        """Parameters, buffers and what the class itself set, by name.

        Raises ValueError where a hook could change what the module computes.
        """
        if hooks := sorted(name for name in _FORWARD_HOOKS if vars(self).get(name)):
            raise ValueError(f"a {self.kind} has {', '.join(hooks)}, which lgncc cannot run")
        hidden = {*_BOOKKEEPING, *_FORWARD_HOOKS, "_parameters", "_buffers", "_modules"}
        own = {name: value for name, value in vars(self).items() if name not in hidden}
        return own | self.held("_parameters") | self.held("_buffers")


def names_in(source: Source) -> frozenset[str]:
    """Full names of the classes and functions that a zipped torch file's pickle names."""
    names = set()
    try:
        for opcode, argument, _ in pickletools.genops(source.member("/data.pkl") or b""):
            if opcode.name == "GLOBAL":
                names.add(str(argument).replace(" ", "."))
    except Exception:  # pickletools raises what a damaged stream makes of it
        return frozenset()
    return frozenset(names)


def load_modules(source: Source, kinds: Iterable[str]) -> StandIn:
    """The module of the file, of the classes `kinds`, Sequential and Flatten alone.

    Raises InputError where the file is no such module, naming what else it holds.
    """
    stand_ins = {
        kind: type(kind.rpartition(".")[2], (StandIn,), {"kind": kind})
        for kind in (*kinds, SEQUENTIAL, FLATTEN)
    }
    root = source.unpickle(stand_ins)
    if not isinstance(root, StandIn):
        raise InputError(f"{source.path}: holds a {type(root).__name__}, not a module")
    return root


def in_order(source: Source, root: StandIn, wrappers: Iterable[str] = ()) -> list[StandIn]:
    """The modules that compute, in the order in which data meets them.

    Sequential and the single-child `wrappers` are opened and Flatten is dropped. Raises
    InputError for a nesting that no model has.
    """
    pending: list[object] = [root]
    found: list[StandIn] = []
    for _ in range(MAX_MODULES):
        if not pending:
            return found
        module = pending.pop()
        if not isinstance(module, StandIn):
            raise InputError(f"{source.path}: a {type(module).__name__} where a module should be")
        try:
            children = module.held("_modules")
            if module.kind != FLATTEN:
                module.attributes()  # for the hooks of containers too
        except ValueError as error:
            raise InputError(f"{source.path}: {error}") from error
        if module.kind in wrappers and len(children) != 1:
            raise InputError(f"{source.path}: a {module.kind} of {len(children)} modules, not 1")
        if module.kind in (SEQUENTIAL, *wrappers):
            pending.extend(reversed(children.values()))
        elif module.kind != FLATTEN:
            found.append(module)
    raise InputError(f"{source.path}: over {MAX_MODULES} modules, or one that holds itself")
