"""The gated variants as plain loops of torch operators, as a PyTorch user writes them with some care.

The products of x are hoisted out of the loop and those of a step fused, biases are added once. Each loop
takes x (T, B, I), the layer's parameters by name and its masks by name, and returns the output (T, B, H) and
the last states (B, H). In float64 they are the oracle of the variants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Named = Mapping[str, Tensor]
Loop = Callable[[Tensor, Named, Named], tuple[Tensor, tuple[Tensor, ...]]]


def _start(x: Tensor, hidden: int) -> Tensor:
    return x.new_zeros(x.shape[1], hidden)


def _projected(x: Tensor, p: Named) -> Tensor:
    return F.linear(x, p["weight_ih_l0"], p["bias_ih_l0"] + p["bias_hh_l0"])


def lstm(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    """With masks: `drop_x` (B, I) and `drop_h` (B, H) of variational dropout, `zone_h` and `zone_c` (T, B, H)
    of zoneout, 1 where a state stays."""
    weight = p["weight_hh_l0"].t()
    h = c = _start(x, len(weight))
    outputs = []
    projected = _projected(x * masks["drop_x"] if "drop_x" in masks else x, p)
    zones = zip(masks["zone_h"] != 0, masks["zone_c"] != 0, strict=True) if "zone_h" in masks else None
    for row in projected.unbind(0):
        i, f, g, o = torch.addmm(row, h * masks["drop_h"] if "drop_h" in masks else h, weight).chunk(4, 1)
        new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        new_h = torch.sigmoid(o) * torch.tanh(new_c)
        if zones is None:
            h, c = new_h, new_c
        else:
            zone_h, zone_c = next(zones)
            h, c = torch.where(zone_h, h, new_h), torch.where(zone_c, c, new_c)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def layer_norm_lstm(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    weight = p["weight_hh_l0"].t()
    hidden, gates = weight.shape
    h = c = _start(x, hidden)
    outputs = []
    projected = F.layer_norm(F.linear(x, p["weight_ih_l0"]), (gates,), p["norm_ih_l0"], p["bias_ih_l0"])
    for row in projected.unbind(0):
        recurrent = F.layer_norm(h @ weight, (gates,), p["norm_hh_l0"], p["bias_hh_l0"])
        i, f, g, o = (row + recurrent).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(F.layer_norm(c, (hidden,), p["norm_c_l0"], p["bias_c_l0"]))
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def peephole_lstm(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    weight = p["weight_hh_l0"].t()
    pi, pf, po = p["peephole_l0"].chunk(3)
    h = c = _start(x, len(weight))
    outputs = []
    for row in _projected(x, p).unbind(0):
        i, f, g, o = torch.addmm(row, h, weight).chunk(4, 1)
        i, f = torch.sigmoid(torch.addcmul(i, pi, c)), torch.sigmoid(torch.addcmul(f, pf, c))
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(torch.addcmul(o, po, c)) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def gru_reset_before(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    hidden = p["weight_hh_l0"].shape[1]
    gates, candidate = p["weight_hh_l0"].t().split((2 * hidden, hidden), 1)
    h = _start(x, hidden)
    outputs = []
    projected = _projected(x, p)
    for row, last in zip(
        projected[..., : 2 * hidden].unbind(0), projected[..., 2 * hidden :].unbind(0), strict=True
    ):
        r, z = torch.sigmoid(torch.addmm(row, h, gates)).chunk(2, 1)
        h = torch.lerp(torch.tanh(torch.addmm(last, r * h, candidate)), h, z)
        outputs.append(h)
    return torch.stack(outputs), (h,)


def jordan(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    inward, outward = p["weight_yh_l0"].t(), p["weight_hy_l0"].t()
    y = _start(x, len(inward))
    outputs = []
    for row in F.linear(x, p["weight_ih_l0"], p["bias_ih_l0"]).unbind(0):
        y = torch.addmm(p["bias_hy_l0"], torch.tanh(torch.addmm(row, y, inward)), outward)
        outputs.append(y)
    return torch.stack(outputs), (y,)


def slstm(x: Tensor, p: Named, masks: Named) -> tuple[Tensor, tuple[Tensor, ...]]:
    weight = p["weight_hh_l0"].t()
    h = c = n = m = _start(x, len(weight))
    outputs = []
    for step, row in enumerate(F.linear(x, p["weight_ih_l0"], p["bias_ih_l0"]).unbind(0)):
        i, f, z, o = torch.addmm(row, h, weight).chunk(4, 1)
        kept = F.logsigmoid(f) + m
        m = torch.maximum(kept, i) if step else i
        let_in, keep = torch.exp(i - m), torch.exp(kept - m)
        c = keep * c + let_in * torch.tanh(z)
        n = keep * n + let_in
        h = torch.sigmoid(o) * (c / n)
        outputs.append(h)
    return torch.stack(outputs), (h, c, n, m)
