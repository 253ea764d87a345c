"""How sequences come in and go out: inside a layer they are always (T, B, F), whatever the caller's layout.

The caller's layouts: (T, B, I), (B, T, I) with batch_first, (T, I) for a single sequence, and PackedSequence.
Transposes are views. A PackedSequence is padded once, in its own sorted order, and packed again at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.errors import shown, wrong
from elman.nn.arguments import check_dimensions, check_lengths, check_resets


@dataclass
class Sequences:
    """A batch of sequences, and the way back to the caller's layout.

    Attributes:
        data: (T, B, F).
        lengths: (B,) int64 on the CPU, or None where all have T steps.
        resets: (T, B) bool on the data's device, or None.
        batched: whether the caller gave a batch, rather than one sequence.
        batch_first: whether the caller's first dimension was B.
        packed: what the caller gave, if that was a PackedSequence.
    """

    data: Tensor
    lengths: Tensor | None
    resets: Tensor | None
    batched: bool
    batch_first: bool
    packed: PackedSequence | None = None

    def output(self, output: Tensor) -> Tensor | PackedSequence:
        """`output` (T, B, F) in the caller's layout."""
        if self.packed is not None:
            assert self.lengths is not None
            data = pack_padded_sequence(output, self.lengths).data
            return PackedSequence(
                data, self.packed.batch_sizes, self.packed.sorted_indices, self.packed.unsorted_indices
            )
        if not self.batched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output

    def state_in(self, state: Tensor) -> Tensor:
        """A caller's state, (n, B, W) or (n, W), as (n, B, W) in the order of `data`."""
        if self.packed is not None and self.packed.sorted_indices is not None:
            return state.index_select(1, self.packed.sorted_indices)
        return state if self.batched else state.unsqueeze(1)

    def state_out(self, state: Tensor) -> Tensor:
        """A state (n, B, W) in the order of `data`, as the caller's (n, B, W) or (n, W)."""
        if self.packed is not None and self.packed.unsorted_indices is not None:
            return state.index_select(1, self.packed.unsorted_indices)
        return state if self.batched else state.squeeze(1)


def arrange(input: Any, lengths: Any, resets: Any, batch_first: bool) -> Sequences:
    """The caller's `input` as `Sequences`.

    Raises:
        ArgumentError: neither a tensor of 2 or 3 dimensions nor a PackedSequence; bad `lengths` or `resets`;
            `lengths` beside a PackedSequence, which has its own.
    """
    if isinstance(input, PackedSequence):
        return _unpack(input, lengths, resets, batch_first)
    if not isinstance(input, Tensor):
        raise wrong("input", expected="a tensor or a PackedSequence", got=shown(f"a {type(input).__name__}"))
    check_dimensions(input, ("steps", "features"))
    batched = input.dim() == 3
    if not batched:
        data = input.unsqueeze(1)
    else:
        data = input.transpose(0, 1) if batch_first else input
    if lengths is not None:
        lengths = check_lengths(lengths, data.shape[0], data.shape[1])
    if resets is not None:
        resets = _resets(resets, data, batched, batch_first)
    return Sequences(data, lengths, resets, batched, batch_first)


def _resets(resets: Any, data: Tensor, batched: bool, batch_first: bool) -> Tensor:
    """The caller's resets as (T, B), on the device of `data` (T, B, F)."""
    steps, batch = data.shape[:2]
    shape = (steps,) if not batched else (batch, steps) if batch_first else (steps, batch)
    checked = check_resets(resets, shape, batch_first).to(data.device)
    return checked.unsqueeze(1) if not batched else checked.T if batch_first else checked


def _unpack(packed: PackedSequence, lengths: Any, resets: Any, batch_first: bool) -> Sequences:
    if lengths is not None:
        raise wrong(
            "lengths",
            expected="None beside a PackedSequence, which has its own lengths",
            got=shown(f"a {type(lengths).__name__}"),
            remedy="Leave lengths out, or pass the padded tensor instead of the PackedSequence.",
        )
    if packed.data.dim() != 2:
        raise wrong(
            "input",
            expected="a PackedSequence of (steps, features) sequences, whose data has 2 dimensions",
            got=tuple(packed.data.shape),
            remedy="Flatten the features of each sequence before packing.",
        )
    in_order = PackedSequence(packed.data, packed.batch_sizes)
    data, own_lengths = pad_packed_sequence(in_order)
    if resets is not None:
        resets = _resets(resets, data, True, batch_first)
        if packed.sorted_indices is not None:
            resets = resets.index_select(1, packed.sorted_indices)
    return Sequences(data, own_lengths, resets, True, False, packed)
