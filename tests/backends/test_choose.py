"""Which reader runs, and what `explain` says about it."""

from __future__ import annotations

import pytest
import torch

import elman
from elman import cells
from elman.backends import choose, engine, native, recurrence
from elman.backends.choose import explain_choice
from elman.errors import ArgumentError, BackendError

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_auto_takes_the_engine_on_the_cpu(name):
    dtype = getattr(torch, name)
    choice = explain_choice(cells.GRU().program(), CPU, dtype, "auto")
    assert choice.reader == "engine" == choose(cells.GRU().program(), CPU, dtype)
    assert choice.reason == f"{name} on the CPU, {native.isa()} kernels, {torch.get_num_threads()} thread(s)"


def test_auto_says_why_it_takes_the_reference():
    choice = explain_choice(cells.GRU().program(), CPU, torch.float16, "auto")
    assert str(choice) == "reference: the engine computes in float32 and float64, the tensors are float16."
    choice = explain_choice(cells.GRU().program(), torch.device("mps"), torch.float32, "auto")
    assert str(choice) == "reference: the engine runs on the CPU, the tensors are on mps."


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM", "MinGRU", "RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("backend", ["auto", "reference", "engine"])
def test_meta_is_for_building_alone(name, backend):
    single = name.endswith("Cell")
    options = {} if single else {"backend": backend}
    layer = getattr(elman.nn, name)(3, 4, device="meta", **options)
    x = torch.randn(2, 3) if single else torch.randn(5, 2, 3)
    expected = (
        f"backend: {'auto' if single else backend!r} cannot run {layer.program.name} here: tensors on meta "
        'have no numbers. Give the layer memory with layer.to_empty(device="cpu"), then values with '
        "layer.reset_parameters() or layer.load_state_dict(...)."
    ).replace("backend: auto", "backend: 'auto'")
    for moved in (layer, getattr(elman.nn, name)(3, 4, **options).to("meta")):
        calls = [lambda m=moved: m(x.to("meta")), lambda m=moved: m(x)]
        for call in calls if single else [*calls, lambda m=moved: elman.explain(m)]:
            with pytest.raises(BackendError) as error:
                call()
            assert str(error.value) == expected
    torch.manual_seed(1)
    layer.to_empty(device="cpu").reset_parameters()
    torch.manual_seed(1)
    built = getattr(elman.nn, name)(3, 4, **options)
    torch.testing.assert_close(layer(x), built(x), atol=0, rtol=0)


def test_a_named_reader_never_falls_back():
    with pytest.raises(BackendError) as error:
        choose(cells.GRU().program(), CPU, torch.float16, "engine")
    assert str(error.value) == (
        "backend: 'engine' cannot run GRU here: the engine computes in float32 and float64, the tensors are "
        "float16. "
        'Use backend="auto" or backend="reference".'
    )
    assert choose(cells.GRU().program(), CPU, torch.float16, "reference") == "reference"


def test_a_missing_engine_is_said(monkeypatch):
    monkeypatch.setattr(native, "_missing", "no module named elman._engine")
    assert "cannot be loaded (no module named elman._engine)" in engine.obstacle(
        cells.RNN().program(), CPU, torch.float32
    )
    with pytest.raises(BackendError, match="cannot be loaded"):
        choose(cells.RNN().program(), CPU, torch.float32, "engine")


def test_an_instruction_the_engine_lacks_is_said(monkeypatch):
    monkeypatch.setattr(native, "OPCODES", {"add": 0})
    assert engine.obstacle(cells.RNN().program(), CPU, torch.float32) == (
        "the engine has no instruction tanh, tanh_grad."
    )


def test_unknown_backends_list_the_valid_ones():
    with pytest.raises(
        ArgumentError, match=r"backend: unknown name 'engin'. Did you mean 'engine'\? Valid: auto, "
    ):
        choose(cells.RNN().program(), CPU, torch.float32, "engin")


def test_explain_a_layer():
    layer = elman.nn.LSTM(3, 4)
    assert elman.explain(layer).reader == "engine"
    assert elman.explain(layer.double()).reader == "engine"
    assert elman.explain(layer.half()).reader == "reference"
    assert elman.explain(layer.float(), torch.zeros(1, 1, 3)).reader == "engine"
    with pytest.raises(BackendError, match="'engine' cannot run LSTM here"):
        elman.explain(elman.nn.LSTM(3, 4, backend="engine", dtype=torch.float16))


def test_padding_may_hold_anything():
    program = cells.GRU().program()
    parameters = {
        p.name: torch.randn(p.shape({"I": 3, "H": 4}), requires_grad=True) for p in program.parameters
    }
    x = torch.randn(5, 2, 3)
    x[3:, 1] = float("nan")
    for backend in ("engine", "reference"):
        (output,), (final,) = recurrence(
            program, x, parameters, [None], lengths=torch.tensor([5, 3]), backend=backend
        )
        gradients = torch.autograd.grad(output.sum() + final.sum(), list(parameters.values()))
        assert all(t.isfinite().all() for t in (output, final, *gradients))
        assert (output[3:, 1] == 0).all()
