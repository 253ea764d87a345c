"""What the tasks reach on real data: a script for each row, its figure beside its target and source."""
