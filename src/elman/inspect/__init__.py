"""See inside: the gradient through time, memory, gates and units, attribution, and a doctor.

`inspect_run` looks into a run folder. The parts work on any network with layers of elman.nn: `recorded` while
it runs, then `flow_of`, `influence`, `spectrum`, `look_inside` and `units_of` on what was recorded.
"""

from __future__ import annotations

from elman.inspect.attribution import Attribution, attribute
from elman.inspect.doctor import Finding, findings
from elman.inspect.examine import Examined, examine
from elman.inspect.gates import Gate, States, Units, effective_rank, units_of
from elman.inspect.influence import Influence, influence
from elman.inspect.inside import Inside, look_inside
from elman.inspect.places import Active, Nearest, Place, most_active, nearest
from elman.inspect.run import Inspection, inspect_run
from elman.inspect.signs import Signs, signs_of
from elman.inspect.spectrum import Spectrum, implied_horizon, spectrum
from elman.nn.recording import Walk, recorded
from elman.train.gradient_flow import LayerFlow, Profile, flow_of, gradient_flow

__all__ = [
    "Active",
    "Attribution",
    "Examined",
    "Finding",
    "Gate",
    "Influence",
    "Inside",
    "Inspection",
    "LayerFlow",
    "Nearest",
    "Place",
    "Profile",
    "Signs",
    "Spectrum",
    "States",
    "Units",
    "Walk",
    "attribute",
    "effective_rank",
    "examine",
    "findings",
    "flow_of",
    "gradient_flow",
    "implied_horizon",
    "influence",
    "inspect_run",
    "look_inside",
    "most_active",
    "nearest",
    "recorded",
    "signs_of",
    "spectrum",
    "units_of",
]
