"""What leaves the loop backward through time: the gradients of weights, each one large product."""

from __future__ import annotations

from torch import Tensor

from elman.backends import native
from elman.backends.given import Given
from elman.backends.native import OuterJob
from elman.backends.spans import Spans, previous
from elman.backends.tensors import Adjoints, Compiled, Results
from elman.program.graph import Source
from elman.program.plans import AdjointPlan, WeightGradient


def parameter_gradients(
    plans: Compiled,
    plan: AdjointPlan,
    given: Given,
    kept: Results,
    adjoints: Adjoints,
    spans: Spans | None,
    totals: Totals,
) -> None:
    """Add the gradient of every parameter to `totals`.

    For y_t = W a_t + b with gradient d_t at y_t: dW = Σ_t d_tᵀ a_t and db = Σ_t d_t, over all steps and
    sequences; the stashes hold the d_t side by side, the sums their Σ_t.
    """
    initial = {s.name: t for s, t in zip(plans.program.states, given.states, strict=True)}
    states = list(initial)
    jobs = []
    for part in plan.weights:
        d = adjoints.stash[part.stash][..., part.columns.start : part.columns.stop]
        before = part.operand.kind == "state"
        a = kept.sequences[part.operand.name] if before else same_step(plan, part.operand, given, kept)
        edge = initial[part.operand.name] if before else None
        if before and spans is not None:  # other spans than the first begin from an initial state too
            a, edge, before = previous(given, spans, a, states.index(part.operand.name)), None, False
        out, add = totals.rows(part.weight, part.row0, d.shape[2])
        job = OuterJob(d, a, edge, before, out, add)
        jobs += [job] if part.heads == 1 else _by_heads(job, part)
    native.outer(jobs, given)
    for part in plan.vectors:
        columns = part.columns
        out, add = totals.rows(part.parameter, part.row0, columns.stop - columns.start)
        rows = adjoints.sums[columns.start : columns.stop]
        out.add_(rows) if add else out.copy_(rows)


class Totals:
    """The parameters' gradients, filled block of rows by block of rows; with `samples`, each for so many
    samples by itself, which stand in front."""

    def __init__(self, given: Given, samples: int = 0) -> None:
        self.given = given
        self.samples = samples
        self.tensors: dict[str, Tensor] = {}
        self.filled: dict[str, list[range]] = {}

    def rows(self, name: str, row0: int, count: int) -> tuple[Tensor, bool]:
        """These rows, and whether they hold something already that is to be added to."""
        parameter = self.given.parameters[name]
        whole = parameter.shape[0] == count
        if name not in self.tensors:
            make = parameter.new_empty if whole else parameter.new_zeros
            self.tensors[name] = make(self._shape(parameter))
            self.filled[name] = []
            if whole:
                self.filled[name].append(range(count))
                return self.tensors[name], False
        wanted = range(row0, row0 + count)
        add = any(max(r.start, row0) < min(r.stop, wanted.stop) for r in self.filled[name])
        self.filled[name].append(wanted)
        return self.tensors[name].narrow(1 if self.samples else 0, row0, count), add

    def whole(self, name: str) -> Tensor:
        """The gradient; zeros where nothing arrived."""
        if name in self.tensors:
            return self.tensors[name]
        parameter = self.given.parameters[name]
        return parameter.new_zeros(self._shape(parameter))

    def _shape(self, parameter: Tensor) -> tuple[int, ...]:
        return (self.samples, *parameter.shape) if self.samples else tuple(parameter.shape)


def _by_heads(job: OuterJob, part: WeightGradient) -> list[OuterJob]:
    """A block-diagonal weight's gradient: the rows of head n in each gate take the operand's n-th part."""
    rows, columns = part.width // part.heads, job.a.shape[2] // part.heads
    jobs = []
    for number in range(job.d.shape[2] // rows):
        of_d, first = slice(number * rows, (number + 1) * rows), number % part.heads * columns
        of_a = slice(first, first + columns)
        edge = None if job.edge is None else job.edge[:, of_a]
        jobs.append(OuterJob(job.d[..., of_d], job.a[..., of_a], edge, job.before, job.out[of_d], job.add))
    return jobs


def same_step(plan: AdjointPlan, source: Source, given: Given, kept: Results) -> Tensor:
    """The operand of a product at every step, where it is no state before the step."""
    if source.kind == "x":
        return given.x
    if source.kind == "after":
        return kept.sequences[source.name]
    assert kept.saved is not None  # the forward pass kept what is read here
    columns = plan.saved[int(source.name)]
    return kept.saved[..., columns.start : columns.stop]
