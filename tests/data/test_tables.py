"""CSV, TSV and JSONL: which columns and header are taken, and what bad files are answered."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from elman.data.columns import Columns
from elman.data.named import NAMED
from elman.data.source import read_source
from elman.data.tables import read_table
from elman.errors import ArgumentError, DataError

SENTENCES = ["a fine film", "dull and long", "moving , funny", "a waste of time"]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path, columns: Columns | None = None) -> str:
    with pytest.raises((DataError, ArgumentError)) as error:
        read_table(path, columns or Columns())
    return str(error.value).replace(f"{path.parent}/", "")


def rows(order: str = "text,label", separator: str = ",") -> str:
    pairs = [(text.replace(",", ";"), str(k % 2)) for k, text in enumerate(SENTENCES)]
    return "".join(separator.join(p if order == "text,label" else p[::-1]) + "\n" for p in pairs)


@pytest.mark.parametrize("order", ["text,label", "label,text"])
@pytest.mark.parametrize("name", ["data.csv", "data.tsv"])
@pytest.mark.parametrize("header", [True, False])
def test_columns_and_header_are_found(tmp_path: Path, order: str, name: str, header: bool) -> None:
    separator = "," if name.endswith("csv") else "\t"
    first = order.replace("text", "zeta").replace("label", "eta").replace(",", separator) + "\n"
    path = written(tmp_path, name, (first if header else "") + rows(order, separator))
    examples, note, taken = read_table(path, Columns())
    assert examples.inputs == [text.replace(",", ";") for text in SENTENCES]
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 1, 0, 1]
    assert examples.first_row == 2 if header else 1
    names = ("zeta", "eta") if header else ("column_1", "column_2")[:: 1 if order == "text,label" else -1]
    assert (taken.text, taken.label, taken.header) == (*names, "yes" if header else "no")
    assert note == (
        f"{name}: text from column {names[0]!r} (the longest texts), "
        f"labels from column {names[1]!r} (the fewest different values), {'with a' if header else 'no'} "
        f"header"
    )


def test_usual_names_are_known(tmp_path: Path) -> None:
    path = written(
        tmp_path, "data.csv", "comment of the reader,Text,Label\nvery long indeed,good,1\nalso long,bad,0\n"
    )
    examples, note, _ = read_table(path, Columns())
    assert examples.inputs == ["good", "bad"]
    assert "'Text' (by its name), labels from column 'Label' (by its name)" in note


def test_columns_named_by_option(tmp_path: Path) -> None:
    path = written(tmp_path, "data.csv", "id,say,text,kind\n1,aa,bb,x\n2,cc,dd,y\n")
    for columns in (Columns("say", "kind"), Columns("2", "4", "yes")):
        examples, note, _ = read_table(path, columns)
        assert examples.inputs == ["aa", "cc"]
        assert examples.labels is not None
        assert examples.labels.tolist() == ["x", "y"]
        assert "'say' (named), labels from column 'kind' (named)" in note


def test_json_lines(tmp_path: Path) -> None:
    text = '{"text": "a b", "label": true, "more": [1]}\n{"text": "c", "label": false, "more": []}\n'
    examples, _, _ = read_table(written(tmp_path, "data.jsonl", text), Columns())
    assert examples.inputs == ["a b", "c"]
    assert examples.labels is not None
    assert examples.labels.tolist() == ["true", "false"]


def test_gzip(tmp_path: Path) -> None:
    path = written(tmp_path, "data.csv.gz", gzip.compress(rows().encode()))
    assert len(read_table(path, Columns())[0]) == 4


def test_quotes_mean_something_in_csv_only(tmp_path: Path) -> None:
    csv = written(tmp_path, "data.csv", 'text,label\n"said ""no"", then\nleft",1\nyes,0\n')
    assert read_table(csv, Columns())[0].inputs == ['said "no", then\nleft', "yes"]
    tsv = written(tmp_path, "data.tsv", 'text\tlabel\nsaid "no\t1\n"yes\t0\n')
    assert read_table(tsv, Columns())[0].inputs == ['said "no', '"yes']


def test_line_ends_and_marks_of_other_systems(tmp_path: Path) -> None:
    path = written(tmp_path, "data.csv", b"\xef\xbb\xbftext,label\r\nyes,1\r\nno,0\r\n")
    examples, _, _ = read_table(path, Columns())
    assert examples.inputs == ["yes", "no"]
    assert examples.labels is not None
    assert examples.labels.tolist() == [1, 0]


def test_labels_that_only_look_like_numbers_stay_texts(tmp_path: Path) -> None:
    examples, _, _ = read_table(written(tmp_path, "data.csv", "text,label\na,01\nb,1\n"), Columns())
    assert examples.labels is not None
    assert examples.labels.tolist() == ["01", "1"]


def test_no_utf8(tmp_path: Path) -> None:
    path = written(tmp_path, "data.csv", b"text,label\ngood,1\n" + "schön,0\n".encode("latin1"))
    assert complaint(path) == (
        "data.csv: expected UTF-8 text, got the byte 0xf6 in line 3 (byte 21 of the file). "
        "Convert it first, e.g. iconv -f latin1 -t utf-8."
    )


@pytest.mark.parametrize(
    ("name", "text", "columns", "expected"),
    [
        ("data.csv", "", Columns(), "data.csv: expected at least one example, got an empty data set."),
        (
            "data.csv",
            "text,label\n",
            Columns(header="yes"),
            "data.csv: expected at least one example, got only a header.",
        ),
        (
            "data.csv",
            "one\ntwo\n",
            Columns(),
            "data.csv: expected a text column and a label column, got one column, which begins with 'one'.",
        ),
        (
            "data.csv",
            "text,label\na,1\nb,0\n",
            Columns("txet"),
            "data.csv: text_column: unknown name 'txet'. Did you mean 'text'? Valid: label, text. Or "
            "its number, 1 to 2.",
        ),
        (
            "data.csv",
            "text,label\na,1\nb,0\n",
            Columns(label="3"),
            "data.csv: label_column: unknown name '3'. Valid: label, text. Or its number, 1 to 2.",
        ),
        (
            "data.csv",
            "text,label\na,1\nb,\n",
            Columns(),
            "data.csv: expected a label in every row, got an empty one in row 3 (column 'label').",
        ),
        (
            "data.csv",
            "text,label\na,1\nb,c,0\n",
            Columns(),
            "data.csv: expected 2 columns in every row, as in row 1, got 3 in row 3. "
            "A text with a separator in it needs quotes (CSV).",
        ),
        (
            "data.csv",
            'text,label\na,1\n"b,0\nc,1\n',
            Columns(),
            "data.csv: expected quotes around whole texts, got one in row 3 that begins or ends none. "
            "A quote within a text is written twice, and the text stands in quotes (CSV).",
        ),
        (
            "data.csv",
            'text,label\na,1\n5" tall,0\n6" tall,1\nb,0\n',
            Columns(),
            "data.csv: expected quotes around whole texts, got one in row 3 that begins or ends none. "
            "A quote within a text is written twice, and the text stands in quotes (CSV).",
        ),
        (
            "data.csv",
            "text,text,label\na,b,1\n",
            Columns(),
            "data.csv: header: expected different names of the columns, got 'text' twice.",
        ),
        (
            "data.csv",
            "1.5,0\n2.5,1\n",
            Columns(),
            "data.csv: expected a text column, got only numbers in 'column_1', 'column_2'. Sequences of "
            "numbers are "
            "read from .npz files; a column of numbers is taken as text if --text-column names it.",
        ),
        (
            "data.csv",
            "text,label\na,1\n",
            Columns("text", "text"),
            "data.csv: expected two different columns for text and label, got 'text' for both.",
        ),
        (
            "data.jsonl",
            '{"text": "a", "label": 1}\n{"text": "b", label: 0}\n',
            Columns(),
            "data.jsonl: expected one JSON object a line, got a mistake in line 2 "
            "(Expecting property name enclosed in double quotes).",
        ),
    ],
)
def test_bad_tables(tmp_path: Path, name: str, text: str, columns: Columns, expected: str) -> None:
    assert complaint(written(tmp_path, name, text), columns) == expected


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pl.DataFrame({"text": SENTENCES, "label": [0, 1, 0, 1], "words": [s.split() for s in SENTENCES]})
    table.write_parquet(path)
    examples, note, taken = read_table(path, Columns())
    assert examples.inputs == SENTENCES
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 1, 0, 1]
    assert note.startswith("data.parquet: text from column 'text' (by its name), labels from column 'label'")
    assert (taken.text, taken.label) == ("text", "label")
    path.write_bytes(path.read_bytes()[:-20])
    assert complaint(path).startswith("data.parquet: expected a Parquet file, got a damaged one (")


def test_a_damaged_gzip(tmp_path: Path) -> None:
    path = written(tmp_path, "data.csv.gz", gzip.compress(rows().encode())[:-9])
    assert complaint(path).startswith("data.csv.gz: expected a gzip file, got a truncated or damaged one")


def test_a_folder_with_its_parts(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        written(tmp_path, f"{part}.tsv", rows(separator="\t"))
    splits = read_source(str(tmp_path), Columns())
    assert list(splits.parts()) == ["train", "valid", "test"]
    assert [part.source for part in splits.parts().values()] == [
        f"{tmp_path}/{p}.tsv" for p in ("train", "dev", "test")
    ]


def test_a_folder_without_a_training_file(tmp_path: Path) -> None:
    written(tmp_path, "notes.txt", "")
    with pytest.raises(DataError) as error:
        read_source(str(tmp_path), Columns())
    assert str(error.value) == (
        f"{tmp_path}: expected a file train.npz, train.ts, train.csv, train.tsv, train.jsonl or "
        "train.parquet, or one folder a class with texts (.txt), recordings or images, got notes.txt. "
        "Name the files themselves: --data, --valid, --test."
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("digitz", f"data: unknown name 'digitz'. Did you mean 'digits'? Valid: {', '.join(NAMED)}."),
        ("", f"data: expected a data set ({', '.join(NAMED)}), a file or a folder, got ''."),
        ("no/such.csv", "data: expected a file, got 'no/such.csv', whose folder 'no' does not exist."),
    ],
)
def test_data_that_is_not_there(data: str, expected: str) -> None:
    with pytest.raises((DataError, ArgumentError)) as error:
        read_source(data, Columns())
    assert str(error.value) == expected


def test_an_ending_that_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "data.xlsx", "x")
    with pytest.raises(DataError) as error:
        read_source(str(path), Columns())
    assert str(error.value) == (
        "data: expected a file that ends in .npz, .ts, .csv, .tsv, .jsonl, .ndjson, .parquet "
        f"(or these with .gz), an IDX file or a folder, got '{path}'."
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "text", "label", "classes"),
    [
        ("sst2/dev.tsv", "column_1", "column_2", 2),
        ("names/names.tsv", "column_2", "column_1", 18),
        ("imdb/test.tsv.gz", "column_3", "column_1", 2),
    ],
)
def test_real_tables(data_folder: Path, file: str, text: str, label: str, classes: int) -> None:
    examples, _, taken = read_table(data_folder / file, Columns())
    assert (taken.text, taken.label, taken.header) == (text, label, "no")
    assert examples.labels is not None
    assert len(set(examples.labels.tolist())) == classes
