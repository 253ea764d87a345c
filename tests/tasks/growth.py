"""Private memory that `elman train classify` takes for a large file beyond that for a small one, in bytes.

python growth.py SMALL LARGE OUT
"""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

from rich.console import Console

from elman.data import table_files, text_store
from elman.tasks import jobs
from elman.tasks.classifying.options import ClassifyOptions


def private() -> int:
    """Bytes that no file stands behind: what is mapped from a store can be dropped and does not count."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def peak(data: str, out: Path) -> int:
    """The most private memory while a model is trained."""
    most, done = private(), threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    options = ClassifyOptions(
        data=data,
        out=str(out),
        text_column="3",
        label_column="1",
        header="no",
        tokens="whitespace",
        max_vocabulary=1000,
        max_steps=10,
        embedding_size=8,
        hidden_size=8,
        max_seconds=0.1,
        validation_share=0.02,
        test_share=0.02,
        baselines=False,
    )
    jobs.train("classify", options, Console(quiet=True))
    done.set()
    watcher.join()
    return most


if __name__ == "__main__":
    table_files.PIECE = text_store.BLOCK = 1 << 18
    small, large, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    before = peak(small, folder / "small")
    print(peak(large, folder / "large") - before)
