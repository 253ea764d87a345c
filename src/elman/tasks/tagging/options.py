"""The options of tag, and which of them do not go together."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data.tagged import StepColumns, Tagged
from elman.errors import shown, wrong
from elman.tasks.tagging.decoders import DECODERS
from elman.train.options import TrainOptions, choice, flag, real, text, whole


@dataclass(frozen=True, kw_only=True)
class TagOptions(TrainOptions):
    """The options of tag."""

    decoder: str | None = choice(None, DECODERS)
    """softmax: each step for itself; crf: all steps of a sequence together; sigmoid: several labels a step.
    Unless given: sigmoid where steps have several, else softmax."""
    target: str | None = choice(None, ("same", "next"))
    """Whether a step's label is its own or that of the next step. Unless given: next for rolls (steps of 0
    and 1 without labels), else same."""
    standardize: bool | None = flag(None)
    """Bring each feature of numbers to mean 0 and deviation 1. Unless given: not if all are 0 and 1."""
    lowercase: bool = flag(True)
    """Take capital letters of words as small ones; those of their characters are kept."""
    min_frequency: int = whole(2, low=1, unit="times")
    """Words seen less often in the training data count as unknown."""
    max_vocabulary: int = whole(50_000, low=3, unit="words")
    """Only so many words are kept, the most frequent first."""
    embedding_size: int = whole(128, low=1, unit="features")
    """Features of a word's embedding."""
    character_size: int = whole(64, low=0, unit="units")
    """Units, each way, of the layer that reads a word's characters; 0 for words alone."""
    word_dropout: float = real(0.25)
    """In training a word seen n times counts as unknown with the chance w / (w + n), for this w."""
    token_column: str | None = text(python=False)
    """Column of the tokens, by name or by number from 1. Found unless given."""
    label_column: str | None = text(python=False)
    """Column of the label, by name or by number from 1; several with commas. Found unless given."""
    id_column: str | None = text(python=False)
    """Column that says which sequence a row of a long table belongs to. Found unless given."""
    time_column: str | None = text(python=False)
    """Column of the time in a long table. Found unless given."""
    channels: str | None = text(python=False)
    """Columns of the numbers in a long table, with commas. Unless given: all others."""
    event_column: str | None = text(python=False)
    """Column of an event log: a row for each thing that happens at a time."""
    header: str = choice("auto", ("auto", "yes", "no"), python=False)
    """Whether the first row of a table names the columns."""

    def columns(self) -> StepColumns:
        """The columns that are named."""
        return StepColumns(
            token=self.token_column,
            label=self.label_column,
            id=self.id_column,
            time=self.time_column,
            channels=self.channels,
            event=self.event_column,
            header=self.header,
        )

    def with_columns(self, columns: StepColumns) -> TagOptions:
        """These options with the columns that were taken."""
        return self.replace(
            token_column=columns.token,
            label_column=columns.label,
            id_column=columns.id,
            time_column=columns.time,
            channels=columns.channels,
            event_column=columns.event,
            header=columns.header,
        )


def check_choices(options: TagOptions, train: Tagged) -> None:
    """Raise `ArgumentError` for options that do not go together."""
    if (options.decoder == "sigmoid") != bool(train.names):
        fits = (
            "sigmoid, as a step may have several labels"
            if train.names
            else "softmax or crf, as a step has one label"
        )
        raise wrong("decoder", expected=fits, got=options.decoder)
    if options.bptt is not None and options.decoder == "crf":
        got = shown(f"bptt {options.bptt} with decoder crf")
        raise wrong("bptt", expected="whole sequences for a crf, whose likelihood is theirs", got=got)
    reason = "bptt, as the state is carried forward" if options.bptt is not None else ""
    reason = "target next, whose answers the other direction reads" if train.ahead else reason
    if options.bidirectional and reason:
        raise wrong("bidirectional", expected=f"one direction with {reason}", got=True)
