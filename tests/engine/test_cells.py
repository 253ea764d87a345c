"""Plans of whole cells, against loops over time in float64."""

from __future__ import annotations

import numpy as np
import pytest

SIZES = [1, 7, 63, 64, 130]
PREVIOUS, NEXT = 0, 1

# (T, B, lengths)
SHAPES = {
    "one": (3, 1, None),
    "three": (2, 3, None),
    "nine": (2, 9, None),
    "thirty-three": (2, 33, None),
    "ragged": (5, 9, [0, 5, 2, 5, 1, 0, 4, 3, 3]),
    "ragged-33": (4, 33, [(7 * b) % 5 for b in range(33)]),
    "all empty": (3, 4, [0, 0, 0, 0]),
    "no steps": (0, 3, None),
    "no rows": (3, 0, None),
}
cases = pytest.mark.parametrize(
    ("shape", "reverse", "batch_first"),
    [(name, name.startswith("r"), name in ("three", "ragged-33")) for name in SHAPES]
    + [("ragged", False, True)],
    ids=lambda v: str(v),
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def close(got, expected, scale=1.0):
    allowed = {np.float32: 3e-6, np.float64: 1e-13}[got.dtype.type]
    np.testing.assert_allclose(got, expected, rtol=0, atol=allowed * scale)


def make(make_batch, name, reverse, batch_first, seed):
    T, B, lengths = SHAPES[name]
    return make_batch(seed, T, B, lengths, reverse, batch_first)


def instructions(engine, *rows):
    codes = engine.opcodes()
    filled = []
    for name, dst, *rest in rows:
        operands = [r for r in rest if not isinstance(r, float)]
        numbers = [r for r in rest if isinstance(r, float)]
        operands += [-1] * (3 - len(operands))
        numbers += [0.0] * (2 - len(numbers))
        filled.append((codes[name], dst, *operands, *numbers))
    return filled


@cases
@pytest.mark.parametrize("H", SIZES)
def test_elman_step(engine, make_batch, shape, reverse, batch_first, H):
    """h' = tanh(x + U h + b), the state in the engine's own memory and in a sequence: the same bits."""
    batch = make(make_batch, shape, reverse, batch_first, H)
    plan = engine.Plan()
    x, h, b, p = (plan.add_buffer(place, H) for place in ("sequence", "state", "vector", "scratch"))
    y = plan.add_buffer("sequence", H)
    u = plan.add_weight(H, H)
    plan.add_product(u, 0, False, 1, H, [(h, 0, PREVIOUS, H)], (p, 0, PREVIOUS), bias=(b, 0, PREVIOUS))
    ports = [(p, 0, 0), (x, 0, 0), (h, 0, NEXT), (y, 0, 0)]
    rows = instructions(engine, ("add", 4, 0, 1), ("tanh", 2, 4), ("copy", 3, 2))
    plan.add_vector(H, ports, 1, rows)
    plan.check()
    X, U, bias, h0 = batch.sequence(H), batch.weight(H, H), batch.vector(H), batch.rows(H)
    out, final = batch.sequence(H, fill=False), batch.rows(H, fill=False)
    batch.run(plan, [X, (h0, None, final), bias, None, out], [U])
    again, final2 = batch.sequence(H, fill=False), batch.rows(H, fill=False)
    copy = batch.sequence(H, fill=False)
    batch.run(plan, [X, (h0, again, final2), bias, None, copy], [U])

    expected, last = np.zeros((batch.T, batch.B, H)), h0.astype(np.float64)
    for row in range(batch.B):
        for t in batch.times(row):
            last[row] = expected[t, row] = np.tanh(X[t, row] + U.astype(np.float64) @ last[row] + bias)
    close(out, expected)
    close(final, last)
    assert batch.zero_past(out)
    for array in (again, copy):
        np.testing.assert_array_equal(out, array)
    np.testing.assert_array_equal(final, final2)


@cases
@pytest.mark.parametrize("H", SIZES)
def test_gru_reset_before(engine, make_batch, shape, reverse, batch_first, H):
    """Two products in one step, the second of a changed state; no initial state, one input absent (zeros)."""
    batch = make(make_batch, shape, reverse, batch_first, 10 + H)
    plan = engine.Plan()
    x, nothing = plan.add_buffer("sequence", 3 * H), plan.add_buffer("sequence", H)
    h, p = plan.add_buffer("state", H), plan.add_buffer("scratch", 2 * H)
    rh, z, q = (plan.add_buffer("scratch", H) for _ in range(3))
    u = plan.add_weight(3 * H, H)
    plan.add_product(u, 0, False, 2, H, [(h, 0, PREVIOUS, H)], (p, 0, 0))
    ports = [(p, 0, 0), (p, H, 0), (x, 0, 0), (x, H, 0), (h, 0, PREVIOUS), (rh, 0, 0), (z, 0, 0)]
    rows = [("add", 7, 0, 2), ("sigmoid", 7, 7), ("mul", 5, 7, 4), ("add", 7, 1, 3), ("sigmoid", 6, 7)]
    plan.add_vector(H, ports, 1, instructions(engine, *rows))
    plan.add_product(u, 2 * H, False, 1, H, [(rh, 0, 0, H)], (q, 0, 0))
    ports = [(q, 0, 0), (x, 2 * H, 0), (z, 0, 0), (h, 0, PREVIOUS), (h, 0, NEXT), (nothing, 0, 0)]
    rows = [("add", 6, 0, 1), ("add", 6, 6, 5), ("tanh", 6, 6), ("sub", 7, 3, 6), ("mul_add", 4, 2, 7, 6)]
    plan.add_vector(H, ports, 2, instructions(engine, *rows))
    X, U = batch.sequence(3 * H), batch.weight(3 * H, H)
    out, final = batch.sequence(H, fill=False), batch.rows(H, fill=False)
    batch.run(plan, [X, None, (None, out, final), None, None, None, None], [U])

    expected, last = np.zeros((batch.T, batch.B, H)), np.zeros((batch.B, H))
    W = U.astype(np.float64)
    for row in range(batch.B):
        for t in batch.times(row):
            a, before = X[t, row].astype(np.float64), last[row]
            r = sigmoid(a[:H] + W[:H] @ before)
            gate = sigmoid(a[H : 2 * H] + W[H : 2 * H] @ before)
            n = np.tanh(a[2 * H :] + W[2 * H :] @ (r * before))
            last[row] = expected[t, row] = gate * (before - n) + n
    close(out, expected)
    close(final, last)
    assert batch.zero_past(out)


@cases
@pytest.mark.parametrize(("H", "P"), [(1, 7), (63, 20), (64, 64), (130, 33)])
def test_lstm_with_projection(engine, make_batch, shape, reverse, batch_first, H, P):
    """Two states of two widths, a product that writes a state, a peephole and its Sum."""
    batch = make(make_batch, shape, reverse, batch_first, 20 + H)
    plan = engine.Plan()
    x, h, c = plan.add_buffer("sequence", 4 * H), plan.add_buffer("state", P), plan.add_buffer("state", H)
    g, m = plan.add_buffer("scratch", 4 * H), plan.add_buffer("scratch", H)
    peep, total = plan.add_buffer("vector", 2 * H), plan.add_buffer("sum", H)
    u, v = plan.add_weight(4 * H, P), plan.add_weight(P, H)
    plan.add_product(u, 0, False, 4, H, [(h, 0, PREVIOUS, P)], (g, 0, 0))
    ports = [(g, i * H, 0) for i in range(4)] + [(x, i * H, 0) for i in range(4)]
    ports += [(c, 0, PREVIOUS), (c, 0, NEXT), (m, 0, 0), (peep, H, 0), (total, 0, 0)]
    rows = [("add", 13, 0, 4), ("sigmoid", 13, 13), ("add", 14, 1, 5), ("mul_add", 14, 11, 8, 14)]
    rows += [("sigmoid", 14, 14), ("add", 15, 2, 6), ("tanh", 15, 15), ("mul", 15, 15, 13)]
    rows += [("mul_add", 9, 14, 8, 15), ("add", 13, 3, 7), ("sigmoid", 13, 13), ("tanh", 14, 9)]
    rows += [("mul", 10, 13, 14), ("accumulate", 12, 10)]
    plan.add_vector(H, ports, 3, instructions(engine, *rows))
    plan.add_product(v, 0, False, 1, P, [(m, 0, 0, H)], (h, 0, NEXT))
    X, U, V, peephole = batch.sequence(4 * H), batch.weight(4 * H, P), batch.weight(P, H), batch.vector(2 * H)
    h0, c0, out = batch.rows(P), batch.rows(H), batch.sequence(P, fill=False)
    hn, cn, s = batch.rows(P, fill=False), batch.rows(H, fill=False), batch.vector(H, fill=False)
    batch.run(plan, [X, (h0, out, hn), (c0, None, cn), None, None, peephole, s], [U, V])

    expected, hs, cs = np.zeros((batch.T, batch.B, P)), h0.astype(np.float64), c0.astype(np.float64)
    added = np.zeros(H)
    for row in range(batch.B):
        for t in batch.times(row):
            i, f, a, o = (X[t, row] + U.astype(np.float64) @ hs[row]).reshape(4, H)
            cs[row] = sigmoid(f + peephole[H:] * cs[row]) * cs[row] + sigmoid(i) * np.tanh(a)
            inner = sigmoid(o) * np.tanh(cs[row])
            added += inner
            hs[row] = expected[t, row] = V.astype(np.float64) @ inner
    for got, wanted in ((out, expected), (hn, hs), (cn, cs)):
        close(got, wanted, 3)
    close(s, added, 10)
    assert batch.zero_past(out)


@cases
@pytest.mark.parametrize("H", SIZES)
def test_adjoint(engine, make_batch, shape, reverse, batch_first, H):
    """The GRU's adjoint: a transposed product of two segments added to a state, Shifted, Sums."""
    batch = make(make_batch, shape, reverse, batch_first, 30 + H)
    plan = engine.Plan()
    saved, dy, hs = (plan.add_buffer(*a) for a in (("sequence", 4 * H), ("sequence", H), ("shifted", H)))
    dh, dx, dq = (plan.add_buffer(*a) for a in (("state", H), ("sequence", 3 * H), ("sequence", H)))
    db = plan.add_buffer("sum", 2 * H)
    u = plan.add_weight(3 * H + 2, H)
    ports = [(saved, i * H, 0) for i in range(4)] + [(dy, 0, 0), (hs, 0, 0), (dh, 0, PREVIOUS), (dh, 0, NEXT)]
    ports += [(dx, i * H, 0) for i in range(3)] + [(dq, 0, 0), (db, 0, 0), (db, H, 0)]
    rows = [("add", 14, 4, 6), ("mul", 7, 14, 1), ("sub", 15, 5, 2), ("mul", 15, 15, 14)]
    rows += [("sigmoid_grad", 9, 15, 1), ("affine", 15, 1, -1.0, 1.0), ("mul", 15, 15, 14)]
    rows += [("tanh_grad", 10, 15, 2), ("mul", 15, 10, 3), ("sigmoid_grad", 8, 15, 0)]
    rows += [("mul", 11, 10, 0), ("accumulate", 12, 11), ("accumulate", 13, 8)]
    plan.add_vector(H, ports, 2, instructions(engine, *rows))
    plan.add_product(u, 2, True, 1, H, [(dx, 0, 0, 2 * H), (dq, 0, 0, H)], (dh, 0, NEXT), accumulate=True)
    S, DY, HS, edge = batch.sequence(4 * H, scale=0.5), batch.sequence(H), batch.sequence(H), batch.rows(H)
    U, dh0 = batch.weight(3 * H + 2, H), batch.rows(H)
    DX, DQ = batch.sequence(3 * H, fill=False), batch.sequence(H, fill=False)
    final, sums = batch.rows(H, fill=False), batch.vector(2 * H, fill=False)
    batch.run(plan, [S, DY, (HS, edge), (dh0, None, final), DX, DQ, sums], [U])

    want_x, want_q = np.zeros((batch.T, batch.B, 3 * H)), np.zeros((batch.T, batch.B, H))
    carried, want_sums, W = dh0.astype(np.float64), np.zeros(2 * H), U.astype(np.float64)[2:]
    for row in range(batch.B):
        times = batch.times(row)
        for k, t in enumerate(times):
            r, z, n, p = S[t, row].astype(np.float64).reshape(4, H)
            before = edge[row] if k + 1 == len(times) else HS[times[k + 1], row]
            d = DY[t, row] + carried[row]
            dn = d * (1 - z) * (1 - n * n)
            dr, dz = dn * p * r * (1 - r), d * (before - n) * z * (1 - z)
            want_x[t, row], want_q[t, row] = np.concatenate([dr, dz, dn]), dn * r
            carried[row] = d * z + np.concatenate([dr, dz, dn * r]) @ W
            want_sums += np.concatenate([dn * r, dr])
    scale = 1 + max((np.abs(a).max() for a in (want_x, carried, want_sums) if a.size), default=0)
    for got, wanted in ((DX, want_x), (DQ, want_q), (final, carried), (sums, want_sums)):
        close(got, wanted, scale)
    assert batch.zero_past(DX)
    assert batch.zero_past(DQ)
