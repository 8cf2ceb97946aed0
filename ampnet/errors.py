"""Errors that a user can cause and fix: each message says what is wrong, where, and how to fix it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code after SIGINT (Ctrl-C), by the shell's convention."""

TO_RESUME = "to resume, run the same command with --resume"
TO_START_OVER = "to start over, run the same command with --force"
"""Advice after a KeyboardInterrupt that left results which the same command would not replace."""


class AmpnetError(Exception):
    """Base class of expected failures; the command line prints one line and exits with ``exit_code``."""

    exit_code = 1


class UsageError(AmpnetError):
    """The request itself is wrong (conflicting options, a missing path); exit code 2."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is out of range or conflicts with another."""


class RangeError(ConfigError):
    """A setting is out of its range.

    Args:
        fault: what is wrong with its value: "must be at least 1, got 0".
    """

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(name, fault)
        self.name = name
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.name} {self.fault}"


class ArgumentError(ConfigError, ValueError):
    """An argument of a function is out of range or conflicts with another."""


class DataError(AmpnetError):
    """A folder, an index or a label list cannot be used."""


class LockedError(AmpnetError):
    """Another command is using the output folder; exit code 1, as the same request succeeds later."""


class ImageError(DataError):
    """An image file cannot be decoded; never ends a run over many images."""


class DetectorError(AmpnetError):
    """The face detector's weights are unavailable or do not match the network."""


class CheckpointError(AmpnetError):
    """A checkpoint file is missing, damaged, unsafe to load, or belongs to another program."""


class TrainingError(AmpnetError):
    """A training run cannot continue (non-finite loss, changed settings)."""


class ProcessError(AmpnetError):
    """A worker process of a command died; the others were stopped."""


ONE_OPENCV = (
    "for one intact build: pip uninstall opencv-python-headless, then "
    "pip install --force-reinstall --no-deps opencv-python; on a machine without a screen, the other way round"
)


def is_broken_opencv(error: ImportError | AttributeError) -> bool:
    """Return whether an import failed because the package cv2 is missing or incomplete.

    Several distributions install it; removing one of them removes the files of all.
    """
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0] == "cv2"
    return getattr(error.obj, "__name__", "") == "cv2"


def missing_package(name: str | None, extra: str) -> UsageError:
    """Return the error for a package which only an extra of this one installs."""
    return UsageError(f"{name} is missing; install it with `pip install 'ampnet[{extra}]'`")


@contextmanager
def resumable(is_left: Callable[[], bool]) -> Iterator[None]:
    """Let a KeyboardInterrupt in the block say how to resume, if there is anything to resume."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if is_left():
            raise KeyboardInterrupt(TO_RESUME) from stop
        raise


def require(holds: bool, message: str) -> None:
    """Check a setting.

    Raises:
        ConfigError: ``holds`` is false.
    """
    if not holds:
        raise ConfigError(message)
