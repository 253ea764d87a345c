"""Devices and precisions by name, through Lightning Fabric."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from elman.errors import shown, wrong

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def check_device(device: str) -> tuple[str, str]:
    """(kind, number or "") of a device of this machine: auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:N,
    mps.

    Raises `ArgumentError` for a device that is not there.
    """
    name, _, number = device.partition(":")
    if name not in ("auto", "cpu", "cuda", "mps") or (number and not number.isdecimal()):
        raise wrong("device", expected="auto, cpu, cuda, cuda:N or mps", got=device)
    if name == "cuda" and not (torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()):
        got = shown(f"{device!r}, with {torch.cuda.device_count()} CUDA devices here")
        raise wrong(
            "device", expected="a device of this machine", got=got, remedy="device='cpu' always works."
        )
    if name == "mps" and not torch.backends.mps.is_available():
        got = shown("'mps', which is not here")
        raise wrong(
            "device", expected="a device of this machine", got=got, remedy="device='cpu' always works."
        )
    return name, number


def fabric_for(device: str, precision: str) -> Fabric:
    """A Fabric on one device (as `check_device` has it) in one of `PRECISIONS`."""
    from lightning_fabric import Fabric

    name, number = check_device(device)
    devices: Any = [int(number)] if number and name == "cuda" else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about machines that could also be used
        kind: Any = PRECISIONS[precision]
        return Fabric(accelerator=name, devices=devices, precision=kind)
