"""The corruptions of the robustness suite by name; imports nothing heavy, so that the command line can list them."""

from ampnet.errors import ConfigError
from ampnet.files.printable import printable

CORRUPTIONS: dict[str, tuple[str, ...]] = {
    "occlusion": ("sunglasses", "mask", "eye", "nose", "hand", "block"),
    "blur": ("gaussian-blur", "motion-blur"),
    "noise": ("gaussian-noise", "salt-pepper"),
    "light": ("darkness", "over-exposure", "low-contrast"),
    "quality": ("jpeg", "low-resolution"),
    "framing": ("shift", "scale", "rotation"),
}
"""Names by group, in the order of every table and plot."""

SEVERITIES = (1, 2, 3, 4, 5)

ALL, NONE = "all", "none"


def read_corruptions(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of corruptions and groups, returned in the suite's order.

    Args:
        text: names, groups, ``all``, or ``none``, which measures uncorrupted faces only.

    Raises:
        ConfigError: a name is unknown, or the list is empty.
    """
    wanted = {name.strip().lower() for name in text.split(",")} - {""}
    known = {ALL, NONE, *CORRUPTIONS, *(name for names in CORRUPTIONS.values() for name in names)}
    if not wanted or not wanted <= known or (NONE in wanted and len(wanted) > 1):
        unknown = ", ".join(sorted(wanted - known)) or text  # first in the message, which may be cut
        choices = ", ".join([ALL, NONE, *CORRUPTIONS, *(name for names in CORRUPTIONS.values() for name in names)])
        raise ConfigError(f"cannot use corruptions {printable(unknown, 60)!r}; choose from {choices}")
    return tuple(name for group, names in CORRUPTIONS.items() for name in names if wanted & {name, group, ALL})
