"""The parts of regress."""
