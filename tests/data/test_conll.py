"""Token files: CoNLL-U, the shared tasks' columns, TSV; what is wrong in one, and in which line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from elman.data.conll import is_token_file, read_tokens
from elman.data.tagged import StepColumns
from elman.errors import DataError

CONLLU = """\
# sent_id = 1
# text = Don't go.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_
3.1\tgone\tgo\tVERB\tVB\t_\t_\t_\t0:x\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_

# sent_id = 2
1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
"""
CONLL = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\n# SYM O\n5 CD O\n\n\n"


def read(folder: Path, content: str, name: str = "data.conllu", **options: object):
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    labelled = bool(options.pop("labelled", True))
    return read_tokens(path, StepColumns(**options), labelled=labelled)  # type: ignore[arg-type]


def test_conllu(tmp_path: Path) -> None:
    data, note, taken = read(tmp_path, CONLLU)
    assert list(data.inputs) == [["Do", "n't", "go", "."], ["#"]]
    assert data.labels is not None
    assert [labels.tolist() for labels in data.labels] == [["AUX", "PART", "VERB", "PUNCT"], ["SYM"]]
    assert note == "data.conllu: tokens from column 'FORM', labels from column 'UPOS'"
    assert data.lengths.tolist() == [4, 1]
    assert data.place(0, 3) == "line 8"
    assert data.place(1, 0) == "line 11"
    again, _, _ = read_tokens(tmp_path / "data.conllu", taken)
    assert list(again.inputs) == list(data.inputs)


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    for label in ("xpos", "XPOS", "5"):
        data, _, _ = read(tmp_path, CONLLU, label=label, token="LEMMA")
        assert data.inputs[0] == ["do", "not", "go", "."]
        assert data.labels is not None
        assert data.labels[0].tolist() == ["VB", "RB", "VB", "."]


def test_names_of_columns_in_a_comment(tmp_path: Path) -> None:
    content = "# global.columns = FORM LANG\n# text = a b\na\ten\nb\tde\n"
    data, note, _ = read(tmp_path, content, label="lang")
    assert list(data.inputs) == [["a", "b"]]
    assert note.endswith("tokens from column 'FORM', labels from column 'LANG'")


def test_columns_separated_by_spaces(tmp_path: Path) -> None:
    data, note, _ = read(tmp_path, CONLL, "data.txt")
    assert list(data.inputs) == [["EU", "rejects"], ["#", "5"]]
    assert data.labels is not None
    assert data.labels[0].tolist() == ["B-ORG", "O"]
    assert note == "data.txt: tokens from column 1, labels from column 3"


@pytest.mark.parametrize("name", ["data.tsv", "data.tsv.gz"])
def test_a_header_and_windows_line_ends(tmp_path: Path, name: str) -> None:
    content = "\ufeffword\tlemma\tpos\r\nnew \tnew\tADJ\r\n10 000\t10\tNUM\r\n\r\nend\tend\tNOUN\r\n"
    data, _, taken = read(tmp_path, content, name)
    assert list(data.inputs) == [["new ", "10 000"], ["end"]]
    assert data.labels is not None
    assert data.labels[1].tolist() == ["NOUN"]
    assert taken == StepColumns(token="1", label="3", header="yes")
    assert is_token_file(tmp_path / name)


def test_without_labels(tmp_path: Path) -> None:
    data, note, taken = read(tmp_path, "a\nb\n\nc\n", "new.txt", labelled=False, token="1", label="2")
    assert list(data.inputs) == [["a", "b"], ["c"]]
    assert data.labels is None
    assert note == "new.txt: tokens from column 1"
    assert taken.label == "2"


def test_which_files_are_token_files(tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("id\tlabel\n1\t2\n3\t4\n\n")
    assert not is_token_file(table)
    assert is_token_file(Path("x.conllu.gz"))
    assert not is_token_file(Path("x.csv"))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "{path}: expected at least one example, got an empty data set."),
        ("a\tX\nb\n", {}, "{path}: expected 2 columns in every line, as in the first, got 1 in line 2."),
        ("a\tX\n\tY\n", {}, "{path}: expected a token, got an empty one in line 2."),
        ("a\tX\nb\t\n", {}, "{path}: expected a label, got an empty one in line 2."),
        (
            "a\nb\n",
            {},
            "{path}: expected a column of tokens and one of labels, with tabs or spaces between, got one "
            "column.",
        ),
        ("a\tX\n", {"token": "2"}, "{path}: expected a column of tokens and one of labels, got 2 for both."),
        (
            "a\tX\n",
            {"label": "pos"},
            "{path}: label_column: expected the number of a column, 1 to 2 (nothing names them), got 'pos'. "
            "If the first line does, add --header yes.",
        ),
        (
            CONLLU,
            {"label": "UPSO"},
            "{path}: label_column: unknown name 'UPSO'. Did you mean 'UPOS'? Valid: DEPREL, DEPS, FEATS, "
            "FORM, HEAD, ID, LEMMA, MISC, UPOS, XPOS. Or its number, 1 to 10.",
        ),
    ],
)
def test_errors(tmp_path: Path, content: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content, **options)
    assert str(error.value) == message.format(path=tmp_path / "data.conllu")
