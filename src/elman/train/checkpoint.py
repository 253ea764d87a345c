"""Tensors and plain values in one safetensors file with a checksum. Nothing is pickled, nothing half written.

It is an ordinary safetensors file (https://github.com/huggingface/safetensors) whose metadata holds three
texts: `format` ("elman 1"), `about` (JSON: whatever plain values go with the tensors) and `sha256`, a digest
over `about` and over each tensor's name, type, shape and bytes, in the order of the names.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from elman.errors import RunError
from elman.train.durable import write_bytes

FORMAT = "elman 1"


def save(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and plain values to `path`, replacing a former file in one step.

    Raises `RunError` if the disk is full; the former file is then still whole.
    """
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about, ensure_ascii=False)
    metadata = {"format": FORMAT, "about": text, "sha256": _digest(ready, text)}
    write_bytes(path, save_safetensors(_unshared(ready), metadata))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote: (tensors, plain values).

    Raises `RunError` if the file is missing, truncated, changed or no file of elman.
    """
    if not path.is_file():
        raise RunError(
            f"{path}: expected a model file, but there is none. Train first, or name another run folder."
        )
    content = path.read_bytes()
    try:
        header = _metadata(content)
        tensors = load_safetensors(content)
    except Exception as error:
        raise RunError(
            f"{path}: expected a whole safetensors file, got a truncated or damaged one ({error}). "
            "Copy it again from where it came, or train again."
        ) from None
    if header.get("format") != FORMAT:
        found = str(header.get("format"))
        newer = found.startswith("elman ") and found.removeprefix("elman ").isdecimal()
        remedy = " A newer elman wrote it: install that one, or train again." if newer else ""
        raise RunError(f"{path}: expected a file of format {FORMAT!r}, got {header.get('format')!r}.{remedy}")
    if _digest(tensors, header.get("about", "")) != header.get("sha256"):
        raise RunError(
            f"{path}: expected the content that was saved, got another (its sha256 does not match). "
            "The file was changed or damaged: copy it again from where it came, or train again."
        )
    return tensors, json.loads(header["about"])


def _metadata(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file: 8 bytes of header length, then the header as JSON."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]).get("__metadata__", {})


def _digest(tensors: Mapping[str, Tensor], about: str) -> str:
    sha = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies of those tensors that share memory with another, which safetensors refuses to write."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if address in seen else tensor
        seen.add(address)
    return result
