"""The options of a task that answers once for a whole sequence, and how those about the form of the data are
handed to the readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from elman.data.audio import AudioSettings
from elman.data.columns import Columns
from elman.data.folders import FileSettings
from elman.data.images import READ
from elman.data.shorten import KEEP
from elman.data.tokens import TOKENS
from elman.tasks.pooled.pooling import POOLS
from elman.train.options import TrainOptions, choice, flag, real, text, whole

P = TypeVar("P", bound="PooledOptions")


@dataclass(frozen=True, kw_only=True)
class PooledOptions(TrainOptions):
    """What such tasks let be chosen beside the network and the training of all tasks."""

    # the network
    pooling: str | None = choice(None, tuple(POOLS))
    """What of the steps is read. Unless given: max for texts and recordings, last for other numbers."""
    convolution: int = whole(0, unit="steps")
    """Width of a convolution before the recurrent layers, with a filter for each hidden unit; 0 for none."""
    stride: int = whole(1, low=1, unit="steps")
    """Steps from one output of the convolution to the next."""
    embedding_size: int | None = whole(None, low=1, unit="features", optional=True)
    """Features of a token's embedding. Unless given: 128, or as the word vectors have."""
    word_vectors: str | None = text()
    """A text file of pretrained word vectors (.vec, GloVe; also .gz), from which the embedding starts."""

    # the training
    time_mask: int = whole(0, unit="steps")
    """Two stretches of up to so many steps are hidden in each sequence of numbers in training."""
    frequency_mask: int = whole(0, unit="features")
    """Two bands of up to so many features are hidden in each sequence of numbers in training."""
    offset_noise: float = real(0.0)
    """In training each feature of a sequence of numbers is moved by a random constant, with so many of its
    standard deviations (without standardize: of its units)."""
    batches: str = choice("length", ("length", "mixed"))
    """length puts sequences of similar length together, so that at most 10 % of all steps are padding; mixed
    takes any, however much that pads, which learns better where the data are few and length goes with class.
    """

    # the sequences
    standardize: bool | None = flag(None)
    """Bring each feature of numbers to mean 0 and deviation 1. Unless given: not in scaled named sets."""
    max_steps: int | None = whole(None, low=2, unit="steps", optional=True)
    """Longer sequences are cut to so many steps. Unless given: texts of over 400 words to 400."""
    keep: str = choice("ends", KEEP)
    """Which steps of a longer sequence are kept: the first and the last ones (ends), first or last."""
    tokens: str | None = choice(None, TOKENS)
    """What a text is cut into. Unless given: words, but characters where texts are single words."""
    lowercase: bool = flag(True)
    """Take capital letters as small ones."""
    min_frequency: int = whole(2, low=1, unit="times")
    """Tokens seen less often in the training data count as unknown."""
    max_vocabulary: int = whole(50_000, low=3, unit="tokens")
    """Only so many tokens are kept, the most frequent first."""

    # the files
    text_column: str | None = text(python=False)
    """Column of the text, by name or by number from 1. Found unless given."""
    label_column: str | None = text(python=False)
    """Column of the label, by name or by number from 1. Found unless given."""
    header: str = choice("auto", ("auto", "yes", "no"), python=False)
    """Whether the first row of a table names the columns."""
    id_column: str | None = text(python=False)
    """Of a long table, a row for each step: column of the series' id."""
    time_column: str | None = text(python=False)
    """Of a long table: column of the time, a number or a date, by which the steps are ordered."""
    channels: str | None = text(python=False)
    """Of a long table: columns of the numbers, separated by commas; all that are free unless given."""
    path_column: str | None = text(python=False)
    """Of an index of files: column of their paths, which count from the folder of the index."""
    read: str = choice("rows", READ, python=False)
    """Whether images are read by rows or by columns."""
    sampling_rate: int | None = whole(None, low=1, unit="Hz", optional=True, python=False)
    """Rate to which recordings are resampled. Unless given: the most frequent one."""
    mixed_rates: str = choice("resample", ("resample", "refuse"), python=False)
    """What is done where recordings have several sampling rates."""
    mel_bands: int = whole(40, low=1, unit="bands", python=False)
    """Mel bands of a frame of a recording."""
    frame_length: float = real(25.0, above=0.0, python=False)
    """Milliseconds that a frame of a recording takes."""
    frame_shift: float = real(10.0, above=0.0, python=False)
    """Milliseconds from one frame of a recording to the next."""
    skip_bad: bool = flag(False, python=False)
    """Go on without recordings or images that are damaged or silent, and count them."""


def columns_of(options: PooledOptions) -> Columns:
    """The columns that the options name."""
    return Columns(
        options.text_column,
        options.label_column,
        options.header,
        options.id_column,
        options.time_column,
        options.channels,
        options.path_column,
    )


def with_columns(options: P, columns: Columns) -> P:
    """The options with the columns that were taken."""
    return options.replace(
        text_column=columns.text,
        label_column=columns.label,
        header=columns.header,
        id_column=columns.id,
        time_column=columns.time,
        channels=columns.channels,
        path_column=columns.path,
    )


def settings_of(options: PooledOptions) -> FileSettings:
    """How the options say that files become sequences."""
    audio = AudioSettings(
        options.sampling_rate,
        options.mixed_rates,
        options.mel_bands,
        options.frame_length,
        options.frame_shift,
    )
    return FileSettings(audio, options.read, options.skip_bad)
