"""Products of bfloat16: the engine's error is that of rounding the operands, in every tensor and gradient."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

import elman
from elman import cells
from elman.backends import choose, engine, native, recurrence
from elman.backends.choose import BF16
from elman.errors import ArgumentError, BackendError

needs_bf16 = pytest.mark.skipif(not native.has_bf16(), reason="no AVX512-BF16 on this machine")
CPU = torch.device("cpu")
WALKS = {
    "plain": {},
    "ragged": {"lengths": torch.tensor([9, 3, 0, 7, 9, 1, 5])},
    "reverse": {"reverse": True},
}


def problem(program, batch=7, steps=9, inputs=21, hidden=37):
    """Leaves in float64 that float32 holds exactly."""
    torch.manual_seed(3)
    sizes = {"I": inputs, "H": hidden, "P": 20}

    def draw(*shape):
        return torch.randn(shape).double()

    leaves = {"x": draw(steps, batch, inputs)}
    leaves |= {p.name: hidden**-0.5 * draw(*p.shape(sizes)).float().double() for p in program.parameters}
    return leaves | {f"initial {s.name}": draw(batch, sizes[s.width]) for s in program.states}


def run(program, leaves, dtype, products, backend, **options) -> dict[str, Tensor]:
    """Outputs, final states, and gradients of a random weighting of them."""
    used = {name: leaf.to(dtype).requires_grad_() for name, leaf in leaves.items()}
    (output,), finals = recurrence(
        program,
        used["x"],
        {p.name: used[p.name] for p in program.parameters},
        [used[f"initial {s.name}"] for s in program.states],
        products=products,
        backend=backend,
        **options,
    )
    found = {"output": output} | {f"final {i}": final for i, final in enumerate(finals)}
    generator = torch.Generator().manual_seed(5)
    loss = sum(
        (v * torch.randn(v.shape, generator=generator, dtype=torch.float64)).sum() for v in found.values()
    )
    gradients = torch.autograd.grad(loss, list(used.values()))
    return found | {f"gradient of {n}": g for n, g in zip(used, gradients, strict=True)}


CELLS = {
    "rnn": cells.RNN(),
    "gru": cells.GRU(),
    "gru, reset before": cells.GRU(reset_after=False),
    "lstm, projection": cells.LSTM(projection=True),
    "lstm, peepholes": cells.LSTM(peepholes=True),
}


@needs_bf16
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_error_is_that_of_rounded_operands(cell, walk):
    program, options = CELLS[cell].program(), WALKS[walk]
    leaves = problem(program)
    exact = run(program, leaves, torch.float64, None, "reference", **options)
    emulated = run(program, leaves, torch.float64, torch.bfloat16, "reference", **options)
    found = run(program, leaves, torch.float32, torch.bfloat16, "engine", **options)
    plain = run(program, leaves, torch.float32, None, "engine", **options)
    for name, value in found.items():
        assert value.dtype == torch.float32, name
        scale = exact[name].norm().item()
        error, explained, apart = (
            (a - b[name]).norm().item() / scale
            for a, b in ((value, exact), (emulated[name], exact), (value, emulated))
        )
        assert error <= 1.1 * explained + 1e-6, f"{name}: {error:.2g}, rounding explains {explained:.2g}"
        assert apart <= 0.5 * explained + 1e-6, f"{name}: {apart:.2g} from the same rounding in torch"
        if explained > 1e-4:  # they are products of bfloat16, not of float32
            assert (plain[name] - exact[name]).norm().item() / scale < 0.01 * explained, name


@needs_bf16
def test_the_same_bits_on_any_number_of_threads():
    program = cells.GRU().program()
    leaves = problem(program, batch=19)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(run(program, leaves, torch.float32, torch.bfloat16, "engine"))
    torch.set_num_threads(1)
    for other in results[1:]:
        for name in ("output", "final 0", "gradient of x", "gradient of weight_hh"):
            assert torch.equal(results[0][name], other[name]), name


def test_the_rounding_is_differentiable_to_any_order():
    program = cells.GRU().program()
    leaves = problem(program, 2, 3, 2, 3)
    names = list(leaves)

    def loss(*values):
        used = dict(zip(names, values, strict=True))
        (output,), _ = recurrence(
            program,
            used["x"],
            {p.name: used[p.name] for p in program.parameters},
            [used["initial h"]],
            products=torch.bfloat16,
            backend="reference",
        )
        return output.square().sum()

    values = [v.requires_grad_() for v in leaves.values()]
    gradients = torch.autograd.grad(loss(*values), values, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in gradients), values)
    assert all(g.isfinite().all() and g.abs().max() > 0 for g in second)


def test_products_of_another_type_are_refused():
    with pytest.raises(ArgumentError, match=r"^products: expected None or torch.bfloat16, got torch.float16"):
        run(cells.RNN().program(), problem(cells.RNN().program()), torch.float32, torch.float16, "auto")


def test_a_machine_that_lacks_them(monkeypatch):
    monkeypatch.setattr(native, "has_bf16", lambda: False)
    monkeypatch.setattr(native, "isa", lambda: "avx2")
    program = cells.GRU().program()
    text = "products of bfloat16 need AVX512-BF16, and the kernels in use are avx2."
    assert engine.obstacle(program, CPU, torch.float32, bf16=True) == text
    assert choose(program, CPU, torch.float32, "auto", (BF16,)) == "reference"
    layer, x = elman.nn.GRU(3, 4), torch.randn(5, 2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        text_of_warning = "GRU runs in float32: products of bfloat16 need AVX512-BF16"
        with pytest.warns(UserWarning, match=text_of_warning) as caught:
            output, _ = layer(x)
        assert {warning.filename for warning in caught} == {__file__}
        assert str(elman.explain(layer)).endswith(f"in float32 though autocast is on: {text}")
        with pytest.raises(BackendError) as error:
            elman.nn.GRU(3, 4, backend="engine")(x)
    assert str(error.value) == (
        f'backend: \'engine\' cannot run GRU here: {text} Use backend="auto" or backend="reference".'
    )
    assert torch.equal(output, layer(x)[0].bfloat16())


@needs_bf16
def test_double_weights_stay_double_under_autocast():
    layer, x = elman.nn.LSTM(3, 4).double(), torch.randn(5, 2, 3).double()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x)[0], layer(x.bfloat16().double())[0]) is False
        output, (h, c) = layer(x)
    assert output.dtype == h.dtype == c.dtype == torch.float64
    torch.testing.assert_close(output, layer(x)[0], rtol=0, atol=0)


@needs_bf16
@pytest.mark.parametrize("backend", ["auto", "engine", "reference"])
def test_a_layer_under_autocast(backend):
    torch.manual_seed(1)
    layer = elman.nn.LSTM(30, 40, num_layers=2, bidirectional=True, backend=backend)
    x = torch.randn(6, 3, 30, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        output, (h, c) = layer(x)
        again, _ = layer(output[..., :30], (h.bfloat16(), c.bfloat16()))
    assert output.dtype == again.dtype == torch.bfloat16
    assert h.dtype == c.dtype == torch.float32
    exact, (he, ce) = layer(x)
    for found, right in ((output.float(), exact), (h, he), (c, ce)):
        error = (found - right).abs().max().item()
        assert 1e-5 < error < 2e-2
    output.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())
    assert x.grad is not None


@needs_bf16
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_a_one_step_cell_under_autocast(name, training):
    """It is the layer of its weights: the state is carried on in float32, products are of bfloat16."""
    cell = getattr(elman.nn, name)(30, 40)
    layer = getattr(elman.nn, name.removesuffix("Cell"))(30, 40)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x = torch.randn(6, 3, 30)
    with torch.set_grad_enabled(training):
        state = exact = None
        for step in x:
            exact = cell(step, exact)
            with torch.autocast("cpu", torch.bfloat16):
                state = cell(step, state)
        with torch.autocast("cpu", torch.bfloat16):
            _, final = layer(x)
            half = tuple(s.bfloat16() for s in as_tuple(state))
            again = cell(x[0].bfloat16(), half if len(half) > 1 else half[0])
    assert all(s.dtype == torch.float32 for s in as_tuple(again))
    for found, layers, right in zip(*map(as_tuple, (state, final, exact)), strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, layers[0], atol=1e-3, rtol=0)
        assert 1e-5 < (found - right).abs().max() < 2e-2
    if training:
        sum(s.square().sum() for s in as_tuple(state)).backward()
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in cell.parameters())


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_a_one_step_cell_where_the_machine_lacks_them(name, monkeypatch):
    monkeypatch.setattr(native, "has_bf16", lambda: False)
    cell, x = getattr(elman.nn, name)(3, 4), torch.randn(5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.warns(UserWarning, match=f"{name[:-4]} runs in float32: products of bfloat16") as caught:
            state = cell(x)
        with pytest.warns(UserWarning, match="runs in float32"):
            again = cell(x, state)
    assert {warning.filename for warning in caught} == {__file__}
    torch.testing.assert_close(again, cell(x, cell(x)), atol=0, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_another_autocast_leaves_a_one_step_cell_in_the_dtype_of_its_weights(name, dtype):
    cell, x = getattr(elman.nn, name)(3, 4, dtype=dtype), torch.randn(5, 3)
    with torch.autocast("cpu", torch.float16):
        state = cell(x.half())
        again = cell(x.half(), state)
    widened = x.half().to(dtype)
    torch.testing.assert_close(again, cell(widened, cell(widened)), atol=0, rtol=0)


@needs_bf16
def test_explain_names_the_products():
    layer = elman.nn.GRU(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert str(elman.explain(layer)).endswith(", products of bfloat16")
        assert "bfloat16" not in str(elman.explain(layer.double()))
    assert "bfloat16" not in str(elman.explain(layer.float()))


@needs_bf16
def test_autocast_within_a_compiled_graph():
    torch.manual_seed(2)
    layer = elman.nn.GRU(5, 6)

    def work(x):
        with torch.autocast("cpu", torch.bfloat16):
            return layer(x)[0]

    x = torch.randn(4, 2, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(work, fullgraph=True)(x)
    assert compiled.dtype == torch.bfloat16
    assert torch.equal(compiled, work(x))
