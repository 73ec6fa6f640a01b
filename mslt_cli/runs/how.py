"""How runs are carried out: what does not change their results."""

from dataclasses import dataclass

from mslt_cli.fields import described


@dataclass(frozen=True)
class How:
    """What does not change a run's result."""

    keep_model: bool = described(False, "Keep the trained weights of encoders; the adapter of a decoder is always kept")
    merge: bool = described(False, "Also write the decoder with its adapter merged into its weights")
    no_wait: bool = described(
        False, "Leave runs that other processes do to them, and end; by default they are waited for"
    )
    no_index: bool = described(
        False,
        "Leave the store as it is, where many write at once; `mslt fetch runs DIR` adds the runs to it afterwards",
    )
    force: bool = described(False, "Run anew what is done")
    checkpoint_every: int | None = described(
        None,
        "Steps between two checkpoints; 0 = none, unless a signal asks for one",
        unset="one every five minutes",
        least=0,
    )
    report_to: str | None = described(
        None,
        "Tracker that is told of each step and of the scores: trackio, wandb or tensorboard",
        unset="none",
        choices=("trackio", "wandb", "tensorboard"),
    )
    checkpoint_s: float = 300.0
    """Seconds between two checkpoints where no number of steps is given."""
    device: str | None = None
    """As torch names it; None = the GPU if there is one."""
