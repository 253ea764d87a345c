"""The named data sets. A new one is one function and one line in `NAMED`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from elman.data.columns import Columns
from elman.data.examples import Examples, Splits
from elman.data.remote import RemoteFile
from elman.data.sequences import Sequences
from elman.data.splits import stratified_share
from elman.data.tables import read_table
from elman.errors import DataError

_FGNT = "https://raw.githubusercontent.com/fgnt/mnist/ae608a02b796c9ee908c082585a5f006fe05258e/"
_MNIST_MIRRORS = (
    _FGNT,
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MNIST = {
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# of the training pixels, in 0 to 1
MNIST_MEAN, MNIST_DEVIATION = np.float32(0.1307), np.float32(0.3081)
_SST2_ORIGIN = (
    "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification/"
    "457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/"
)
_SST2 = {
    "train.tsv": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
    "dev.tsv": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
    "test.tsv": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
}


def digits() -> Splits[Examples]:
    """1,797 handwritten digits of 8×8 from scikit-learn, read as 8 rows of 8; every fifth of a class is the
    test.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (the part that was its test
    set).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.asarray(bunch.images, dtype=np.float32) / 16.0  # type: ignore[attr-defined]
    target = np.asarray(bunch.target)  # type: ignore[attr-defined]
    examples = Examples(Sequences.from_dense(images), target, "digits")
    assert examples.labels is not None
    kept, held = stratified_share(examples.labels, 0.2, seed=0)
    return Splits(examples.select(kept), test=examples.select(held), scaled=True)


def mnist() -> Splits[Examples]:
    """60,000 + 10,000 handwritten digits of 28×28, read as 28 rows of 28; pixels to mean 0, deviation 1.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
    1998.
    """
    parts = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images = _idx(f"{prefix}-images-idx3-ubyte.gz")
        labels = _idx(f"{prefix}-labels-idx1-ubyte.gz").astype(np.int64)
        scaled = (images.astype(np.float32) / np.float32(255.0) - MNIST_MEAN) / MNIST_DEVIATION
        parts[part] = Examples(Sequences.from_dense(scaled), labels, f"mnist {part}")
    return Splits(parts["train"], test=parts["test"], scaled=True)


def sst2() -> Splits[Examples]:
    """6,920 + 872 + 1,821 sentences of film reviews, positive (1) or negative (0).

    R. Socher et al., Recursive deep models for semantic compositionality over a sentiment treebank, 2013.
    """
    parts = {}
    with TemporaryDirectory() as folder:
        for name, digest in _SST2.items():
            path = Path(folder) / name
            path.write_bytes(RemoteFile(name, digest, (_SST2_ORIGIN + name,)).content("sst2"))
            examples, _, _ = read_table(path, Columns("1", "2", "no"))
            parts[path.stem] = Examples(examples.inputs, examples.labels, f"sst2 {path.stem}", first_row=1)
    return Splits(parts["train"], parts["dev"], parts["test"])


NAMED: dict[str, Callable[[], Splits[Examples]]] = {"digits": digits, "mnist": mnist, "sst2": sst2}


def _idx(name: str) -> np.ndarray:
    """An array in the IDX format: 0 0 type rank, then the sizes as big-endian int32, then bytes."""
    content = RemoteFile(name, _MNIST[name], tuple(mirror + name for mirror in _MNIST_MIRRORS)).content(
        "mnist"
    )
    return parse_idx(content, name)


def parse_idx(content: bytes, source: str) -> np.ndarray:
    """An IDX file of bytes as an array; raises `DataError` if it is none."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(
            f"{source}: expected an IDX file of bytes, got one that begins with {content[:4].hex()}."
        )
    rank = content[3]
    shape = tuple(int.from_bytes(content[4 + 4 * d : 8 + 4 * d], "big") for d in range(rank))
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if data.size != int(np.prod(shape)):
        raise DataError(f"{source}: expected {int(np.prod(shape))} bytes of data, got {data.size}.")
    return data.reshape(shape)
