"""Writing: one token after the other from a language model, its state carried from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import nn

from elman.data.codec import Codec
from elman.errors import RunError, shown, wrong
from elman.nn.stepping import Stepper
from elman.tasks.saved import open_model

BLOCK = 8  # tokens that are written before they are handed out


def generate(run: str, prompt: str, length: int, **drawing: Any) -> Iterator[str]:
    """What the language model of a run folder writes; `drawing` goes to `Writer`.

    Raises `RunError` if the run has no language model, `ArgumentError` for a bad argument; all before it
    returns.
    """
    task, model = open_model(run)
    if "codec" not in model.parts:
        raise RunError(f"{run}: expected a language model (elman train generate), got one for {task.name}.")
    return Writer(model.module, model.parts["codec"], **drawing).write(prompt, length)


class Writer:
    """Draws tokens; arguments as of `elman.LanguageModel.generate`."""

    def __init__(
        self,
        module: nn.Module,
        codec: Codec,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> None:
        if not (_number(temperature) and 0 <= temperature < float("inf")):
            raise wrong("temperature", expected="a number of 0 or more", got=temperature)
        if top_k is not None and not (isinstance(top_k, int) and top_k >= 1):
            raise wrong("top_k", expected="a whole number of 1 or more, or None", got=top_k)
        if top_p is not None and not (_number(top_p) and 0 < top_p <= 1):
            raise wrong("top_p", expected="a share above 0, at most 1, or None", got=top_p)
        if seed is not None and not (isinstance(seed, int) and seed >= 0):
            raise wrong("seed", expected="a whole number of 0 or more, or None", got=seed)
        self.module: Any = module
        self.codec = codec
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.never = list(codec.never_written)
        self.random = np.random.default_rng(seed)

    def write(self, prompt: str, length: int) -> Iterator[str]:
        """`length` tokens as the text that each adds; all arguments are checked before this returns."""
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise wrong("length", expected="a whole number of 0 or more (tokens)", got=length)
        unknown = self.codec.unknown(prompt)
        if unknown:
            listed = ", ".join(repr(one) for one in unknown[:20]) + (" …" if len(unknown) > 20 else "")
            what = "characters" if self.codec.kind == "characters" else "words"
            raise wrong(
                "prompt",
                expected=f"{what} that the model knows",
                got=shown(f"unknown ones: {listed}"),
                remedy="Leave them out, or train on a text that has them; --tokens bpe reads any.",
            )
        return self._in_blocks(self._written(self.codec.encode(prompt), length))

    def _in_blocks(self, pieces: Iterator[str]) -> Iterator[str]:
        """The pieces, made `BLOCK` at a time on one thread: a second one waits for longer than it multiplies.

        Not over a yield, where the setting would hold for the caller too.
        """
        blas = ThreadpoolController().select(internal_api="openblas")
        while True:
            with blas.limit(limits=1):
                block = list(islice(pieces, BLOCK))
            if not block:
                return
            yield from block

    def _written(self, prompt: np.ndarray, length: int) -> Iterator[str]:
        self.module.eval()
        begin = self.codec.encode("\n")  # a text begins as a line does
        decode, step = self.codec.decoder(), Stepper(self.module.recurrent)
        score = self.module.output.scorer()
        place = self.module.embedding.weight.device
        table = self.module.embedding.weight.detach().cpu().numpy()
        with torch.inference_mode():
            read = torch.from_numpy((prompt if len(prompt) else begin).astype(np.int64))[:, None].to(place)
            steps, state = self.module.steps(read)
            output, states = steps[-1, 0].cpu().numpy(), Stepper.states(state)
        for number in prompt:
            decode(int(number))  # so that what follows is joined on as it should be
        for left in range(length, 0, -1):
            token = self._draw(score(output))
            yield decode(token)
            if left > 1:
                output, states = step(table[token], states)

    def _draw(self, scores: np.ndarray) -> int:
        """A token by its score (V,), the log-probability up to a constant."""
        for token in self.never:
            scores[token] = -np.inf
        if self.temperature == 0:
            return int(scores.argmax())
        kept = None
        if self.top_k is not None and self.top_k < len(scores):
            kept = np.argpartition(scores, -self.top_k)[-self.top_k :]
            scores = scores[kept]
        chances = np.exp((scores - scores.max()) / self.temperature, dtype=np.float64)
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-chances, kind="stable")
            total = np.cumsum(chances[order])
            chances[order[1 + np.searchsorted(total, self.top_p * total[-1]) :]] = 0.0
        total = chances.cumsum()
        place = int(total.searchsorted(self.random.random() * total[-1], side="right"))
        place = min(place, len(total) - 1)
        return place if kept is None else int(kept[place])


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
