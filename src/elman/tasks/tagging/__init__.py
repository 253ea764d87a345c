"""The parts of tag."""
