"""Characters of tiny Shakespeare, first 90 % / last 10 %, trained for one minute (or for `--seconds`).

    python -m benchmarks.learning.shakespeare
    python -m benchmarks.learning.shakespeare --seconds 720

Options were chosen with the end of the first 90 % held out; the last 10 % are read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Figure, arguments, report
from benchmarks.learning.language import train

SOURCES = {
    60: "plain PyTorch 1.575 after 60 s; nanoGPT 1.88 after 3 min",
    720: "plain PyTorch 1.508 in 12 min",
}
TARGETS = {60: 1.56, 720: 1.50}


def main() -> None:
    given = arguments(__doc__ or "", seconds=60.0, seed=0, precision="bf16", dropout=-1.0)
    long = given.seconds > 300
    dropout = given.dropout if given.dropout >= 0 else 0.4 if long else 0.1
    command = (
        "elman train generate --data shakespeare --validation-share 0 "
        f"--max-seconds {given.seconds:g} --dropout {dropout:g} --precision {given.precision} "
        f"--seed {given.seed}"
    )
    result = train(command)
    near = min(TARGETS, key=lambda seconds: abs(seconds - given.seconds))
    loss = result["test"]["loss"]
    name = f"nats a character, test, after {result['seconds']:.0f} s"
    figures = [Figure(name, loss, TARGETS[near], lower=True, source=SOURCES[near])]
    report(f"shakespeare-{near}", command, figures, result=result)


if __name__ == "__main__":
    main()
