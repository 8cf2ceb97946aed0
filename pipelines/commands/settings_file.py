"""`--config FILE`: options from a TOML file, under the names that they have on the command line."""

import sys
from collections.abc import Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from ampnet.errors import AmpnetError
from ampnet.files.opening import read_text
from ampnet.files.printable import describe, printable
from ampnet.settings.fields import Setting, all_settings_of, suggest

MAX_BYTES = 1_000_000
"""Maximum size of a file of settings, in bytes."""


def config_parameter(settings: Mapping[str, Setting]) -> Parameter:
    """Return the parameter ``--config`` of a command, whose file gives the defaults of its other options.

    Args:
        settings: the command's, by name.
    """

    def read(context: typer.Context, path: Path | None) -> Path | None:
        if path is not None and not context.resilient_parsing:
            options = read_options(path, settings)
            context.default_map = {name: value for name, value in options.items() if name in settings}
        return path  # nothing else: typer before 0.29 makes a path of whatever is returned

    info = typer.Option(
        None,
        "--config",
        help="Read options from this TOML file (batch-size = 32); the command line takes precedence.",
        exists=True,
        dir_okay=False,
        is_eager=True,
        callback=read,
    )
    return Parameter("config", Parameter.KEYWORD_ONLY, annotation=Path | None, default=info)


def further_values(path: Path | None, settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the values of a file for ``--set``; nothing without a file."""
    options = {} if path is None else read_options(path, settings)
    return {name: value for name, value in options.items() if name not in settings}


def read_options(path: Path, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Read the options of a command from a TOML file; dashes and underscores in names are the same.

    Values that the command line takes as ``--set NAME=VALUE`` have their own names in the file.

    Returns:
        By the settings' names, what the command line would give; further values as text, by their names.

    Raises:
        typer.BadParameter: the file is unreadable or not TOML, or a name is unknown.
    """
    by_flag = {setting.flag.strip("-"): setting for setting in settings.values()}
    known = {flag: it for flag, it in by_flag.items() if not (it.option.positional or it.option.changes)}
    further = {
        name
        for setting in settings.values()
        if setting.option.changes
        for name in all_settings_of(setting.option.changes).keys() - settings.keys()
    }
    options: dict[str, Any] = {}
    for name, value in _read_toml(path).items():
        flag = name.replace("_", "-")
        if isinstance(value, dict):
            raise _fault(path, f"holds a table, [{printable(name, 40)}]; give all options at its top")
        if flag in known:
            options[known[flag].name] = _as_given(known[flag], value)
        elif name.replace("-", "_") in further:
            options[name.replace("-", "_")] = str(value)
        else:
            raise _fault(path, f"has an unknown option {printable(name, 40)}; {suggest(name, [*known, *further])}")
    return options


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib  # novm: guarded by the version
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(read_text(path, MAX_BYTES))
    except (AmpnetError, OSError, ValueError, RecursionError) as error:
        raise _fault(path, f"cannot be read ({describe(error)})") from None


def _as_given(setting: Setting, value: Any) -> Any:
    """Return a value of a TOML file as the text that the command line would give."""
    if isinstance(value, list):
        items = [str(item) for item in value]
        return ",".join(items) if setting.option.separated else items
    if setting.item is not None and not setting.option.separated:
        return [str(value)]
    return value if setting.kind is bool else str(value)


def _fault(path: Path, text: str) -> typer.BadParameter:
    return typer.BadParameter(f"{printable(path)} {text}", param_hint="'--config'")
