"""Errors that a user can cause and cure: each message says what is wrong, where, and what to do."""

INTERRUPTED = 130
"""Exit code after SIGINT (Ctrl-C), the shell's convention."""


class AmpnetError(Exception):
    """Base of all expected failures; the command line shows it as one line and exits with ``exit_code``."""

    exit_code = 1


class UsageError(AmpnetError):
    """The request itself is wrong (contradicting options, a missing path); exit code 2."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is outside its range or contradicts another."""


class DataError(AmpnetError):
    """A folder, an index or a label list cannot be used as it is."""


class ImageError(DataError):
    """One image file cannot be read as a picture; never stops a run over many."""


class DetectorError(AmpnetError):
    """The face detector's weights cannot be had or do not fit."""


class CheckpointError(AmpnetError):
    """A checkpoint file is missing, broken, unsafe to read, or made for something else."""


class TrainingError(AmpnetError):
    """A training run cannot go on (non-finite loss, changed configuration)."""


class ProcessError(AmpnetError):
    """One of the processes of a command died; the others were stopped."""


def require(holds: bool, message: str) -> None:
    """Refuse a setting.

    Raises:
        ConfigError: ``holds`` is false.
    """
    if not holds:
        raise ConfigError(message)
