"""The parts of classify."""
