"""Ragged object arrays of .npz files, without the danger of pickle.

numpy stores an array of arrays as a pickle, and an ordinary unpickler runs whatever code the file names. The
one here builds numpy arrays and refuses everything else, so a file from a stranger can be wrong but cannot
run.
"""

from __future__ import annotations

import pickle
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from elman.errors import DataError

_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_objects(file: IO[bytes], source: str) -> np.ndarray:
    """The object array in an open .npy file; raises `DataError` if it holds anything but arrays."""
    try:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype != np.dtype(object):
            raise pickle.UnpicklingError(f"its type is {dtype}")
        array = _ArraysOnly(file).load()
    except Exception as error:
        raise DataError(
            f"{source}: expected an object array of plain numpy arrays, got something else ({error})."
        ) from None
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise DataError(f"{source}: expected an object array of plain numpy arrays, got a damaged one.")
    return array
