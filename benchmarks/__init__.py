"""Speed of elman's layers beside torch.nn's, measured in one run. `python -m benchmarks --help`."""
