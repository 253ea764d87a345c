"""Recordings: four formats give the same frames; bad ones are named, skipped or refused."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from elman.data.audio import AudioSettings, decode, log_mel, read_recordings
from elman.data.columns import Columns
from elman.data.feature_store import file_item
from elman.data.folders import FileSettings
from elman.data.sequences import Sequences
from elman.data.source import read_source
from elman.errors import DataError, MissingError

soundfile = pytest.importorskip("soundfile")
soxr = pytest.importorskip("soxr")
pytest.importorskip("kaldi_native_fbank")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def recordings(tmp_path: Path, data_folder: Path) -> Path:
    """Twelve spoken digits, a folder for each of two."""
    folder = tmp_path / "digits"
    with tarfile.open(data_folder / "fsdd" / "recordings.tar.gz") as archive:
        for digit in (3, 7):
            (folder / str(digit)).mkdir(parents=True)
            for take in range(6):
                member = archive.extractfile(f"recordings/{digit}_jackson_{take}.wav")
                assert member is not None
                (folder / str(digit) / f"{take}.wav").write_bytes(member.read())
    return folder


def test_a_tone_is_in_its_band() -> None:
    seconds = np.arange(8000) / 8000
    settings = AudioSettings(mel_bands=20)
    low, high = (
        log_mel(0.5 * np.sin(2 * np.pi * hertz * seconds, dtype=np.float32), 8000, to=8000, settings=settings)
        for hertz in (300, 3000)
    )
    assert low.shape == high.shape == (100, 20)
    assert low[50].argmax() < 5 < 15 < high[50].argmax()


@pytest.mark.data
def test_a_folder_a_class(recordings: Path) -> None:
    splits = read_source(str(recordings), Columns())
    assert isinstance(splits.train.inputs, Sequences)
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == [3] * 6 + [7] * 6
    first = recordings / "3" / "0.wav"
    assert splits.train.names is not None
    assert splits.train.names[0] == str(first)
    with first.open("rb") as file:
        samples, rate = decode(file, "first")
    assert rate == 8000
    frames = log_mel(samples, rate, to=rate, settings=AudioSettings())
    assert int(splits.train.inputs.lengths[0]) == len(frames) == round(len(samples) / 80)
    np.testing.assert_array_equal(splits.train.inputs.batch(torch.tensor([0]))[0][:, 0].numpy(), frames)


def np_rows(*rows: int):
    import torch

    return torch.tensor(rows)


@pytest.mark.data
@pytest.mark.parametrize(("ending", "close"), [("flac", 1e-3), ("ogg", 2.0), ("mp3", 2.0)])
def test_other_formats(recordings: Path, tmp_path: Path, ending: str, close: float) -> None:
    samples, rate = soundfile.read(recordings / "7" / "2.wav", dtype="float32")
    path = tmp_path / f"seven.{ending}"
    soundfile.write(path, samples, rate)
    with path.open("rb") as file:
        decoded, own = decode(file, "seven")
    settings = AudioSettings()
    frames = log_mel(decoded, own, to=rate, settings=settings)
    wanted = log_mel(samples, rate, to=rate, settings=settings)
    loud = slice(len(wanted) // 4, len(wanted) // 2)
    assert abs(len(frames) - len(wanted)) <= 20  # MP3 pads with silence
    assert np.abs(frames[loud] - wanted[loud]).mean() < close


@pytest.mark.data
def test_mixed_rates_are_said_or_refused(recordings: Path) -> None:
    path = recordings / "3" / "5.wav"
    samples, _ = soundfile.read(path, dtype="float32")
    soundfile.write(path, soxr.resample(samples, 8000, 16000), 16000)
    items = [file_item(p) for p in sorted(recordings.glob("3/*.wav"))]
    kept, notes, rate = read_recordings("threes", items, AudioSettings())
    assert notes == ["sampling rates: 5 of 8000 Hz, 1 of 16000 Hz; all resampled to 8000 Hz"]
    assert rate == 8000
    assert int(kept.sequences.lengths[5]) == round(len(samples) / 80)
    with pytest.raises(DataError) as error:
        read_recordings("threes", items, AudioSettings(mixed_rates="refuse"))
    assert str(error.value) == (
        "threes: expected one sampling rate, got 5 of 8000 Hz, 1 of 16000 Hz; the first other one is "
        f"'{path}'. --mixed-rates resample brings all to one."
    )


@pytest.mark.data
def test_bad_files_are_named_or_skipped(recordings: Path) -> None:
    silent, damaged = recordings / "3" / "1.wav", recordings / "7" / "4.wav"
    soundfile.write(silent, np.zeros(4000), 8000)
    damaged.write_bytes(b"no sound at all")
    with pytest.raises(DataError) as error:
        read_source(str(recordings), Columns())
    assert str(error.value) == (
        f"{silent}: expected a recording, got silence (no sample above -80 dB). "
        "--skip-bad goes on without such files."
    )
    splits = read_source(str(recordings), Columns(), FileSettings(skip_bad=True))
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == [3] * 5 + [7] * 5
    (note,) = splits.notes
    assert note.startswith(f"skipped 2 bad files of 12: {silent}: expected a recording, got silence")
    assert f"{damaged}: expected a recording, got a damaged file (" in note
    empty = io.BytesIO()
    soundfile.write(empty, np.zeros(0), 8000, format="WAV")
    empty.seek(0)
    with pytest.raises(DataError, match="expected a recording, got one without samples"):
        decode(empty, "empty")


@pytest.mark.data
def test_an_index(recordings: Path) -> None:
    index = recordings / "index.csv"
    index.write_text("path,label\n3/0.wav,three\n7/0.wav,seven\n3/1.wav,three\n")
    splits = read_source(str(index), Columns())
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == ["three", "seven", "three"]
    assert splits.notes == ("index.csv: 3 files from column 'path', labels from column 'label'",)
    index.write_text("path,label\n3/0.wav,three\n7/9.wav,seven\n")
    with pytest.raises(DataError) as error:
        read_source(str(index), Columns())
    assert str(error.value) == (
        f"{index}: expected a file in column 'path', got '{recordings}/7/9.wav', which does not exist, "
        "in row 3. Paths count from the folder of the table."
    )


@pytest.mark.data
def test_frames_are_computed_once_and_anew_for_changed_files(recordings: Path, tmp_path: Path) -> None:
    items = [file_item(p) for p in sorted(recordings.glob("*/*.wav"))]
    first, _, _ = read_recordings("digits", items, AudioSettings())
    (store,) = (tmp_path / "cache" / "features").iterdir()
    made = (store / "values.f32").stat().st_mtime_ns
    again, _, _ = read_recordings("digits", items, AudioSettings())
    assert (store / "values.f32").stat().st_mtime_ns == made
    assert np.array_equal(first.sequences.values.numpy(), again.sequences.values.numpy())
    shutil.copy(recordings / "7" / "0.wav", recordings / "3" / "0.wav")
    items = [file_item(p) for p in sorted(recordings.glob("*/*.wav"))]
    changed, _, _ = read_recordings("digits", items, AudioSettings())
    assert [p.name for p in (tmp_path / "cache" / "features").iterdir()] == [store.name]
    assert changed.sequences.lengths[0] == changed.sequences.lengths[6] != first.sequences.lengths[0]
    (store / "values.f32").unlink()  # what is mapped stays readable
    (store / "values.f32").write_bytes(b"cut")
    whole, _, _ = read_recordings("digits", items, AudioSettings())
    assert np.array_equal(whole.sequences.values.numpy(), changed.sequences.values.numpy())


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingError) as error:
        read_recordings("none", [], AudioSettings())
    assert str(error.value) == (
        "Reading audio needs the package soxr, which is not installed. "
        "Install it with the extra that brings it: pip install 'elman[audio]'."
    )
