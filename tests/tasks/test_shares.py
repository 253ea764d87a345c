"""Shares that are held out of the training data, in every task."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.tasks import task_named


def test_a_share_that_comes_to_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    for task, content, unit in (
        ("classify", "text,label\ngood,1\nbad,0\nso good,1\nso bad,0\n", "4 examples"),
        ("tag", "id,x,label\na,1,up\nb,2,down\nc,1,up\nd,2,down\n", "4 sequences"),
        ("generate", "a,b,", "4 characters"),
    ):
        file = tmp_path / f"{task}.csv"
        file.write_text(content)
        kind = task_named(task)
        splits, _ = kind.read(kind.options(data=str(file)))
        for part in ("valid", "test"):
            assert f"{part}: none, as a share of 0.1 of {unit} comes to nothing" in splits.notes, task
        splits, _ = kind.read(kind.options(data=str(file), test_share=0.0))
        assert not any(note.startswith("test: none") for note in splits.notes), task
