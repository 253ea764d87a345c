"""Floor 1: a cell's time step as a Program, its adjoint, and the plan by which a reader runs them."""

from elman.program.cost import Cost
from elman.program.program import Mask, Parameter, Program, State, Stream
from elman.program.starts import INITS, Init, Normal, Range

__all__ = ["INITS", "Cost", "Init", "Mask", "Normal", "Parameter", "Program", "Range", "State", "Stream"]
