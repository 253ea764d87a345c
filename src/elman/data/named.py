"""The named data sets. A new one is one function and one line in `NAMED`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from elman.data.audio import read_recordings
from elman.data.columns import Columns
from elman.data.examples import Examples, Splits
from elman.data.feature_store import Item
from elman.data.folders import DEFAULT, FileSettings
from elman.data.idx_files import parse_idx
from elman.data.images import steps_of
from elman.data.remote import RemoteFile
from elman.data.sequences import Sequences
from elman.data.splits import stratified_share
from elman.data.tables import read_table
from elman.data.text_store import Source
from elman.data.ts_files import parse_ts

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
# of unpacked content; none of these is one file at its origin
_IMDB = {
    "train.tsv.gz": "20832aa532b079e85467520f90da3ce05ae9dd752b91b0c4e7ed393296ae3013",
    "test.tsv.gz": "57434b8e1276fde95f6ca0f3ecd4d7075650e2c6e212246f4a551daee3cab111",
}
_NAMES = "d846a22065ce58ec565b49163dd9e0ff7e236286ef50db4cffcae292305d1695"
_FSDD = "9cbd40a399fee10d4611dc8ffe6de219695fd804a62dfb43373f183715b43877"
_UEA = {
    "JapaneseVowels_TRAIN": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "JapaneseVowels_TEST": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
    "BasicMotions_TRAIN": "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
    "BasicMotions_TEST": "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
}


def digits(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """1,797 handwritten digits of 8×8 from scikit-learn, read as 8 rows of 8; every fifth of a class is the
    test.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (the part that was its test
    set).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.asarray(bunch.images, dtype=np.float32) / 16.0  # type: ignore[attr-defined]
    target = np.asarray(bunch.target)  # type: ignore[attr-defined]
    examples = Examples(Sequences.from_dense(steps_of(images, settings.read)), target, "digits")
    assert examples.labels is not None
    kept, held = stratified_share(examples.labels, 0.2, seed=0)
    return Splits(examples.select(kept), test=examples.select(held), scaled=True)


def mnist(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """60,000 + 10,000 handwritten digits of 28×28, read as 28 rows of 28; pixels to mean 0, deviation 1.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
    1998.
    """
    parts = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images = _idx(f"{prefix}-images-idx3-ubyte.gz")
        labels = _idx(f"{prefix}-labels-idx1-ubyte.gz").astype(np.int64)
        scaled = (images.astype(np.float32) / np.float32(255.0) - MNIST_MEAN) / MNIST_DEVIATION
        parts[part] = Examples(Sequences.from_dense(steps_of(scaled, settings.read)), labels, f"mnist {part}")
    return Splits(parts["train"], test=parts["test"], scaled=True)


def sst2(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """6,920 + 872 + 1,821 sentences of film reviews, positive (1) or negative (0).

    R. Socher et al., Recursive deep models for semantic compositionality over a sentiment treebank, 2013.
    """
    parts = {}
    for name, digest in _SST2.items():
        remote = RemoteFile(name, digest, (_SST2_ORIGIN + name,))
        part = name.removesuffix(".tsv")
        parts[part] = _table(remote, "sst2", Columns("1", "2", "no"), part)
    return Splits(parts["train"], parts["dev"], parts["test"])


def imdb(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """25,000 + 25,000 film reviews, positive (1) or negative (0).

    A. Maas et al., Learning word vectors for sentiment analysis, 2011.
    """
    columns = Columns("3", "1", "no")
    train, test = (
        _table(RemoteFile(name, digest, ()), "imdb", columns, name.partition(".")[0])
        for name, digest in _IMDB.items()
    )
    return Splits(train, test=test)


def names(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """20,050 surnames of 18 languages; no test part of its own."""
    return Splits(_table(RemoteFile("names.tsv", _NAMES, ()), "names", Columns("2", "1", "no"), ""))


def japanese_vowels(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """270 + 370 utterances of 9 speakers, 12 channels, 7 to 29 steps.

    M. Kudo, J. Toyama and M. Shimbo, Multidimensional curve classification using passing-through regions,
    1999.
    """
    return _archive("JapaneseVowels")


def basic_motions(settings: FileSettings = DEFAULT) -> Splits[Examples]:
    """40 + 40 recordings of a smart watch, 6 channels of 100 steps, 4 activities."""
    return _archive("BasicMotions")


def fsdd(settings: FileSettings = DEFAULT, *, speakers: bool = False) -> Splits[Examples]:
    """2,700 + 300 spoken digits of 6 speakers (recordings 0 to 4 of each are the test), as log-mel frames.

    Z. Jackson et al., Free Spoken Digit Dataset, 2018. speakers: the label is the speaker, not the digit.
    """
    remote = RemoteFile("recordings.tar.gz", _FSDD, ())
    with tarfile.open(fileobj=io.BytesIO(remote.content("fsdd"))) as archive:
        members = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda m: m.name)
        items = [Item(m.name, partial(_member, archive, m), _FSDD) for m in members]
        kept, notes, rate = read_recordings("fsdd", items, settings.audio, skip_bad=settings.skip_bad)
    called = [Path(items[place].name).stem.split("_") for place in kept.kept]
    labels = np.array([speaker if speakers else int(digit) for digit, speaker, _ in called])
    names = np.array([items[place].name for place in kept.kept])
    examples = Examples(kept.sequences, labels, "fsdd", names=names, rate=rate)
    tested = np.array([int(take) < 5 for _, _, take in called])
    rows = np.arange(len(tested))
    return Splits(examples.select(rows[~tested]), test=examples.select(rows[tested]), notes=tuple(notes))


NAMED: dict[str, Callable[[FileSettings], Splits[Examples]]] = {
    "basic_motions": basic_motions,
    "digits": digits,
    "fsdd": fsdd,
    "fsdd_speakers": partial(fsdd, speakers=True),
    "imdb": imdb,
    "japanese_vowels": japanese_vowels,
    "mnist": mnist,
    "names": names,
    "sst2": sst2,
}


def _table(remote: RemoteFile, folder: str, columns: Columns, part: str) -> Examples:
    with TemporaryDirectory() as place:
        path = Path(place) / remote.name.removesuffix(".gz")
        path.write_bytes(remote.content(folder))
        source = Source(f"{folder} {remote.name}", remote.sha256)
        examples, _, _ = read_table(path, columns, source=source)
    return Examples(examples.inputs, examples.labels, f"{folder} {part}".rstrip(), first_row=1)


def _archive(name: str) -> Splits[Examples]:
    """A data set of the UEA archive."""
    train, test = (
        parse_ts([RemoteFile(f"{stem}.ts.gz", digest, ()).content("uea_ucr")], f"{stem}.ts")
        for stem, digest in _UEA.items()
        if stem.startswith(name)
    )
    return Splits(train, test=test)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> io.BytesIO:
    file = archive.extractfile(member)
    assert file is not None
    return io.BytesIO(file.read())


def _idx(name: str) -> np.ndarray:
    """An array in the IDX format: 0 0 type rank, then the sizes as big-endian int32, then bytes."""
    content = RemoteFile(name, _MNIST[name], tuple(mirror + name for mirror in _MNIST_MIRRORS)).content(
        "mnist"
    )
    return parse_idx(content, name)
