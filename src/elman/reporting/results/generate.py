"""generate, seen: text with the probability that the model gave to each token, its own and a true one's."""

from __future__ import annotations

import numpy as np

from elman.data.codec import LINE_END, LINE_END_TOKEN, Codec
from elman.data.cutting import Passage, Tokens, in_memory
from elman.data.texts import text_given
from elman.reporting.blocks import Block, Cell, Chart, Marked, Piece, Section, Table
from elman.reporting.charts import add_line, figure, range_words
from elman.reporting.run import Run
from elman.tasks.generating.perplexity import by_context, token_losses
from elman.tasks.generating.writing import Writer
from elman.tasks.task import Model

LENGTH = 400  # tokens of each text
SEED = 1
LEGEND = (
    "The stronger the colour, the more surprising a token was to the model, given all before it. For its "
    "probability point at it, tap it, or go along the text by arrow keys; the table below has them all."
)


def sections(run: Run) -> list[Section]:
    """What it writes, how it reads true text, and what more context is worth."""
    assert run.model is not None
    model, codec = run.model, run.model.parts["codec"]
    written = "".join(Writer(model.module, codec, seed=SEED).write("", LENGTH))
    tokens = in_memory(Passage(text_given(f"\n{written}")), codec)
    title = f"Text that the model wrote from nothing (temperature 1, seed {SEED})"
    found = [Section("result", "Text written by the model", _told(model, tokens, title))]
    if isinstance(run.part, Tokens | Passage):
        part = run.part if isinstance(run.part, Tokens) else in_memory(run.part, codec)
        begin = Tokens(part.values[: LENGTH + 1], LENGTH, 0, part.source, codec)
        title = f"The beginning of {run.called}"
        blocks = _told(model, begin, title) if len(begin) > 1 else []
        blocks += _context(run, part)
        found.append(Section("reading", "How the model reads true text", blocks))
    return found


def _told(model: Model, tokens: Tokens, title: str) -> list[Block]:
    """A text in pieces, and its tokens as a table."""
    if len(tokens) < 2:
        return []
    codec: Codec = tokens.codec
    losses = token_losses(model.module, tokens)
    chances = np.exp(-losses.astype(np.float64))
    numbers = np.asarray(tokens.values[1:]).tolist()
    decode = codec.decoder()
    decode(int(tokens.values[0]))
    pieces = []
    for number, chance, loss in zip(numbers, chances.tolist(), losses.tolist(), strict=True):
        share = min(loss / np.log(len(codec)), 1.0)
        pieces.append(Piece(decode(number), float(share), f"{_named(codec, number)}: {chance:.1%}"))
    rows = [
        [place + 1, _named(codec, number), Cell(f"{chance:.2%}", chance)]
        for place, (number, chance) in enumerate(zip(numbers, chances.tolist(), strict=True))
    ]
    table = Table(f"{title}: probability of each token", ("Place", "Token", "Probability"), rows, folded=True)
    return [Marked(title, LEGEND, pieces), table]


def _named(codec: Codec, number: int) -> str:
    """A token as a table shows it: what would not be seen by its name."""
    if codec.kind in ("words", "whitespace") and number == LINE_END:
        return LINE_END_TOKEN
    return {"\n": "line end", " ": "space", "\t": "tab"}.get(codec.listing[number], codec.listing[number])


def _context(run: Run, part: Tokens) -> list[Block]:
    assert run.model is not None
    losses = by_context(run.model.module, part)
    if losses is None:
        return []
    read = np.arange(1, len(losses) + 1)
    made = figure(x="tokens read before", y="loss of the next (nats)")
    add_line(made, read, losses, "by context", mode="lines", showlegend=False)
    made.update_xaxes(type="log", dtick=1)
    return [
        Chart("What more context is worth", made, range_words("The loss", read.tolist(), losses.tolist()))
    ]
