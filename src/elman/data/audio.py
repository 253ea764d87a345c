"""Audio as log-mel frames: decoded by soundfile, resampled by soxr, filtered by kaldi-native-fbank.

Dimensions: S samples, T frames, F mel bands. The three packages are the extra `audio`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np

from elman.data.feature_store import Item, Stored, stored
from elman.errors import DataError, missing

ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
SILENT = 1e-4  # of the full scale, -80 dB: no sample of a recording is louder than that


@dataclass(frozen=True)
class AudioSettings:
    """How recordings become frames.

    sampling_rate: Hz to which all are resampled; None for the most frequent one.
    mixed_rates: resample or refuse, where recordings have several rates.
    mel_bands: F, from 20 Hz to half the sampling rate.
    frame, hop: milliseconds that a frame takes, and from one frame to the next.
    """

    sampling_rate: int | None = None
    mixed_rates: str = "resample"
    mel_bands: int = 40
    frame: float = 25.0
    hop: float = 10.0


def read_recordings(
    source: str, items: Sequence[Item], settings: AudioSettings, *, skip_bad: bool = False
) -> tuple[Stored, list[str], int]:
    """(log-mel frames of all recordings, notes on rates and on what was skipped, their sampling rate).

    Raises `DataError` that names the file for one that is damaged, empty or silent (unless `skip_bad`), and
    for several sampling rates where these are refused.
    """
    for package in ("soundfile", "soxr", "kaldi_native_fbank"):
        _extra(package)
    rates = [_rate(item) for item in items]
    counted = Counter(rate for rate in rates if rate)
    if not counted:
        raise DataError(f"{source}: expected recordings, got {len(items)} files that are none.")
    rate = settings.sampling_rate or counted.most_common(1)[0][0]
    notes = []
    if len(counted) > 1:
        listed = ", ".join(f"{count:,} of {hertz} Hz" for hertz, count in counted.most_common())
        if settings.mixed_rates == "refuse":
            odd = next(item.name for item, own in zip(items, rates, strict=True) if own and own != rate)
            raise DataError(
                f"{source}: expected one sampling rate, got {listed}; the first other one is '{odd}'. "
                "--mixed-rates resample brings all to one."
            )
        notes.append(f"sampling rates: {listed}; all resampled to {rate} Hz")
    elif rate not in counted:
        notes.append(f"resampled from {counted.most_common(1)[0][0]} to {rate} Hz")

    def features(file: BinaryIO, name: str) -> np.ndarray:
        return log_mel(*decode(file, name), to=rate, settings=settings, name=name)

    kept = stored(source, items, features, {**asdict(settings), "sampling_rate": rate}, skip_bad=skip_bad)
    if kept.skipped:
        listed = "; ".join(kept.skipped[:3]) + (" …" if len(kept.skipped) > 3 else "")
        notes.append(f"skipped {len(kept.skipped):,} bad files of {len(items):,}: {listed}")
    return kept, notes, rate


def _rate(item: Item) -> int | None:
    """The sampling rate that a file's header says; None for a damaged one, which `decode` reports."""
    soundfile = _extra("soundfile")
    try:
        with item.open() as file:
            return soundfile.info(file).samplerate
    except (soundfile.LibsndfileError, TypeError):
        return None


def decode(file: BinaryIO, name: str) -> tuple[np.ndarray, int]:
    """((S,) float32 in -1 to 1, the sampling rate); channels are averaged.

    Raises `DataError` for a file that cannot be decoded, has no samples, or is silent.
    """
    soundfile = _extra("soundfile")
    try:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError) as error:
        why = str(getattr(error, "error_string", error)).rstrip(".")
        raise DataError(f"{name}: expected a recording, got a damaged file ({why}).") from None
    mono = samples.mean(1, dtype=np.float32)
    if len(mono) == 0:
        raise DataError(f"{name}: expected a recording, got one without samples.")
    if not np.isfinite(mono).all():
        raise DataError(f"{name}: expected finite samples, got NaN or infinity.")
    if np.abs(mono).max() < SILENT:
        raise DataError(f"{name}: expected a recording, got silence (no sample above -80 dB).")
    return mono, rate


def log_mel(
    samples: np.ndarray, rate: int, *, to: int, settings: AudioSettings, name: str = "recording"
) -> np.ndarray:
    """(T, F) float32: the logarithm of the energy in each mel band, of one recording (S,)."""
    if rate != to:
        samples = _extra("soxr").resample(samples, rate, to)
    fbank = _extra("kaldi_native_fbank")
    options = fbank.FbankOptions()
    options.frame_opts.samp_freq = to
    options.frame_opts.frame_length_ms = settings.frame
    options.frame_opts.frame_shift_ms = settings.hop
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = settings.mel_bands
    computer = fbank.OnlineFbank(options)
    computer.accept_waveform(to, (samples * 32768.0).tolist())
    computer.input_finished()
    count = computer.num_frames_ready
    if count == 0:
        raise DataError(f"{name}: expected at least one frame of {settings.frame:g} ms, got a shorter one.")
    return np.stack([computer.get_frame(place) for place in range(count)])


def _extra(package: str) -> Any:
    """A package of the extra `audio`; raises `MissingError` that says so where it is missing."""
    try:
        return import_module(package)
    except ImportError:
        raise missing(package, extra="audio", what="Reading audio") from None
