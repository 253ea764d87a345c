"""What leaves the loop backward through time: the gradients of weights, each one large product."""

from __future__ import annotations

from torch import Tensor

from elman.backends.given import Given
from elman.backends.native import OuterJob
from elman.backends.spans import Spans, previous
from elman.backends.tensors import Adjoints, Compiled, Results
from elman.program.graph import Source
from elman.program.plans import AdjointPlan, Columns, VectorGradient, WeightGradient


def weight_jobs(
    plans: Compiled,
    plan: AdjointPlan,
    given: Given,
    kept: Results,
    adjoints: Adjoints,
    spans: Spans | None,
    totals: Totals,
) -> list[OuterJob]:
    """What adds the gradient of every weight to `totals`, once the loop has filled `adjoints`.

    For y_t = W a_t + b with gradient d_t at y_t: dW = Σ_t d_tᵀ a_t and db = Σ_t d_t, over all steps and
    sequences; the stashes hold the d_t side by side, the sums their Σ_t.
    """
    names = [state.name for state in plans.program.states]
    jobs = []
    for part in plan.weights:
        d = _columns(adjoints.stash[part.stash], part.columns)
        edge, before = None, part.operand.kind == "state"
        if before:
            a, number = kept.sequences[part.operand.name], names.index(part.operand.name)
            if spans is None:
                edge = given.states[number]
            else:  # other spans than the first begin from an initial state too
                a, before = previous(given, spans, a, number), False
        else:
            a = same_step(plan, part.operand, given, kept)
        out, add = totals.rows(part.weight, part.row0, part.columns.stop - part.columns.start)
        job = OuterJob(d, a, edge, before, out, add)
        jobs += [job] if part.heads == 1 else _by_heads(job, part)
    return jobs


class Totals:
    """The parameters' gradients, filled block of rows by block of rows; with `samples`, each for so many
    samples by itself, which stand in front."""

    def __init__(self, given: Given, samples: int = 0) -> None:
        self.given = given
        self.samples = samples
        self.tensors: dict[str, Tensor] = {}
        self.filled: dict[str, list[range]] = {}
        self._sums_taken = False

    def rows(self, name: str, row0: int, count: int) -> tuple[Tensor, bool]:
        """These rows, and whether they hold something already that is to be added to."""
        parameter = self.given.parameters[name]
        whole = parameter.shape[0] == count
        if name not in self.tensors:
            make = parameter.new_empty if whole else parameter.new_zeros
            made = self.tensors[name] = make(self._shape(parameter))
            self.filled[name] = [range(count)] if whole else []
            if whole:
                return made, False
        wanted = range(row0, row0 + count)
        add = any(max(r.start, row0) < min(r.stop, wanted.stop) for r in self.filled[name])
        self.filled[name].append(wanted)
        return self.tensors[name].narrow(1 if self.samples else 0, row0, count), add

    def add_vector(self, part: VectorGradient, sums: Tensor) -> None:
        """Add these columns of fresh sums. Where they are all, and the whole gradient, they become it."""
        values, count = _columns(sums, part.columns), part.columns.stop - part.columns.start
        if part.parameter in self.tensors or self.given.parameters[part.parameter].shape[0] != count:
            out, add = self.rows(part.parameter, part.row0, count)
            out.add_(values) if add else out.copy_(values)
            return
        self.tensors[part.parameter] = values.clone() if self._sums_taken or values is not sums else values
        self._sums_taken |= values is sums
        self.filled[part.parameter] = [range(count)]

    def whole(self, name: str) -> Tensor:
        """The gradient; zeros where nothing arrived."""
        if name in self.tensors:
            return self.tensors[name]
        parameter = self.given.parameters[name]
        return parameter.new_zeros(self._shape(parameter))

    def _shape(self, parameter: Tensor) -> tuple[int, ...]:
        return (self.samples, *parameter.shape) if self.samples else tuple(parameter.shape)


def _columns(values: Tensor, columns: Columns) -> Tensor:
    """Those columns of the last dimension; the tensor itself where they are all."""
    whole = columns.start == 0 and columns.stop == values.shape[-1]
    return values if whole else values[..., columns.start : columns.stop]


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
    return _columns(kept.saved, plan.saved[int(source.name)])
