"""A PyTorch state dict as checked numpy arrays, with every key accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lgncc.errors import InputError
from lgncc.frontends.source import Source

WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")
"""Keys under which training scripts put the state dict itself."""

Kind = Literal["float", "int", "bool"]


class StateDict:
    """Tensors by name. `take` checks one and marks it as read; `finish` refuses leftovers."""

    def __init__(self, source: Source, tensors: Mapping[str, Any]) -> None:
        self._source = source
        self._tensors = dict(tensors)
        self._unread = set(self._tensors)

    @classmethod
    def of(cls, source: Source) -> StateDict | None:
        """The state dict that the checkpoint is or wraps; None where it is neither.

        Raises InputError as `Source.checkpoint` does.
        """
        content = source.checkpoint
        import torch  # not before: what is no torch file takes none

        for _ in range(3):
            if not isinstance(content, Mapping) or not content:
                return None
            if all(
                isinstance(name, str) and isinstance(value, torch.Tensor) and not value.is_nested
                for name, value in content.items()
            ):
                return cls(source, content)
            wrapped = [name for name in WRAPPERS if isinstance(content.get(name), Mapping)]
            if len(wrapped) != 1:
                return None
            content = content[wrapped[0]]
        return None

    @classmethod
    def of_or_why(cls, source: Source) -> StateDict | str:
        """What a recognizer looks at: the state dict, or why there is none."""
        try:
            return cls.of(source) or "no state dict"
        except InputError:
            return "no torch file, or more than tensors in it"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names in the file's order."""
        return tuple(self._tensors)

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._tensors[key].shape)

    def dtype(self, key: str) -> str:
        """`float32`: what `take` may widen, for rules that depend on how values round."""
        return str(self._tensors[key].dtype).removeprefix("torch.")

    def describe(self, limit: int = 6) -> str:
        """`0.weights (8000, 16), 1.weights (8000, 16), ...` for messages."""
        shown = [f"{key} {self.shape(key)}" for key in self.keys[:limit]]
        return ", ".join([*shown, *(["..."] if len(self.keys) > limit else [])])

    def take(self, key: str, shape: tuple[int | None, ...], kind: Kind) -> npt.NDArray[Any]:
        """The tensor as a numpy array: float64, int64 or bool.

        shape: None stands for any length. Raises InputError where it is missing, of
        another shape or kind, or holds NaN or infinity.
        """
        import torch

        where = f"{self._source.path}: {key}"
        if key not in self._tensors:
            raise InputError(f"{where} is missing; the file has {self.describe()}")
        tensor = self._tensors[key]
        fits = len(tensor.shape) == len(shape) and all(
            want is None or want == got for want, got in zip(shape, tensor.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise InputError(f"{where} has shape {tuple(tensor.shape)}; expected ({wanted})")
        is_kind = {
            "float": tensor.is_floating_point(),
            "int": not (tensor.is_floating_point() or tensor.is_complex())
            and tensor.dtype != torch.bool,
            "bool": tensor.dtype == torch.bool,
        }
        if tensor.is_quantized or tensor.layout != torch.strided or not is_kind[kind]:
            raise InputError(f"{where} is {tensor.dtype}; expected {kind}")
        held = 0 if tensor.is_meta else tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > held:  # strides of 0 can claim any size
            raise InputError(f"{where} claims {tensor.numel()} values, more than the file holds")
        self._unread.discard(key)
        dtype = {"float": torch.float64, "int": torch.int64, "bool": torch.bool}[kind]
        array: npt.NDArray[Any] = tensor.detach().to("cpu", dtype).numpy()
        if kind == "float" and not np.isfinite(array).all():
            raise InputError(f"{where} holds NaN or infinity; the checkpoint is damaged")
        return array

    def ignore(self, key: str) -> None:
        """Mark a tensor as known and of no meaning for the network."""
        self._unread.discard(key)

    def finish(self) -> None:
        """Raise InputError if a tensor was not read: it could change the answer."""
        if self._unread:
            names = [key for key in self._tensors if key in self._unread]
            raise InputError(
                f"{self._source.path}: nothing is known of {', '.join(names[:6])}"
                f"{', ...' if len(names) > 6 else ''}; the network cannot be read safely"
            )
