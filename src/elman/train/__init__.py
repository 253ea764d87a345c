"""Floor 4: one training loop for every task; its options, checkpoints, run folders and reports."""
