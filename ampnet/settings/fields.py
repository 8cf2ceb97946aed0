"""How a setting is described: its sentence, its range, and its place on the command line.

A field of settings is ``name: Annotated[type, Option(sentence, group, range)] = default``. Its check, its option of the
command, its help, its name in files of settings and its line in docs/options.md are made from that.
"""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, Field, asdict, dataclass, fields, is_dataclass
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ampnet.errors import RangeError
from ampnet.files.printable import as_text

Group = Literal["Input", "Faces", "Model", "Recipe", "Output", "Service", "Limits", "Machine"]
"""The panels of a command's help."""


@dataclass(frozen=True, eq=False)  # compared by identity: typing hashes each one when `ampnet -h` starts
class Option:
    """One setting's description, as plain data."""

    help: str
    """One sentence."""
    group: Group | None = None
    """Panel of the help; None: the setting is not an option."""
    _: KW_ONLY
    flag: str = ""
    """Name of the option if it is not the field's, such as ``--list``."""
    short: str = ""
    """One letter for the same, such as ``-q``."""
    positional: bool = False
    """Whether the value is given without an option's name."""
    metavar: str = ""
    """What stands for the value in the help; empty: its type and range."""
    unset: str = ""
    """What applies where the value is None or empty."""
    path: Literal["", "file", "folder"] = ""
    """What a path has to be, if it exists."""
    must_exist: bool = False
    separated: bool = False
    """Whether several values are given in one word, with commas."""
    variable: str = ""
    """Environment variable that gives the value as well."""
    changes: "type[Settings] | None" = None
    """Settings whose values are given as ``NAME=VALUE``; those with a group are options, too."""
    min: float | None = None
    max: float | None = None
    above: float | None = None
    """Exclusive lower bound."""
    below: float | None = None
    """Exclusive upper bound."""
    step: int | None = None
    """The value is a multiple of it."""


def existing(
    path: Literal["file", "folder"],
    help: str,
    group: Group = "Input",
    *,
    positional: bool = False,
    flag: str = "",
    unset: str = "",
) -> Option:
    """Describe a path that must exist."""
    return Option(help, group, path=path, must_exist=True, positional=positional, flag=flag, unset=unset)


def written(path: Literal["file", "folder"], help: str, unset: str = "") -> Option:
    """Describe a path that the command writes to."""
    return Option(help, "Output", path=path, unset=unset)


@dataclass(frozen=True)
class Setting:
    """A field of settings with its description."""

    name: str
    kind: Any
    """Type of the value, without None and without other settings that may take its place."""
    option: Option
    default: Any
    """``dataclasses.MISSING`` if a value is required."""
    is_optional: bool
    """Whether None is a value."""

    @property
    def flag(self) -> str:
        """Return the name on the command line: ``--batch-size``; ``images`` for an argument."""
        return self.name if self.option.positional else self.option.flag or f"--{self.name.replace('_', '-')}"

    @property
    def item(self) -> Any:
        """Return the type of each value of a tuple, else None."""
        return _plain(get_args(self.kind)[0]) if get_origin(self.kind) is tuple else None

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the names to choose from; empty if the value is not chosen from a few."""
        kind = self.item or self.kind
        return get_args(kind) if get_origin(kind) is Literal else ()

    def check(self, value: Any) -> None:
        """Check a value.

        Raises:
            RangeError: it is of another type, out of range, or none of the choices.
        """
        if is_dataclass(value) or (value is None and self.is_optional):
            return
        if self.choices and not all(one in self.choices for one in (value if self.item else [value])):
            shown = ",".join(map(str, value)) if self.item else value
            number = "some" if self.item else "one"
            raise RangeError(self.name, f"must be {number} of {', '.join(self.choices)}, got {shown!r}")
        if self.kind in (int, float):
            wanted, what = (Integral, "a whole number") if self.kind is int else (Real, "a number")
            if not isinstance(value, wanted):
                raise RangeError(self.name, f"must be {what}, got {value!r}")
            if not is_within(float(value), self.option):
                raise RangeError(self.name, f"must be {describe_range(self.option)}, got {value}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings: checks each field against its description."""

    def __post_init__(self) -> None:
        for setting in settings_of(type(self)):
            setting.check(getattr(self, setting.name))


def settings_of(config: type[Settings]) -> tuple[Setting, ...]:
    """List the described fields of settings, in their order."""
    return tuple(
        Setting(field.name, _plain(kind), option, field.default, NoneType in get_args(kind))
        for field in _fields_of(config)
        if get_origin(field.type) is Annotated
        for kind, option in [get_args(field.type)]
    )


def _fields_of(config: type[Settings]) -> "list[Field[Any]]":
    """List the fields of settings: their own, then those that they share with others by their base."""
    (base,) = config.__bases__
    shared = {field.name for field in fields(base)} if is_dataclass(base) else set()
    return sorted(fields(config), key=lambda field: field.name in shared)


def parts_of(config: type[Settings]) -> dict[str, type[Settings]]:
    """Map the fields that hold further settings to these: ``{"detector": DetectorConfig}``."""
    return {field.name: field.type for field in fields(config) if is_dataclass(field.type)}  # type: ignore[misc]


def all_settings_of(config: type[Settings]) -> dict[str, Setting]:
    """Map names to the described fields of settings and of their parts; a field hides one of its name in a part."""
    own, parts = {setting.name: setting for setting in settings_of(config)}, parts_of(config)
    found: dict[str, Setting] = {}
    for field in _fields_of(config):
        inner = all_settings_of(parts[field.name]) if field.name in parts else {}
        found |= {name: setting for name, setting in inner.items() if name not in own}
        found |= {field.name: own[field.name]} if field.name in own else {}
    return found


def is_within(value: float, option: Option) -> bool:
    """Return whether a number is finite and in an option's range."""
    return (
        math.isfinite(value)
        and (option.min is None or value >= option.min)
        and (option.max is None or value <= option.max)
        and (option.above is None or value > option.above)
        and (option.below is None or value < option.below)
        and (option.step is None or value % option.step == 0)
    )


def describe_range(option: Option) -> str:
    """Describe an option's range, to follow "must be": ``at least 1``, ``within (0, 2]``."""
    low = option.min if option.above is None else option.above
    high = option.max if option.below is None else option.below
    if low is not None and high is not None:
        opening, closing = "[" if option.above is None else "(", "]" if option.below is None else ")"
        text = f"within {opening}{low}, {high}{closing}"
    elif low is not None:
        text = f"at least {low}" if option.above is None else f"above {low}"
    elif high is not None:
        text = f"at most {high}" if option.below is None else f"below {high}"
    else:
        text = "finite"
    return f"a multiple of {option.step} {text}" if option.step else text


def suggest(name: str, known: Iterable[str]) -> str:
    """Suggest, in a message, what an unknown name was meant to be: the closest one, else all in order."""
    from difflib import get_close_matches

    names = sorted(known)
    closest = get_close_matches(name, names, 1)
    return f"did you mean {closest[0]}?" if closest else f"choose one of {', '.join(names)}"


def _plain(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    members = [member for member in get_args(kind) if member is not NoneType and not is_dataclass(member)]
    return str if str in members else members[0]


def config_to_dict(config: Any) -> dict[str, Any]:
    """Convert a config to plain values (paths as strings) for JSON files and checkpoints."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return as_text(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(config).items()}
