"""Floor 4: the speed of elman's layers beside torch.nn's, measured in one run: `elman bench`.

Nothing is timed whose outputs and gradients do not agree with a float64 oracle just before.
"""
