"""First weights from another run: what agrees is taken, what does not is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from elman.errors import RunError
from elman.estimators import Classifier, LanguageModel, Tagger
from elman.tasks.initial import start_from
from elman.train.checkpoint import load

BUNCH = load_digits(n_class=4)
X, Y = BUNCH.images[:200] / 16.0, BUNCH.target[:200]  # type: ignore[attr-defined]
SMALL = {"cell": "gru", "hidden_size": 6, "epochs": 2, "batch_size": 32, "bidirectional": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "four"
    Classifier(**SMALL).fit(X, Y).save(folder)
    return folder


def test_what_agrees_is_taken_and_the_rest_named(run: Path) -> None:
    """Of the four classes of the run two are here, beside two others."""
    model = Classifier(**SMALL).fit(X[Y < 3], np.array(["2", "one", "0"])[Y[Y < 3]]).model_
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    taken = start_from("classify", model, str(run))
    weights, _ = load(run / "model.safetensors")
    for name, tensor in model.module.state_dict().items():
        if name.startswith("output."):  # classes 0, 2, one
            assert torch.equal(tensor[:2], weights[name][[0, 2]]), name
            assert torch.equal(tensor[2], before[name][2]), name
        else:
            assert torch.equal(tensor, weights[name]), name
    assert set(taken.taken) == {name for name in before if not name.startswith("output.")}
    assert taken.rows == {"output.weight": (2, 3), "output.bias": (2, 3)}
    assert (taken.other, taken.new) == ((), ())
    assert taken.lines()[1] == "rows of the same names taken: output.weight (2 of 3), output.bias (2 of 3)"


def test_other_names_are_begun_anew(run: Path) -> None:
    model = Classifier(**SMALL).fit(X, Y + 7).model_
    taken = start_from("classify", model, str(run))
    assert not taken.rows
    assert taken.lines()[1] == (
        "of another shape or other names, so begun anew: output.weight (there (4, 6), here (4, 6)), "
        "output.bias (there (4,), here (4,))"
    )


def lines_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n") if line.strip()]


def test_words_characters_and_labels_are_taken_by_name(tmp_path: Path) -> None:
    """A tagger with a CRF goes on with other text and other labels."""
    tokens = lines_of(load_digits.__doc__ or "")
    kinds = [["long" if len(w) > 4 else "digit" if w.isdigit() else "short" for w in one] for one in tokens]
    shared = {"cell": "gru", "hidden_size": 6, "epochs": 1, "embedding_size": 5, "character_size": 4,
              "decoder": "crf", "validation_share": 0.0, "word_dropout": 0.0}  # fmt: skip
    first = Tagger(**shared).fit(tokens, kinds)
    first.save(tmp_path / "first")
    fewer, other = tokens[:12], [["new" if k == "digit" else k for k in one] for one in kinds[:12]]
    model = Tagger(**shared).fit([["unseen", *one] for one in fewer], [["new", *one] for one in other]).model_
    taken = start_from("tag", model, str(tmp_path / "first"))
    now, there = model.module.state_dict(), first.model_.module.state_dict()
    here, before = (m.parts["inputs"].words.listing() for m in (model, first.model_))
    known = [word for word in here if word in before]
    assert taken.rows["body.input.words.weight"] == (len(known), len(here))
    assert 0 < len(known) < len(here)
    for word in known:
        mine, its = here.index(word), before.index(word)
        assert torch.equal(now["body.input.words.weight"][mine], there["body.input.words.weight"][its]), word
    labels, former = model.parts["labels"].values, first.model_.parts["labels"].values
    assert (labels, former) == (("long", "new", "short"), ("digit", "long", "short"))
    assert torch.equal(now["decoder.crf.transitions"][[0, 2]][:, [0, 2]],
                       there["decoder.crf.transitions"][1:, 1:])  # fmt: skip
    assert taken.rows["decoder.crf.transitions"] == (2, 3)
    assert "body.input.characters.weight" in {*taken.rows, *taken.taken}


@pytest.mark.parametrize(
    "softmax", [{"tied": True, "hidden_size": 6}, {"softmax": "adaptive", "hidden_size": 16}]
)
def test_a_language_model_goes_on_with_other_words(softmax: dict[str, Any], tmp_path: Path) -> None:
    text = (load_digits.__doc__ or "").split("\n")
    shared = {"cell": "gru", "epochs": 1, "embedding_size": 6, "tokens": "words", "validation_share": 0.0,
              "min_frequency": 1, **softmax}  # fmt: skip
    first = LanguageModel(**shared).fit(text)
    first.save(tmp_path / "first")
    model = LanguageModel(**shared).fit(["entirely new words here", *text[:30]]).model_
    taken = start_from("generate", model, str(tmp_path / "first"))
    here, there = (m.parts["codec"].listing for m in (model, first.model_))
    now, before = model.module.state_dict(), first.model_.module.state_dict()
    for name, rows in taken.rows.items():
        if name == "embedding.weight" or "scores" in name:
            assert rows == (len(set(here) & set(there)), len(here))
            for word in set(here) & set(there):
                assert torch.equal(now[name][here.index(word)], before[name][there.index(word)])
    if "tied" not in softmax:
        head, was = now["output.clusters.head.weight"], before["output.clusters.head.weight"]
        assert torch.equal(head[-2:], was[-2:])
        assert torch.equal(head[here.index("the")], was[there.index("the")])


def test_the_layers_of_another_task(tmp_path: Path) -> None:
    """What a language model has learned to read with, a classifier of texts begins with."""
    texts = [line for line in (load_digits.__doc__ or "").split("\n") if line.strip()]
    labels = [int("dig" in text) for text in texts]
    shared = {"cell": "gru", "hidden_size": 6, "epochs": 1, "embedding_size": 5, "validation_share": 0.0}
    LanguageModel(**shared).fit(texts).save(tmp_path / "language")
    reader = {**shared, "tokens": "characters", "bidirectional": True, "max_steps": 50}
    model = Classifier(**reader).fit(texts, labels).model_
    module = model.module
    taken = start_from("classify", model, str(tmp_path / "language"))
    there, _ = load(tmp_path / "language" / "model.safetensors")
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert {n: there for n, there in taken.taken.items() if n != "body.input.weight"} == {
        f"body.recurrent.{name}": f"recurrent.{name}" for name in names
    }
    for name in names:
        assert torch.equal(module.state_dict()[f"body.recurrent.{name}"], there[f"recurrent.{name}"])
    assert taken.lines()[0].startswith("taken: body.recurrent.weight_ih_l0 (there recurrent.weight_ih_l0), ")
    assert "body.recurrent.weight_ih_l0_reverse" in taken.new


def test_it_is_where_training_begins(run: Path) -> None:
    """One epoch at a rate of next to nothing leaves the model that the run has."""
    still = {**SMALL, "epochs": 1, "learning_rate": 1e-12, "standardize": True}
    model = Classifier(**still, init=str(run)).fit(X, Y)
    weights, _ = load(run / "model.safetensors")
    torch.testing.assert_close(model.model_.module.state_dict()["output.weight"], weights["output.weight"])


def test_nothing_that_agrees(run: Path) -> None:
    with pytest.raises(RunError) as error:
        Classifier(**{**SMALL, "hidden_size": 5, "standardize": False}, init=str(run)).fit(X[:, :, :7], Y % 3)
    assert str(error.value) == (
        f"init: expected a run with a layer of the shape of one here, got '{run}', where none agrees. "
        "Give this run the same cell, hidden_size and inputs, or leave init out."
    )


def test_no_run() -> None:
    with pytest.raises(RunError, match="run: expected a run folder, got 'nowhere', which does not exist"):
        Classifier(**SMALL, init="nowhere").fit(X, Y)
