"""The parts of generate."""
