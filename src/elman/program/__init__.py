"""Floor 1: a cell's time step as a Program, its adjoint, and the plan by which a reader runs them."""

from elman.program.cost import Cost
from elman.program.program import INITS, Mask, Parameter, Program, State, Stream

__all__ = ["INITS", "Cost", "Mask", "Parameter", "Program", "State", "Stream"]
