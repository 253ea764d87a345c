"""generate: a language model, which learns what follows in running text, and writes more of it.

Dimensions: T steps, B streams, V tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from elman.data import Splits, Vocabulary
from elman.data.codec import Codec
from elman.data.corpora import read_corpus
from elman.data.cutting import Cutting, Passage, Tokens, in_memory
from elman.data.splits import nothing_held
from elman.data.store import is_store, open_store, stored, stored_by
from elman.data.texts import Text, text_file, text_given
from elman.errors import DataError, wrong
from elman.tasks.estimator import Estimator
from elman.tasks.generating.learner import GenerateLearner
from elman.tasks.generating.network import AdaptiveSoftmax, LanguageNetwork
from elman.tasks.generating.ngrams import NGrams
from elman.tasks.generating.options import GenerateOptions
from elman.tasks.generating.perplexity import by_context, mean_loss, text_figures, token_losses
from elman.tasks.generating.writing import Writer
from elman.tasks.network import cell_of
from elman.tasks.task import Answer, Model, More, Task, saved_cell
from elman.train.durable import sha256
from elman.train.optimizers import LEARNING_RATES
from elman.train.options import from_mapping, to_mapping
from elman.train.picture import new_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPLAINED = 64  # tokens of context of an answer that is explained
COUNTED = 5_000_000  # training tokens from which the n-gram baselines learn
BLOCK = 1_000_000  # tokens that they are measured on at a time


class LanguageModel(Estimator):
    """A recurrent language model, by scikit-learn's conventions.

    Texts are one text, a list of texts, or a `pathlib.Path` of a file, which is cut into a token store. The
    parameters are those of `GenerateOptions` that are not about files, with the same defaults.

    After `fit`: vocabulary_ (the tokens, by number), n_iter_ (epochs), history_ (a record for each epoch).
    """

    task_name = "generate"
    options_type = GenerateOptions
    vocabulary_: list[str]

    def fit(self, X: str | Sequence[str] | Path, y: None = None) -> LanguageModel:
        """Learn from texts; the last `validation_share` of them is held out to choose the best epoch.

        Raises `ArgumentError` for a bad parameter, `DataError` for texts that are none or too short.
        """
        options = self.options()
        assert isinstance(options, GenerateOptions)
        cutting = _cutting(options.replace(test_share=0.0), options.tokens or "characters")
        parts = {"train": _text(X)}
        if isinstance(X, Path):
            cut = stored(parts, cutting).parts
        else:
            passages = cutting.cut(parts)
            codec = Codec(cutting.vocabulary(passages["train"]), cutting.tokens)
            cut = {part: in_memory(passage, codec) for part, passage in passages.items()}
        valid = cut["valid"] if len(cut.get("valid", ())) else None
        self._learn(_to_learn(Splits(cut["train"], valid)))
        self._take(self.model_)
        return self

    def perplexity(self, X: str | Sequence[str] | Path) -> float:
        """exp of the mean loss of a token, in 1 to infinity; smaller is better."""
        check_is_fitted(self, "model_")
        return TASK.figures(self.model_, Passage(_text(X)))["perplexity"]

    def score(self, X: str | Sequence[str] | Path, y: None = None) -> float:
        """The mean log-probability of a token in nats: 0 at best; larger is better."""
        check_is_fitted(self, "model_")
        return -TASK.figures(self.model_, Passage(_text(X)))["loss"]

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """Write on from `prompt`: an iterator over `length` pieces of text, each as soon as it is there.

        temperature: above 0; below 1 keeps closer to what is probable. 0 always takes the most probable.
        top_k: only the k most probable tokens. top_p: only the most probable ones that have this share, in
        (0, 1], together. seed: None for another text each time.

        Raises `ArgumentError` for a bad argument, or a prompt with characters that the model does not know.
        """
        check_is_fitted(self, "model_")
        writer = Writer(self.model_.module, self.model_.parts["codec"], temperature, top_k, top_p, seed)
        return writer.write(prompt, length)

    def _take(self, model: Model) -> None:
        super()._take(model)
        self.vocabulary_ = model.parts["codec"].listing


class Generate(Task[GenerateOptions, "Tokens | Passage"]):
    """Language modelling."""

    name = "generate"
    headline = "bits_per_character"
    unit = "tokens"
    options = GenerateOptions
    estimator = LanguageModel

    def read(self, options: GenerateOptions) -> tuple[Splits, GenerateOptions]:
        cell_of(options)
        _check_one_way(options)
        given = Path(options.data).expanduser()
        if options.data and is_store(given):
            store = open_store(given)
        else:
            corpus = read_corpus(options.data, valid=options.valid, test=options.test)
            cutting = _cutting(options, options.tokens or corpus.tokens)
            folder = None if options.store is None else Path(options.store).expanduser()
            store = stored(corpus.parts, cutting, folder)
        was, parts = store.cutting, store.parts
        notes = [f"{was.tokens}: {len(store.codec):,} different ones; as tokens in {store.where}"]
        for part, tokens in parts.items():
            if tokens.unknown:
                notes.append(f"{part}: {tokens.unknown / len(tokens):.2%} of the tokens are unknown (<unk>)")
        for part, share in (("valid", was.valid_share), ("test", was.test_share)):
            if share and part not in parts:
                notes.append(nothing_held(part, share, parts["train"].characters, "characters"))
        options = options.replace(
            tokens=was.tokens,
            lowercase=was.lowercase,
            min_frequency=was.min_frequency,
            max_vocabulary=was.max_size,
        )
        valid, test = (parts[p] if len(parts.get(p, ())) else None for p in ("valid", "test"))
        splits = Splits(parts["train"], valid, test, notes=tuple(notes))
        return _to_learn(splits), options

    def read_more(self, data: str, options: GenerateOptions, *, labelled: bool) -> More[Tokens | Passage]:
        corpus = read_corpus(data)
        part = "test" if "test" in corpus.parts else "train"
        called = f"{data}, its test part" if part == "test" else data
        return More(Passage(corpus.parts[part]), called)

    def choose(self, options: GenerateOptions, splits: Splits) -> GenerateOptions:
        train: Tokens = splits.train
        small = len(train.codec) < 1_000  # characters, notes: little to look up, much to remember
        softmax = options.softmax or ("adaptive" if len(train.codec) > 8_000 and not options.tied else "full")
        batch_size = options.batch_size or min(16 if small else 20, max(len(train) // 200, 1))
        chosen: dict[str, Any] = {
            "bptt": 64 if small else 35,
            "batch_size": batch_size,
            "epochs": 10_000 if options.max_seconds else min(max(round(10_000_000 / len(train)), 1), 40),
            "learning_rate": LEARNING_RATES[options.optimizer],
            "dropout": 0.2 if small else 0.5,
            "input_dropout": 0.0 if small else 0.3,
            "bidirectional": False,
            "embedding_size": 64 if small else 200,
            "softmax": softmax,
            "tied": softmax == "full" and not small,
        }
        return options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )

    def prepare(self, options: GenerateOptions, splits: Splits) -> tuple[Model, GenerateLearner]:
        codec: Codec = splits.train.codec
        about = {"options": to_mapping(options), "tokens": len(codec)}
        about["counts"] = np.bincount(splits.train.values[:COUNTED], minlength=len(codec)).tolist()
        vocabulary = codec.vocabulary.to_json()
        about["vocabulary"] = sha256(vocabulary.encode())
        cell = cell_of(options)
        module = _network(len(codec), cell, options)
        model = Model(module, about, vocabulary, {"codec": codec, "cell": cell})
        return model, self.learner(model, splits, options)

    def rows(self, model: Model) -> dict[str, list[str]]:
        listing, output = model.parts["codec"].listing, cast(LanguageNetwork, model.module).output
        full = ("embedding.weight", "output.scores.weight", "output.scores.bias")
        rows: dict[str, list[str]] = dict.fromkeys(full, listing)
        if isinstance(output, AdaptiveSoftmax):
            for name, (begin, end, clusters) in output.rows().items():
                rows[f"output.{name}"] = listing[begin:end] + [f"<cluster {k}>" for k in range(clusters)]
        return rows

    def learner(self, model: Model, splits: Splits, options: GenerateOptions) -> GenerateLearner:
        valid = None if splits.valid is None else _tokens(model, splits.valid)
        return GenerateLearner(model, Splits(_tokens(model, splits.train), valid), options)

    def seen(self, model: Model, batch: Any) -> list[list[str]]:
        listing = model.parts["codec"].listing
        return [[listing[token] for token in row] for row in batch[0].tolist()]

    def answer(self, model: Model, batch: Any, sequence: int) -> Answer | None:
        """The most probable token after the last `EXPLAINED` of a stream."""
        x = batch[0]
        if sequence >= x.shape[1]:
            return None
        alone, network = x[-EXPLAINED:, sequence : sequence + 1], cast(LanguageNetwork, model.module)
        alone = alone.to(network.embedding.weight.device)

        def chances(copies: int, tokens: Tensor) -> Tensor:
            """The log-probability of each of those tokens (n,), for n copies or one for all."""
            steps, _ = network.steps(alone.expand(-1, copies))
            return -network.output.losses(steps[-1:].expand(-1, len(tokens), -1), tokens[None])[0]

        with torch.no_grad():
            token = int(chances(1, torch.arange(len(model.parts["codec"]), device=alone.device)).argmax())
        name = model.parts["codec"].listing[token]
        inputs = [row[0] for row in self.seen(model, (alone,))]
        return Answer(repr(name), inputs, lambda n: chances(n, alone.new_full((n,), token)))

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(GenerateOptions, about["options"], origin="the saved options")
        codec = Codec(Vocabulary.from_json(vocabulary or ""), options.tokens or "characters")
        cell = saved_cell(about)
        plain = {name: about[name] for name in ("options", "tokens", "counts", "vocabulary")}
        module = _network(about["tokens"], cell, options)
        return Model(module, plain, vocabulary, {"codec": codec, "cell": cell})

    def figures(self, model: Model, part: Tokens | Passage) -> dict[str, Any]:
        tokens = _tokens(model, part)
        return text_figures(mean_loss(model.module, tokens), tokens)

    def baselines(
        self, model: Model, part: Tokens | Passage, train: Tokens | Passage | None
    ) -> dict[str, dict[str, Any]]:
        tokens, size = _tokens(model, part), model.about["tokens"]
        counts = np.array(model.about["counts"]) + 1.0
        nats = -np.log(counts / counts.sum())
        blocks = range(1, len(tokens), BLOCK)
        total = sum(float(nats[tokens.values[at : at + BLOCK]].sum()) for at in blocks)
        unigram = total / (len(tokens) - 1)
        found = {"unigram": text_figures(unigram, tokens)}
        if isinstance(train, Tokens) and train.codec.listing == model.parts["codec"].listing:
            order = 5 if size < 1_000 else 3
            began = time.perf_counter()
            ngrams = NGrams(np.asarray(train.values[:COUNTED]), size, order)
            figures = text_figures(ngrams.mean_loss(tokens.values, BLOCK), tokens)
            found[f"{order}-gram"] = {**figures, "seconds": time.perf_counter() - began}
        return found

    def predictions(self, model: Model, part: Tokens | Passage) -> pl.DataFrame:
        """A row for each token but the first: what it is, and how probable it was."""
        tokens = _tokens(model, part)
        losses = token_losses(model.module, tokens)
        listing = model.parts["codec"].listing
        return pl.DataFrame(
            {
                "place": np.arange(1, len(tokens)),
                "token": [listing[number] for number in tokens.values[1:]],
                "probability": np.exp(-losses.astype(np.float64)),
            }
        )

    def draw(self, model: Model, splits: Splits, figures: Mapping[str, Any]) -> dict[str, Figure]:
        """The loss of a token by how much text the model has seen before it, from nothing on."""
        losses = by_context(model.module, _tokens(model, splits.last))
        if losses is None:
            return {}
        picture = new_picture()
        axes = picture.subplots()
        axes.plot(np.arange(1, len(losses) + 1), losses)
        axes.axhline(figures["loss"], color="0.6", linestyle=":", label="over the whole text")
        axes.set_xscale("log")
        axes.set_xlabel("tokens read before")
        axes.set_ylabel("loss of the next token (nats)")
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        return {"context.png": picture}

    def card(self, model: Model, splits: Splits, folder: Path) -> tuple[str, str]:
        kind = model.about["options"]["tokens"]
        parts = ", ".join(f"{len(part):,} ({name})" for name, part in splits.parts().items())
        about = f"A language model over {model.about['tokens']:,} {kind}. Tokens: {parts}."
        use = f'import elman\n\nmodel = elman.load("{folder}")\nprint("".join(model.generate(length=500)))'
        return about, use


def _cutting(options: GenerateOptions, tokens: str) -> Cutting:
    return Cutting(
        tokens=tokens,
        lowercase=options.lowercase,
        min_frequency=options.min_frequency,
        max_size=options.max_vocabulary or (4_000 if tokens == "bpe" else 50_000),
        valid_share=options.validation_share,
        test_share=options.test_share,
    )


def _check_one_way(options: GenerateOptions) -> None:
    if options.bidirectional:
        remedy = "A model that has read on knows what follows: leave it out."
        raise wrong("bidirectional", expected="False for generate", got=True, remedy=remedy)
    if options.tied and options.softmax == "adaptive":
        raise wrong("tied", expected="False beside softmax 'adaptive', which has its own weights", got=True)


def _checked(splits: Splits) -> Splits:
    """The splits themselves; raises `DataError` where there is nothing to predict."""
    for name, part in splits.parts().items():
        if len(part) < 2:
            raise DataError(
                f"{part.source}: expected two tokens or more for {name}, got {len(part)}. Give more text, or "
                "other shares (--validation-share, --test-share; 0 for none)."
            )
    return splits


def _to_learn(splits: Splits) -> Splits:
    """The same; raises `DataError` where there is nothing to learn either."""
    _checked(splits)
    train: Tokens = splits.train
    if train.values.min() == train.values.max():
        raise DataError(
            f"{train.source}: expected two different tokens or more, got only "
            f"{train.codec.listing[int(train.values[0])]!r}. Check the text, and what it is cut into "
            "(--tokens)."
        )
    return splits


def _text(given: str | Sequence[str] | Path) -> Text:
    """The text in what an estimator is given."""
    if isinstance(given, Path):
        return text_file(given, what="X")
    if isinstance(given, str):
        return text_given(given)
    texts = list(given)
    for place, one in enumerate(texts):
        if not isinstance(one, str):
            raise DataError(f"X: expected a text, texts or a pathlib.Path, got {one!r} in place {place}.")
    return text_given("".join(one if one.endswith("\n") else f"{one}\n" for one in texts))


def _network(tokens: int, cell: Any, options: GenerateOptions) -> LanguageNetwork:
    _check_one_way(options)
    return LanguageNetwork(
        tokens,
        cell,
        options,
        embedding_size=options.embedding_size or 64,
        embedding_dropout=options.embedding_dropout,
        tied=bool(options.tied),
        adaptive=options.softmax == "adaptive",
    )


def _tokens(model: Model, part: Tokens | Passage) -> Tokens:
    """A part as tokens of the model; raises `DataError` where there is nothing to predict."""
    tokens = part if isinstance(part, Tokens) else stored_by(part, model.parts["codec"])
    return _checked(Splits(tokens)).train


TASK = Generate()
