"""classify from files to predictions: every form of data through the command line."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from elman import cli
from elman.data.sequences import Sequences
from elman.data.ts_files import read_ts
from elman.errors import ArgumentError, DataError
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.jobs import train
from elman.tasks.using import evaluate, predict

pytestmark = pytest.mark.data


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


def learn(data: Path, run: Path, **options: object) -> str:
    """What a short training says."""
    console = Console(file=io.StringIO(), width=300)
    small = {"hidden_size": 8, "epochs": 1, "batch_size": 8, "out": str(run), "data": str(data)}
    train("classify", ClassifyOptions(**{**small, **options}), console)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined]


def predicted(run: Path, data: Path, out: Path, **reading: object) -> list[dict[str, str]]:
    predict(str(run), Console(file=io.StringIO()), data=str(data), out=str(out), **reading)
    return list(csv.DictReader(io.StringIO(out.read_text())))


def spoken(data_folder: Path, folder: Path, takes: range) -> Path:
    """Digits 1 and 2 by two speakers, a folder for each digit."""
    with tarfile.open(data_folder / "fsdd" / "recordings.tar.gz") as archive:
        for digit in (1, 2):
            (folder / str(digit)).mkdir(parents=True)
            for name in (f"{digit}_{who}_{take}.wav" for who in ("theo", "lucas") for take in takes):
                member = archive.extractfile(f"recordings/{name}")
                assert member is not None
                (folder / str(digit) / name).write_bytes(member.read())
    return folder


def test_recordings(tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile, soxr = pytest.importorskip("soundfile"), pytest.importorskip("soxr")
    pytest.importorskip("kaldi_native_fbank")
    folder = spoken(data_folder, tmp_path / "spoken", range(5, 25))
    (folder / "1" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"broken\.wav: expected a recording, got a damaged file"):
        learn(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    said = learn(folder, tmp_path / "run", skip_bad=True, epochs=12, time_mask=5, frequency_mask=8)
    assert "skipped 1 bad files of 81" in said
    other = spoken(data_folder, tmp_path / "other", range(5))
    for path in other.rglob("*.wav"):  # recordings of another rate are brought to that of the training
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(path, soxr.resample(samples, rate, 16000), 16000)
    figures = evaluate(str(tmp_path / "run"), Console(file=io.StringIO()), data=str(other))
    assert figures["sequences"] == 20
    assert figures["accuracy"] >= 0.8
    rows = predicted(tmp_path / "run", other / "2", tmp_path / "said.csv")
    assert [Path(row["name"]).name for row in rows] == sorted(p.name for p in (other / "2").iterdir())
    assert {row["label"] for row in rows} <= {"1", "2"}
    (other / "2" / "broken.wav").write_bytes(b"RIFF")
    command = ("predict", str(tmp_path / "run"), "--data", str(other / "2"), "--skip-bad", "--overwrite")
    with pytest.raises(SystemExit) as ending:
        cli.main(command)
    assert not ending.value.code
    assert "skipped 1 bad files of 11" in " ".join(capsys.readouterr().out.split())


def test_series_of_a_long_table(tmp_path: Path, data_folder: Path) -> None:
    examples = read_ts(data_folder / "uea_ucr" / "BasicMotions_TRAIN.ts.gz")
    assert isinstance(examples.inputs, Sequences)
    assert examples.labels is not None
    values = examples.inputs.values[:-1].numpy()
    table = pl.DataFrame(values, [f"c{k}" for k in range(6)]).with_columns(
        pl.Series("who", np.repeat(np.arange(40), 100)),
        pl.Series("when", np.tile(np.arange(100), 40)),
        pl.Series("what", np.repeat(examples.labels, 100)),
    )
    table.write_parquet(tmp_path / "motions.parquet")
    named = {"id_column": "who", "time_column": "when", "label_column": "what"}
    with pytest.raises(DataError, match=r"id_column: unknown name 'wo'\. Did you mean 'who'"):
        learn(tmp_path / "motions.parquet", tmp_path / "run", **{**named, "id_column": "wo"})
    said = learn(tmp_path / "motions.parquet", tmp_path / "run", **named, bptt=30)
    assert "motions.parquet: 40 series by column 'who', time 'when', channels 'c0', 'c1'" in said
    assert "baseline: summary features" in said
    new = table.drop("what").sample(fraction=1.0, shuffle=True, seed=1)
    new.write_csv(tmp_path / "new.csv")
    rows = predicted(tmp_path / "run", tmp_path / "new.csv", tmp_path / "said.csv")
    assert sorted(int(row["name"]) for row in rows) == list(range(40))
    assert rows[0].keys() == {"row", "name", "label", *(f"p_{c}" for c in np.unique(examples.labels))}


def test_ts_files_in_a_folder_and_odd_classes(tmp_path: Path, data_folder: Path) -> None:
    for part in ("TRAIN", "TEST"):
        name = f"JapaneseVowels_{part}.ts.gz"
        (tmp_path / "vowels").mkdir(exist_ok=True)
        (tmp_path / "vowels" / name).write_bytes((data_folder / "uea_ucr" / name).read_bytes())
    said = learn(tmp_path / "vowels", tmp_path / "run", pooling="attention", convolution=3)
    assert "data: 243 train, 27 valid, 370 test" in said
    assert (tmp_path / "run" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    padding = float(said.split("padding ")[1].split("%")[0])
    assert padding < 10


def test_a_class_that_is_new_and_one_seen_once(tmp_path: Path, data_folder: Path) -> None:
    lines = (data_folder / "names" / "names.tsv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("Czech", "Polish", "Scottish"))]
    alone = next(line for line in lines if line.startswith("Korean"))
    (tmp_path / "names.tsv").write_text("\n".join([*kept, alone]) + "\n")
    (tmp_path / "more.tsv").write_text(kept[0] + "\nPolisch\tNowak\n")
    with pytest.raises(DataError) as error:
        learn(tmp_path / "names.tsv", tmp_path / "run", header="no", test=str(tmp_path / "more.tsv"))
    assert str(error.value) == (
        f"{tmp_path}/more.tsv: row 2 has the class 'Polisch', which was not in the training data. "
        "Did you mean 'Polish'? Known: 'Czech', 'Korean', 'Polish', 'Scottish'. "
        "Correct it, leave the row out, or train on examples of it."
    )
    assert not (tmp_path / "run").exists()
    told = (
        f"names.tsv: expected two examples of each class or more, got one of 'Korean', in row {len(kept) + 1}"
    )
    with pytest.raises(DataError, match=told):
        learn(tmp_path / "names.tsv", tmp_path / "run", header="no")
    assert not (tmp_path / "run").exists()
    said = learn(tmp_path / "names.tsv", tmp_path / "run", header="no", rare_labels="keep")
    assert "seen once in the training data: 'Korean'" in said
    assert "no example of 'Korean' in the test data: nothing is known of it there" in said


def test_a_part_of_its_own_that_lacks_a_class(tmp_path: Path, data_folder: Path) -> None:
    lines = (data_folder / "names" / "names.tsv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("Czech", "Polish", "Scottish"))]
    (tmp_path / "names.tsv").write_text("\n".join(kept) + "\n")
    (tmp_path / "more.tsv").write_text("\n".join(kept[:3]) + "\n")
    options = {"header": "no", "test": str(tmp_path / "more.tsv")}
    with pytest.raises(
        DataError, match=r"more\.tsv: expected examples of every class in the test data, got none of"
    ):
        learn(tmp_path / "names.tsv", tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
    said = learn(tmp_path / "names.tsv", tmp_path / "run", rare_labels="keep", **options)
    assert "in the test data: nothing is known of it there" in said


def test_a_test_folder_with_one_class_is_taken(tmp_path: Path) -> None:
    for folder in ("train/a", "train/b", "test/a"):
        (tmp_path / "texts" / folder).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "texts" / folder / f"{number}.txt").write_text(f"of {folder[-1]} number {number}")
    with pytest.raises(DataError, match="of every class in the test data, got none of 'b'"):
        learn(tmp_path / "texts", tmp_path / "run")
    said = learn(tmp_path / "texts", tmp_path / "run", rare_labels="keep")
    assert re.search(r"data: \d+ train, \d+ valid, 6 test", said)


def test_labels_that_are_all_different_and_empty_texts(tmp_path: Path, data_folder: Path) -> None:
    lines = (data_folder / "names" / "names.tsv").read_text().splitlines()[:40]
    rows = [line.split("\t") for line in lines]
    (tmp_path / "names.csv").write_text("".join(f"{name},{k}\n" for k, (_, name) in enumerate(rows)))
    with pytest.raises(DataError) as error:
        learn(tmp_path / "names.csv", tmp_path / "run", header="no")
    assert str(error.value) == (
        f"{tmp_path}/names.csv: expected classes that come more than once, got a different one for each "
        "of 40 examples. Check that the right column is taken as the label; for numbers to be predicted "
        "there is the task regress."
    )
    (tmp_path / "names.csv").write_text(
        "".join(f"{name * (k > 2)},{k % 2}\n" for k, (_, name) in enumerate(rows))
    )
    assert "train: 3 of 40 texts are empty" in learn(tmp_path / "names.csv", tmp_path / "run", header="no")


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("texts", {"time_mask": 3}, "time_mask: expected 0 for texts, as it is about numbers, got 3."),
        (
            "numbers",
            {"word_vectors": "glove.txt"},
            "word_vectors: expected None for numbers, as it is about texts",
        ),
        ("numbers", {"tokens": "bpe"}, "tokens: expected None for numbers, as it is about texts, got 'bpe'."),
    ],
)
def test_options_about_other_data(
    tmp_path: Path, kind: str, options: dict[str, object], expected: str
) -> None:
    data = tmp_path / ("data.csv" if kind == "texts" else "data.npz")
    if kind == "texts":
        data.write_text("text,label\n" + "good,1\nbad,0\n" * 20)
    else:
        np.savez(data, X=np.random.default_rng(0).normal(size=(20, 3, 2)), y=np.arange(20) % 2)
    with pytest.raises(ArgumentError) as error:
        learn(data, tmp_path / "run", **options)
    assert str(error.value).startswith(expected)
    assert not (tmp_path / "run").exists()
