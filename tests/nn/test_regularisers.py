"""Regularisers hold for every cell: against loops written out here, in expectation, and reproducibly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import elman.nn
from elman import cells
from elman.backends import recurrence
from elman.cells import Cell, State, sigmoid, tanh
from elman.nn import regularisers
from elman.program import Program
from elman.program.regularise import purpose, regularise, zoned_by_default

IN, H, T, B = 3, 5, 6, 4
ALL: dict[str, Any] = {
    "input_dropout": 0.3,
    "recurrent_dropout": 0.4,
    "zoneout": 0.25,
    "weight_drop": 0.2,
}


class Own(Cell):
    """A cell that the library does not know, with a product of a changed state."""

    states = (State("h"), State("m"))

    def step(self, x: Any, h: Any, m: Any) -> tuple[Any, Any]:
        xg, xn = self.project(x, "x", gates=2)
        m = sigmoid(self.vector("decay")) * m + tanh(xn + self.project(m * h, "inner"))
        return sigmoid(xg + self.project(h, "hg")) * m, m


def masked(program: Program, steps: int, batch: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Masks with distinct values that are neither 0 nor 1, one in two of them changing at each step."""
    sizes = {"I": IN, "H": H, "P": 2}
    return {
        mask.name: torch.rand((steps, batch, sizes[mask.width])[number % 2 :], dtype=dtype) + 0.3
        for number, mask in enumerate(program.masks)
    }


def programs() -> list[Any]:
    """Each registered cell as its first set of options has it, and one of our own; all regularised."""
    plain = {name: cells.create(name, **cells.variants(name)[0]).program() for name in cells.names()}
    plain["own"] = Own().program()
    return [
        pytest.param(regularise(p, recurrent_dropout=True, zoneout=zoned_by_default(p)), id=name)
        for name, p in plain.items()
    ]


def arguments(program: Program, dtype: torch.dtype, steps: int = T, batch: int = B) -> tuple[Any, ...]:
    sizes = {"I": IN, "H": H, "P": 2}
    torch.manual_seed(3)
    draw = lambda *shape: torch.randn(shape, dtype=dtype, requires_grad=True)  # noqa: E731
    parameters = {p.name: (0.4 * draw(*p.shape(sizes))).detach().requires_grad_() for p in program.parameters}
    states = [draw(batch, sizes[s.width]) for s in program.states]
    return draw(steps, batch, IN), parameters, states, masked(program, steps, batch, dtype)


@pytest.mark.parametrize("program", programs())
def test_regularised_programs_agree_with_finite_differences(program: Program) -> None:
    torch.set_num_threads(1)
    x, parameters, states, masks = arguments(program, torch.float64, 3, 2)

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(parameters, rest, strict=False))
        (output,), finals = recurrence(
            program, x, named, rest[len(named) :], masks=masks, backend="reference"
        )
        return output, *finals

    leaves = (x, *parameters.values(), *states)
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("program", programs())
def test_readers_agree_on_regularised_programs(program: Program, reverse: bool) -> None:
    lengths = torch.tensor([T, 0, 2, 5])
    found = []
    for backend, dtype in (("reference", torch.float64), ("engine", torch.float32)):
        x, parameters, states, masks = arguments(program, torch.float64)
        masks = {k: v.to(dtype) for k, v in masks.items()}
        used = [v.detach().to(dtype).requires_grad_() for v in (x, *parameters.values(), *states)]
        named = dict(zip(parameters, used[1:], strict=False))
        sequences, finals = recurrence(
            program,
            used[0],
            named,
            used[1 + len(named) :],
            masks=masks,
            lengths=lengths,
            reverse=reverse,
            backend=backend,
            all_states=True,
        )
        values = [*sequences, *finals]
        torch.manual_seed(5)
        loss = sum((v * torch.randn(v.shape, dtype=torch.float64).to(dtype)).sum() for v in values)
        gradients = torch.autograd.grad(loss, used, allow_unused=True, materialize_grads=True)  # type: ignore[arg-type]
        found.append([v.detach().double() for v in (*values, *gradients)])
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, atol=3e-5, rtol=3e-5)


def krueger(x: Tensor, masks: Mapping[str, Tensor], w: Mapping[str, Tensor]) -> Tensor:
    """Zoneout and variational dropout in an LSTM, written out from the two papers: h is made of the new c."""
    h, c = torch.zeros(2, x.shape[1], H)
    outputs = []
    for t in range(x.shape[0]):
        now = {name: mask[t] if mask.dim() == 3 else mask for name, mask in masks.items()}
        recurrent = F.linear(h * now["drop_h"], w["weight_hh"], w["bias_hh"])
        i, f, g, o = (F.linear(x[t], w["weight_ih"], w["bias_ih"]) + recurrent).chunk(4, -1)
        new_c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        new_h = o.sigmoid() * new_c.tanh()
        h = now["zone_h"] * h + (1 - now["zone_h"]) * new_h
        c = now["zone_c"] * c + (1 - now["zone_c"]) * new_c
        outputs.append(h)
    return torch.stack(outputs)


@pytest.mark.parametrize("training", [True, False])
def test_an_lstm_as_the_papers_write_it(
    training: bool, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = elman.nn.LSTM(IN, H, recurrent_dropout=0.4, zoneout=(0.2, 0.1), backend=backend).train(training)
    seen: dict[str, Tensor] = {}
    original = elman.nn.regularisers.draw_masks

    def watched(*args: Any, **kwargs: Any) -> dict[str, Tensor]:
        seen.update(original(*args, **kwargs))
        return seen

    monkeypatch.setattr(elman.nn.regularisers, "draw_masks", watched)
    x = torch.randn(T, B, IN)
    output, _ = layer(x)
    if training:
        assert seen["drop_h"].shape == (B, H)
        assert set((seen["drop_h"] * 0.6).flatten().tolist()) == {0.0, 1.0}
        assert set(seen["zone_c"].flatten().tolist()) == {0.0, 1.0}
        assert seen["zone_c"].shape == (T, B, H)
    else:
        assert {k: v.unique().tolist() for k, v in seen.items()} == {
            "zone_h": [pytest.approx(0.2)],
            "zone_c": [pytest.approx(0.1)],
        }
        seen["drop_h"] = torch.ones(B, H)
    parameters = {p: getattr(layer, f"{p}_l0") for p in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    torch.testing.assert_close(output, krueger(x, seen, parameters), atol=2e-6, rtol=0)


def test_masks_have_the_rates_and_means_they_should() -> None:
    layer = elman.nn.LSTM(IN, 64, recurrent_dropout=0.3, recurrent_dropout_mode="step", zoneout=(0.1, 0.4))
    program = layer._program(True)
    sizes = {"I": IN, "H": 64, "P": 0}
    like = torch.zeros(())
    given: dict[str, Any] = {"dropout": 0.3, "zoneout": layer.zoneout, "training": True}
    masks = elman.nn.regularisers.draw_masks(program, (50, 40), sizes, like, mode="step", **given)
    assert [k for k, v in masks.items() if v.shape == (50, 40, 64)] == ["drop_h", "zone_h", "zone_c"]
    assert [purpose(m) for m in program.masks] == [("drop", "h"), ("zone", "h"), ("zone", "c")]
    for name, zeros, mean in (("drop_h", 0.3, 1.0), ("zone_h", 0.9, 0.1), ("zone_c", 0.6, 0.4)):
        assert (masks[name] == 0).float().mean().item() == pytest.approx(zeros, abs=0.01)
        assert masks[name].mean().item() == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("mode", ["sequence", "step"])
@pytest.mark.parametrize("make", [elman.nn.RNN, elman.nn.GRU, elman.nn.LSTM])
def test_a_seed_fixes_the_draws_whatever_reads_them(make: Any, mode: str) -> None:
    outputs = []
    layer = make(IN, H, 2, bidirectional=True, dropout=0.2, recurrent_dropout_mode=mode, **ALL)
    x, lengths = torch.randn(T, B, IN), torch.tensor([T, 0, 2, 5])
    for threads, backend in ((1, "engine"), (2, "engine"), (1, "reference"), (2, "reference")):
        torch.set_num_threads(threads)
        torch.manual_seed(11)
        layer.backend = backend
        outputs.append(layer(x, lengths=lengths)[0])
    torch.testing.assert_close(outputs[0], outputs[1], atol=0, rtol=0)
    torch.testing.assert_close(outputs[2], outputs[3], atol=0, rtol=0)
    torch.testing.assert_close(outputs[0], outputs[2], atol=2e-6, rtol=0)
    assert not torch.allclose(outputs[0], layer(x, lengths=lengths)[0], atol=1e-2)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_draws_do_not_depend_on_threads(threads: int) -> None:
    def draw() -> Tensor:
        torch.manual_seed(1)
        return regularisers.drop(torch.ones(300, 400), 0.3)

    torch.set_num_threads(1)
    expected = draw()
    torch.set_num_threads(threads)
    assert torch.equal(draw(), expected)


EACH: dict[str, dict[str, Any]] = {
    "between layers": {"num_layers": 2, "dropout": 0.3},
    "inputs": {"input_dropout": 0.3},
    "recurrence": {"recurrent_dropout": 0.3},
    "recurrence, per step": {"recurrent_dropout": 0.3, "recurrent_dropout_mode": "step"},
    "zoneout": {"zoneout": 0.25},
    "weight drop": {"weight_drop": 0.3},
}


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_draws_and_numbers_are_the_same_on_one_and_two_threads(
    name: str, kind: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks are large enough for torch to share them among threads; weights of the LSTM as well."""
    steps, batch, width = 4, 400, 96
    drawn: list[Tensor] = []

    def watched(function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Tensor:
            drawn.append(function(*args, **options))
            return drawn[-1]

        return call

    monkeypatch.setattr(F, "dropout", watched(F.dropout))
    monkeypatch.setattr(torch, "rand", watched(torch.rand))
    layer = getattr(elman.nn, name)(width, width, backend=backend, dtype=torch.float64, **EACH[kind])
    x = torch.randn(steps, batch, width, dtype=torch.float64)
    found: list[tuple[list[Tensor], list[Tensor]]] = []
    for threads in (1, 2, 1):
        torch.set_num_threads(threads)
        torch.manual_seed(11 if len(found) < 2 else 12)
        drawn.clear()
        output, state = layer(x)
        gradients = torch.autograd.grad(output.square().sum(), list(layer.parameters()))
        states = state if isinstance(state, tuple) else (state,)
        found.append(([d.detach() for d in drawn], [output.detach(), *states, *gradients]))
    (draws, numbers), (again, numbers_again), (others, _) = found
    assert draws
    assert all(torch.equal(a, b) for a, b in zip(draws, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(draws, others, strict=True))
    for one, two in zip(numbers, numbers_again, strict=True):
        scale = max(1.0, one.abs().max().item())
        torch.testing.assert_close(one / scale, two / scale, atol=1e-12, rtol=0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_evaluation_draws_nothing_and_is_exact(name: str, kind: str, threads: int, backend: str) -> None:
    """The plain layer to the last bit; with zoneout the expectation, here by the one-step cell."""
    options = EACH[kind]
    layer = getattr(elman.nn, name)(IN, H, backend=backend, dtype=torch.float64, **options).eval()
    torch.set_num_threads(threads)
    x = torch.randn(T, B, IN, dtype=torch.float64)
    before = torch.get_rng_state()
    output, _ = layer(x)
    assert torch.equal(torch.get_rng_state(), before)
    if kind != "zoneout":
        plain = getattr(elman.nn, name)(
            IN, H, options.get("num_layers", 1), backend=backend, dtype=torch.float64
        )
        plain.load_state_dict(layer.state_dict())
        assert torch.equal(output, plain(x)[0])
        return
    cell = getattr(elman.nn, f"{name}Cell")(IN, H, dtype=torch.float64)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    states = (torch.zeros(B, H, dtype=torch.float64),) * (1 + (name == "LSTM"))
    for t in range(T):
        new = cell(x[t], states if len(states) > 1 else states[0])
        new = new if isinstance(new, tuple) else (new,)
        states = tuple(0.25 * s + 0.75 * n for s, n in zip(states, new, strict=True))
        torch.testing.assert_close(output[t], states[0], atol=1e-12, rtol=0)


def test_evaluation_without_zoneout_is_the_plain_layer(backend: str) -> None:
    layer = elman.nn.GRU(IN, H, 2, backend=backend, **{**ALL, "zoneout": 0.0}).eval()
    plain = elman.nn.GRU(IN, H, 2, backend=backend)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, IN)
    torch.testing.assert_close(layer(x), plain(x), atol=0, rtol=0)
    layer(x)[0].sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_input_dropout_zeroes_whole_features(backend: str) -> None:
    layer = elman.nn.RNN(8, H, input_dropout=0.5, backend=backend, nonlinearity="identity")
    with torch.no_grad():
        for name, p in layer.named_parameters():
            p.copy_(torch.eye(H, 8) if name == "weight_ih_l0" else torch.zeros_like(p))
    output, _ = layer(torch.ones(T, 64, 8))
    assert set(output.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(output[0], output[-1])
    assert 0.35 < (output[0] == 0).float().mean() < 0.65


def test_weight_drop_thins_the_recurrent_weights_alone(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, weight_drop=0.5, backend=backend)
    x = torch.randn(2, B, IN)
    torch.manual_seed(2)
    output, _ = layer(x)
    torch.manual_seed(2)
    dropped = regularisers.drop(layer.weight_hh_l0, 0.5)
    plain = elman.nn.LSTM(IN, H, backend=backend)
    plain.load_state_dict({**layer.state_dict(), "weight_hh_l0": dropped})
    torch.testing.assert_close(output, plain(x)[0], atol=1e-6, rtol=0)
    output.sum().backward()
    assert torch.equal(layer.weight_hh_l0.grad == 0, dropped == 0)
    torch.testing.assert_close(layer.eval()(x)[0], layer(x)[0], atol=0, rtol=0)


def test_zoneout_leaves_sequences_of_any_length_right(backend: str) -> None:
    """A sequence in a ragged batch is what it is alone."""
    layer = elman.nn.LSTM(IN, H, zoneout=0.3, backend=backend).eval()
    x = torch.randn(T, B, IN)
    lengths = torch.tensor([T, 0, 2, 5])
    output, (h, c) = layer(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, (h_alone, c_alone) = layer(x[:length, b : b + 1])
        torch.testing.assert_close(output[:length, b : b + 1], alone, atol=1e-6, rtol=0)
        assert not output[length:, b].any()
        torch.testing.assert_close(h[:, b : b + 1], h_alone, atol=1e-6, rtol=0)
        torch.testing.assert_close(c[:, b : b + 1], c_alone, atol=1e-6, rtol=0)


def test_options_may_be_changed_later() -> None:
    layer = elman.nn.GRU(IN, H)
    x = torch.randn(T, B, IN)
    layer.recurrent_dropout, layer.zoneout = 0.5, (0.2,)
    assert not torch.allclose(layer(x)[0], layer(x)[0], atol=1e-3)


def test_own_cells_are_regularised_as_ours(backend: str) -> None:
    layer = elman.nn.Recurrent(Own(), IN, H, 2, bidirectional=True, backend=backend, **ALL)
    x = torch.randn(T, B, IN)
    assert not torch.allclose(layer(x)[0], layer(x)[0], atol=1e-3)
    layer(x)[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    layer.eval()
    torch.testing.assert_close(layer(x), layer(x), atol=0, rtol=0)
