"""Sequences: batches gathered from the flat tensor are what a plain loop would build."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.data import sequences, spilled
from elman.data.sequences import Sequences, _gathered, _gathered_there
from elman.errors import DataError


def padded_by_hand(rows: list[np.ndarray]) -> torch.Tensor:
    """(T, B, F) of arrays (T_i, F)."""
    result = torch.zeros(max(len(row) for row in rows), len(rows), rows[0].shape[1])
    for place, row in enumerate(rows):
        result[: len(row), place] = torch.from_numpy(row)
    return result


def ragged(lengths: list[int], features: int = 3) -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    return [generator.normal(size=(length, features)).astype(np.float32) + 5 for length in lengths]


def test_a_ragged_batch_is_padded_with_zeros() -> None:
    rows = ragged([4, 1, 0, 7, 7])
    x, lengths = Sequences.from_arrays(rows).batch(torch.tensor([3, 0, 2]))
    assert torch.equal(x, padded_by_hand([rows[3], rows[0], rows[2]]))
    assert lengths is not None
    assert lengths.tolist() == [7, 4, 0]


@pytest.mark.parametrize("most", [None, 1, 3, 9])
@pytest.mark.parametrize("start", [0, 2])
def test_a_batch_of_some_steps_is_that_of_the_sequences_cut(start: int, most: int | None) -> None:
    rows = ragged([4, 1, 0, 7, 7])
    at = [3, 0, 2, 4]
    stop = None if most is None else start + most
    cut = [rows[row][start:stop] for row in at]
    x, lengths = Sequences.from_arrays(rows).batch(torch.tensor(at), start, most)
    assert torch.equal(x, padded_by_hand(cut))
    assert lengths is not None
    assert lengths.tolist() == [len(row) for row in cut]


@pytest.mark.parametrize("flat", [np.arange(1, 20), np.random.default_rng(4).normal(size=(19, 3))])
def test_both_ways_to_gather_agree(flat: np.ndarray) -> None:
    data = Sequences.from_flat(flat, np.array([4, 1, 0, 7, 7]))
    rows = torch.tensor([3, 0, 2])
    for lengths in (data.lengths[rows], None):
        given = (data.values, data.starts[rows], lengths, 7)
        assert torch.equal(_gathered(*given), _gathered_there(*given))


def test_a_batch_of_equal_lengths_needs_none() -> None:
    rows = ragged([4, 1, 7, 7])
    x, lengths = Sequences.from_arrays(rows).batch(torch.tensor([2, 3]))
    assert torch.equal(x, padded_by_hand([rows[2], rows[3]]))
    assert lengths is None


def test_dense_and_ragged_agree() -> None:
    array = np.random.default_rng(2).normal(size=(5, 4, 2))
    dense, flat = Sequences.from_dense(array), Sequences.from_arrays(list(array.astype(np.float32)))
    rows = torch.tensor([4, 0, 2])
    assert torch.equal(dense.batch(rows)[0], flat.batch(rows)[0])
    assert torch.equal(dense.batch(rows)[0], torch.from_numpy(array[[4, 0, 2]]).float().transpose(0, 1))


def test_tokens_are_padded_with_token_0() -> None:
    tokens = Sequences.from_flat(np.array([5, 6, 7, 8]), np.array([3, 1]))
    x, lengths = tokens.batch(torch.tensor([1, 0]))
    assert x.tolist() == [[8, 5], [0, 6], [0, 7]]
    assert lengths is not None
    assert lengths.tolist() == [1, 3]


def test_selected_sequences_share_the_values() -> None:
    whole = Sequences.from_arrays(ragged([2, 3, 4]))
    part = whole.select(np.array([2, 0]))
    assert part.values.data_ptr() == whole.values.data_ptr()
    assert torch.equal(part.batch(torch.tensor([0]))[0], whole.batch(torch.tensor([2]))[0])
    assert (len(part), part.longest, part.uniform, part.features) == (2, 4, False, 3)


def test_the_callers_array_is_copied() -> None:
    array = np.ones((2, 3, 1), dtype=np.float32)
    sequences = Sequences.from_dense(array)
    array[:] = 7
    assert sequences.batch(torch.tensor([0]))[0].max() == 1


def test_other_features_in_a_row_are_named() -> None:
    with pytest.raises(DataError) as error:
        Sequences.from_arrays([np.zeros((2, 3)), np.zeros((2, 4))])
    assert str(error.value) == "X: expected 3 features in every row, as in row 0, got 4 in row 1."


def test_a_flat_row_is_named() -> None:
    with pytest.raises(DataError) as error:
        Sequences.from_arrays([np.zeros((2, 3)), np.zeros(2)])
    assert str(error.value) == "X: expected an array (steps, features) in row 1, got shape (2,)."


@pytest.mark.parametrize(("front", "back"), [(0, 1), (1, 0), (2, 3), (20, 0)])
def test_sequences_without_their_ends(front: int, back: int) -> None:
    rows = ragged([4, 1, 0, 7, 7])
    order = [3, 0, 2, 1]
    cut = Sequences.from_arrays(rows).select(np.array(order)).cut(front=front, back=back)
    for mine, row in zip(cut, order, strict=True):
        np.testing.assert_array_equal(mine, rows[row][front : max(len(rows[row]) - back, front)])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_all_steps_come_in_pieces(size: int, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sequences, spilled):
        monkeypatch.setattr(module, "PIECE", size)
    if large:
        monkeypatch.setattr(spilled, "LARGE", 0)
    rows, order = ragged([4, 1, 0, 40, 7]), [3, 0, 2, 4, 1]
    every = Sequences.from_flat(np.concatenate(rows), np.array([len(row) for row in rows]))
    for given, wanted in ((every, rows), (every.select(np.array(order)), [rows[row] for row in order])):
        blocks = list(given.blocks())
        np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(wanted))
        assert max(block.nbytes for block in blocks) <= max(size, 12)
    dense = np.arange(60).reshape(5, 4, 3)
    np.testing.assert_array_equal(np.stack(list(Sequences.from_dense(dense))), dense)
