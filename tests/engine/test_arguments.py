"""Plans and arguments that cannot be: each message names the place, what was expected and what came."""

from __future__ import annotations

import re

import numpy as np
import pytest

HUGE = 2**62


def raises(text: str, call, *args, **kwargs):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        call(*args, **kwargs)


@pytest.fixture
def opcode(raw_engine):
    return raw_engine.opcodes()


@pytest.fixture
def plan(raw_engine):
    """Buffers 0 sequence, 1 state, 2 vector, 3 sum, 4 scratch of 8, 5 shifted, else of 4; weight 0 (8, 4)."""
    plan = raw_engine.Plan()
    for place, width in (
        ("sequence", 4),
        ("state", 4),
        ("vector", 4),
        ("sum", 4),
        ("scratch", 8),
        ("shifted", 4),
    ):
        plan.add_buffer(place, width)
    plan.add_weight(8, 4)
    return plan


def state_written(plan, opcode):
    plan.add_vector(4, [(0, 0, 0), (1, 0, 1)], 0, [(opcode["copy"], 1, 0, -1, -1, 0.0, 0.0)])


def test_places_and_sides(raw_engine, plan):
    raises(
        "place: expected one of sequence, shifted, state, vector, sum, scratch or its number, got 'stack'",
        plan.add_buffer,
        "stack",
        4,
    )
    raises(
        "side: expected one of previous, next or its number, got 2",
        plan.add_vector,
        4,
        [(0, 0, 2)],
        0,
        [],
    )
    raises("ports: expected (buffer, column, side), got (0, 0)", plan.add_vector, 4, [(0, 0)], 0, [])
    assert raw_engine.Plan().add_buffer(5, 3) == 0
    assert plan.add_buffer("state", 1) == 6


@pytest.mark.parametrize("width", [0, -3])
def test_width_of_a_buffer(raw_engine, width):
    plan = raw_engine.Plan()
    plan.add_buffer("scratch", width)
    raises(f"buffer 0: expected a width of at least 1, got {width}", plan.check)


def test_size_of_a_weight(raw_engine):
    plan = raw_engine.Plan()
    plan.add_weight(3, 0)
    raises("weight 0: expected at least 1 row and 1 column, got (3, 0)", plan.check)


def test_state_must_be_written(plan):
    raises("buffer 1 (State): expected every one of its 4 next lanes to be written by some stage", plan.check)


PRODUCTS = {
    "weight 7 is not among the plan's 1": {"weight": 7},
    "expected at least 1 gate of width 1, got 0 of width 4": {"gates": 0},
    "gates * width overflows": {"gates": HUGE, "width": 4},
    "expected at least one segment": {"segments": []},
    "segment 0: expected a length of at least 1, got 0": {"segments": [(0, 0, 0, 0)]},
    "segment 0: buffer 9 is not among the plan's 6": {"segments": [(9, 0, 0, 4)]},
    "segment 0: columns 2 + 4 lie outside buffer 0 of width 4": {"segments": [(0, 2, 0, 4)]},
    "segment 0: columns -1 + 4 lie outside buffer 0 of width 4": {"segments": [(0, -1, 0, 4)]},
    "segment 0: side Next is for a State, buffer 0 is a Sequence": {"segments": [(0, 0, 1, 4)]},
    "segment 0: buffer 3 is a Sum, which cannot be read": {"segments": [(3, 0, 0, 4)]},
    "segment 0: reads columns 0 + 4 of buffer 4 (Scratch) before all of them are written": {
        "segments": [(4, 0, 0, 4)]
    },
    "segment 0: reads columns 0 + 4 of buffer 1 (State) before all of them are written": {
        "segments": [(1, 0, "next", 4)]
    },
    "needs rows 0 + 8 and 3 columns, but weight 0 is (8, 4)": {"segments": [(0, 0, 0, 3)]},
    "needs rows 1 + 8 and 4 columns, but weight 0 is (8, 4)": {"row0": 1},
    "needs rows -1 + 8 and 4 columns, but weight 0 is (8, 4)": {"row0": -1},
    "a transposed product has 1 gate, got 2": {"transposed": True},
    "expected heads that share the width 4 evenly, got 3": {"heads": 3},
    "expected heads that share the width 4 evenly, got 0": {"heads": 0},
    "segment 0: its length 1 is not shared evenly by 2 heads": {
        "heads": 2,
        "segments": [(0, 0, 0, 1), (0, 1, 0, 3)],
    },
    "needs rows 0 + 8 and 2 columns, but weight 0 is (8, 4)": {"heads": 2},
    "needs rows 0 + 4 and 8 columns, but weight 0 is (8, 4)": {"transposed": True, "gates": 1, "width": 8},
    "out: columns 1 + 8 lie outside buffer 4 of width 8": {"out": (4, 1, 0)},
    "out: buffer 1 (State, side Previous) cannot be written": {"out": (1, 0, 0), "gates": 1, "width": 4},
    "out: buffer 2 (Vector) cannot be written": {"out": (2, 0, 0), "gates": 1, "width": 4},
    "out: buffer 3 (Sum) cannot be written": {"out": (3, 0, 0), "gates": 1, "width": 4},
    "out: buffer 5 (Shifted) cannot be written": {"out": (5, 0, 0), "gates": 1, "width": 4},
    "bias: columns 0 + 8 lie outside buffer 2 of width 4": {"bias": (2, 0, 0)},
    "bias: expected a Vector, buffer 0 is a Sequence": {"bias": (0, 0, 0), "gates": 1},
    "out: reads columns 0 + 8 of buffer 4 (Scratch) before all of them are written": {"accumulate": True},
    "out overlaps segment 0": {"out": (0, 0, 0), "gates": 1, "width": 4},
}


@pytest.mark.parametrize("text", PRODUCTS)
def test_product(plan, text):
    arguments = {
        "weight": 0,
        "row0": 0,
        "transposed": False,
        "gates": 2,
        "width": 4,
        "segments": [(0, 0, 0, 4)],
        "out": (4, 0, 0),
    }
    plan.add_product(**{**arguments, **PRODUCTS[text]})
    raises(f"stage 0 (product): {text}", plan.check)


VECTORS = {
    "expected a width of at least 1, got 0": {"width": 0},
    "expected 0 to 4096 registers, got 5000": {"registers": 5000},
    "port 0: columns 0 + 5 lie outside buffer 0 of width 4": {"width": 5},
    "instruction 0: opcode 99 is not one of 0 .. 27": {"instructions": [(99, 1, 0, -1, -1)]},
    "instruction 0: operand a: slot 9 is not among the stage's 5": {"instructions": [("copy", 1, 9, -1, -1)]},
    "instruction 0: operand b: slot -1 is not among the stage's 5": {"instructions": [("add", 1, 0, -1, -1)]},
    "instruction 0: operand b: unused here, expected -1, got 0": {"instructions": [("copy", 1, 0, 0, -1)]},
    "instruction 0: dst: slot 5 is not among the stage's 5": {"instructions": [("copy", 5, 0, -1, -1)]},
    "instruction 1: operand a: register 0 is read before it is written": {
        "instructions": [("copy", 1, 0, -1, -1), ("copy", 1, 4, -1, -1)]
    },
    "instruction 0: operand a: reads columns 0 + 4 of buffer 1 (State) before all of them are written": {
        "instructions": [("copy", 1, 1, -1, -1)]
    },
    "instruction 0: dst: buffer 3 (Sum) cannot be written": {"instructions": [("copy", 2, 0, -1, -1)]},
    "instruction 0: dst: accumulate needs a Sum port": {"instructions": [("accumulate", 1, 0, -1, -1)]},
    "port 0 is written and overlaps port 3 at other columns": {
        "width": 2,
        "ports": [(0, 0, 0), (1, 0, 1), (3, 0, 0), (0, 1, 0)],
        "instructions": [("copy", 0, 3, -1, -1)],
    },
}


@pytest.mark.parametrize("text", VECTORS)
def test_vector(plan, opcode, text):
    arguments = {
        "width": 4,
        "ports": [(0, 0, 0), (1, 0, 1), (3, 0, 0), (2, 0, 0)],
        "registers": 1,
        **VECTORS[text],
    }
    rows = arguments.pop("instructions", [])
    instructions = [(opcode.get(op, op), *slots, 0.0, 0.0) for op, *slots in rows]
    plan.add_vector(instructions=instructions, **arguments)
    joint = ", " if text.startswith("instruction") else ": "
    raises(f"stage 0 (vector){joint}{text}", plan.check)


def arrays(plan, opcode, T=2, B=3):
    state_written(plan, opcode)
    plan.check()
    return [
        np.ones((T, B, 4), np.float32),
        (np.ones((B, 4), np.float32), None, np.ones((B, 4), np.float32)),
        np.ones(4, np.float32),
        np.ones(4, np.float32),
        None,
        (None, None),
    ]


ENTRIES = [
    (0, np.ones((2, 3, 4)), "buffer 0 (sequence): expected float32 (2, 3, 4), got float64 (2, 3, 4)"),
    (
        0,
        np.ones((2, 3, 5), np.float32),
        "buffer 0 (sequence): expected float32 (2, 3, 4), got float32 (2, 3, 5)",
    ),
    (0, np.ones((3, 4), np.float32), "buffer 0 (sequence): expected float32 (2, 3, 4), got float32 (3, 4)"),
    (
        0,
        np.ones((2, 3, 8), np.float32)[..., ::2],
        "buffer 0 (sequence): expected the last dimension to be contiguous, got stride 2",
    ),
    (
        0,
        "text",
        "buffer 0 (sequence): expected float32 (2, 3, 4), got no array on the CPU but <class 'str'>",
    ),
    (0, (1, 2), "buffer 0 (sequence): expected (address, stride_time, stride_batch), got (1, 2)"),
    (0, (2**64, 2, 2), f"address: expected an integer of 64 bits, got {2**64}"),
    (1, np.ones(3), "buffer 1 (state): expected (initial, sequence, final), got "),
    (
        1,
        (np.ones((2, 4), np.float32), None, None),
        "buffer 1 (state, initial): expected float32 (3, 4), got float32 (2, 4)",
    ),
    (
        1,
        (None, np.ones((2, 3, 3), np.float32), None),
        "buffer 1 (state, sequence): expected float32 (2, 3, 4), got float32 (2, 3, 3)",
    ),
    (
        1,
        (None, None, np.ones(4, np.float32)),
        "buffer 1 (state, final): expected float32 (3, 4), got float32 (4,)",
    ),
    (2, None, "buffer 2: expected an array, got none"),
    (3, None, "buffer 3: expected an array, got none"),
    (3, np.ones(3, np.float32), "buffer 3 (sum): expected float32 (4,), got float32 (3,)"),
    (4, np.ones(3), "buffer 4 (scratch): expected None, got "),
    (5, (None, None, None), "buffer 5 (shifted): expected (sequence, edge), got (None, None, None)"),
    (
        5,
        (None, np.ones((3, 5), np.float32)),
        "buffer 5 (shifted, edge): expected float32 (3, 4), got float32 (3, 5)",
    ),
]


@pytest.mark.parametrize(("index", "entry", "text"), ENTRIES, ids=lambda v: v if isinstance(v, str) else "")
def test_arrays(plan, opcode, index, entry, text):
    given = arrays(plan, opcode)
    given[index] = entry
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        plan.run(given, [np.ones((8, 4), np.float32)], 2, 3)


def test_what_the_plan_writes_must_be_there_and_writable(raw_engine, opcode):
    plan = raw_engine.Plan()
    plan.add_buffer("sequence", 4)
    plan.add_vector(4, [(0, 0, 0)], 0, [(opcode["affine"], 0, 0, -1, -1, 2.0, 0.0)])
    raises(
        "buffer 0: expected an array, got none (the plan writes this Sequence)", plan.run, [None], [], 2, 3
    )
    frozen = np.ones((2, 3, 4), np.float32)
    frozen.flags.writeable = False
    with pytest.raises(
        ValueError, match=r"^buffer 0 \(sequence\): expected float32 \(2, 3, 4\), got no writable array"
    ):
        plan.run([frozen], [], 2, 3)
    plan.run([None], [], 0, 3)


RUNS = [
    ({"steps": -1}, "steps: expected at least 0, got -1"),
    ({"batch": -1}, "batch: expected at least 0, got -1"),
    ({"threads": 0}, "threads: expected at least 1, got 0"),
    ({"split": "columns"}, "split: expected one of auto, rows, lanes or its number, got 'columns'"),
    ({"lengths": np.array([2, 3, 1])}, "lengths: expected values in 0 .. 2, got 3 for sequence 1"),
    ({"lengths": np.array([2, 0, -1])}, "lengths: expected values in 0 .. 2, got -1 for sequence 2"),
    ({"lengths": np.array([2, 2])}, "lengths: expected int64 (3,), got int64 (2,)"),
    ({"lengths": np.array([2, 2, 2], np.int32)}, "lengths: expected int64 (3,), got int32 (3,)"),
    (
        {"lengths": np.array([2, 0] * 3)[::2]},
        "lengths: expected the last dimension to be contiguous, got stride 2",
    ),
    (
        {"spans": np.ones(3)},
        "spans: expected int64 (spans, 3) beside no lengths, got <class 'numpy.ndarray'>",
    ),
    (
        {"spans": np.array([[0, 0, 2], [1, 0, 1], [1, 1, 1]])},
        "spans: expected some of each of the 3 sequences, got 2",
    ),
    (
        {"spans": np.array([[0, 0, 1], [0, 0, 1], [1, 0, 2]])},
        "spans: entry 1, (0, 0, 1), does not follow the one before it within the steps and the batch",
    ),
    (
        {"spans": np.array([[0, 0, 1], [0, 1, 2], [1, 0, 2]])},
        "spans: entry 1, (0, 1, 2), does not follow the one before it within the steps and the batch",
    ),
    (
        {"spans": np.array([[0, 0, 0], [0, 0, 2], [1, 0, 2]])},
        "spans: entry 1, (0, 0, 2), does not follow the one before it within the steps and the batch",
    ),
    ({"weights": []}, "weights: expected 1, got 0"),
    ({"weights": [np.ones((4, 8), np.float32)]}, "weight 0: expected float32 (8, 4), got float32 (4, 8)"),
    ({"weights": [(0, 4)]}, "weight 0: expected an array, got none"),
    ({"weights": [(1, 2, 3)]}, "weight 0: expected (address, stride_row), got (1, 2, 3)"),
    ({"arrays": []}, "arrays: expected one entry for each of the plan's 6 buffers, got 0"),
]


@pytest.mark.parametrize(("change", "text"), RUNS, ids=[r[1] for r in RUNS])
def test_run(plan, opcode, change, text):
    given = arrays(plan, opcode)
    if change.get("steps") == -1 or change.get("batch") == -1:  # no array has such a shape
        given = [(given[0].ctypes.data, 12, 4), None, *given[2:]]
    call = {"arrays": given, "weights": [np.ones((8, 4), np.float32)], "steps": 2, "batch": 3, **change}
    raises(text, lambda: plan.run(**call))


def test_sizes_that_overflow(raw_engine, opcode):
    plan = raw_engine.Plan()
    plan.add_buffer("scratch", HUGE)
    plan.add_buffer("vector", 4)
    plan.add_vector(4, [(0, 0, 0), (1, 0, 0)], 0, [(opcode["copy"], 0, 1, -1, -1, 0.0, 0.0)])
    one = np.ones(4, np.float32)
    raises("the engine's memory for one run overflows", plan.run, [None, one], [], 1, 1)
    raises("steps * batch overflows", plan.run, [None, one], [], HUGE, 4)


def test_too_little_memory(raw_engine, opcode):
    plan = raw_engine.Plan()
    plan.add_buffer("scratch", 2**50)
    plan.add_buffer("vector", 4)
    plan.add_vector(4, [(0, 0, 0), (1, 0, 0)], 0, [(opcode["copy"], 0, 1, -1, -1, 0.0, 0.0)])
    with pytest.raises(MemoryError):
        plan.run([None, np.ones(4, np.float32)], [], 1, 1)


def test_instruction_sets(raw_engine, monkeypatch):
    assert raw_engine.isa() in raw_engine.isas()
    assert raw_engine.isas()[-1] == "baseline"
    valid = ", ".join(raw_engine.isas())
    raises(
        f"use_isa: expected an instruction set that this machine runs ({valid}), got 'mmx'",
        raw_engine.use_isa,
        "mmx",
    )
