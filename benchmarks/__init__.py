"""Speed of elman's layers beside their peers', measured in one run. `python -m benchmarks --help`."""
