"""Make commands from functions of settings: options, help and checks follow from the settings."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, replace
from functools import wraps
from inspect import Parameter, Signature, signature, unwrap
from typing import Annotated, Any, get_args

import typer

from ampnet.errors import RangeError, UsageError, require
from ampnet.settings.fields import Option, Setting, Settings, all_settings_of, parts_of, settings_of
from ampnet.settings.recipes import read_changes
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.settings_file import config_parameter, further_values

AsJson = Annotated[bool, Option("Print the result as JSON, and nothing else on stdout.", "Output", flag="--json")]
Latex = Annotated[bool, Option("Print the table for a paper as LaTeX, and nothing else on stdout.", "Output")]
Quiet = Annotated[bool, Option("Show no progress and no notices.", "Output", short="-q")]
Debug = Annotated[bool, Option("Show the full traceback of an error.", "Output")]


def parameter_of(setting: Setting) -> Parameter:
    """Return the parameter of a command that takes a setting's value, for Typer.

    Typer reads text, choices and paths; the settings check ranges, for the command line and Python alike.
    """
    option = setting.option
    shared: dict[str, Any] = {
        "help": option.help,
        "metavar": option.metavar or _range_of(setting) or None,
        "show_default": option.unset or True,
        "exists": option.must_exist,
        "file_okay": option.path != "folder",
        "dir_okay": option.path != "file",
        "envvar": option.variable or None,
    }
    kind, default = _kind_and_default(setting)
    if option.positional:
        info: Any = typer.Argument(default, **shared)
    else:
        names = [setting.flag, *([option.short] if option.short else [])]
        if setting.default is True:
            names[0] += f"/--no-{setting.flag[2:]}"
        info = typer.Option(default, *names, **shared, rich_help_panel=option.group)
    return Parameter(setting.name, Parameter.KEYWORD_ONLY, annotation=kind, default=info)


def value_of(setting: Setting, given: Any) -> Any:
    """Return a setting's value, given what Typer read for its option."""
    if setting.item is None:
        return given
    if not setting.option.separated:
        return tuple(given or ())
    items = [item.strip() for item in (given or "").split(",")] if given else []
    if setting.choices and set(items) <= set(setting.choices):
        return tuple(choice for choice in setting.choices if choice in items)
    return tuple(items)


def _kind_and_default(setting: Setting) -> tuple[Any, Any]:
    if setting.option.changes:
        return list[str] | None, None
    kind: Any = setting.kind
    default = setting.default
    if setting.item is not None:
        kind = str if setting.option.separated else list[setting.item]  # type: ignore[name-defined]
        default = MISSING if default is MISSING else ",".join(default) or None
    if default is MISSING:
        return kind, ...
    return (kind | None if default is None else kind), default


def _range_of(setting: Setting) -> str:
    option = setting.option
    low, over = (option.min, "<=") if option.above is None else (option.above, "<")
    high, under = (option.max, "<=") if option.below is None else (option.below, "<")
    if low is high is None:
        return ""
    if high is None:
        text = f"x{over.replace('<', '>')}{low}"
    else:
        text = f"x{under}{high}" if low is None else f"{low}{over}x{under}{high}"
    return f"<{setting.kind.__name__}> [{text}]"


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function.

    Its first parameter takes settings: each of their fields with a group becomes an option. Each further parameter is
    an option of the command line alone. ``--config`` and ``--debug`` are added. Expected failures end the command with
    one line on stderr.
    """
    first, *others = signature(function).parameters.values()
    settings = settings_of_command(function)

    @wraps(function)
    def run(**given: Any) -> None:
        with user_errors(given["debug"]):
            given["config"] = further_values(given["config"], settings)
            config = build_settings(first.annotation, given)
            is_one = not (given.get("latex") and given.get("as_json"))
            require(is_one, "--latex and --json both print to stdout; choose one")
            function(config, **{other.name: given[other.name] for other in others})

    parameters = [parameter_of(setting) for setting in settings.values()]
    run.__signature__ = Signature([*parameters, config_parameter(settings)])  # type: ignore[attr-defined]
    run.__annotations__ = {}
    return run


def settings_of_command(function: Callable[..., None]) -> dict[str, Setting]:
    """List all options of a command, by name, in the order of its help.

    Args:
        function: as for :func:`command`, or what that returned.
    """
    first, *others = signature(unwrap(function)).parameters.values()
    debug = Parameter("debug", Parameter.KEYWORD_ONLY, annotation=Debug, default=False)
    own = {other.name: other for other in [*others, debug]}
    return options_of(first.annotation) | {name: _own_option(other) for name, other in own.items()}


def options_of(config: type[Settings]) -> dict[str, Setting]:
    """List, by name, the settings that a command takes as options, in the order of the fields."""
    options: dict[str, Setting] = {}
    for setting in all_settings_of(config).values():
        if changed := setting.option.changes:
            of_base = (change for change in all_settings_of(changed).values() if change.option.group)
            options |= {change.name: _kept_unless_given(change) for change in of_base}
        if setting.option.group:
            options[setting.name] = setting
    return options


def build_settings(config: type[Settings], given: Mapping[str, Any]) -> Any:
    """Build settings, and their parts, from the values that Typer read.

    Raises:
        UsageError: a value is out of range; the message names the option.
        ConfigError: two values do not go together.
    """
    try:
        return _build(config, given)
    except RangeError as error:
        option = options_of(config).get(error.name)
        raise UsageError(f"{option.flag if option else error.name} {error.fault}") from None


def _build(config: type[Settings], given: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    for setting in settings_of(config):
        if setting.option.changes:
            changes = {name: given[name] for name in all_settings_of(setting.option.changes) if name in given}
            values[setting.name] = given["config"] | changes | read_changes(given[setting.name] or ())
        elif setting.name in given:
            values[setting.name] = value_of(setting, given[setting.name])
    rest = {name: value for name, value in given.items() if name not in values}
    parts = {name: _build(part, rest) for name, part in parts_of(config).items()}
    return config(**values, **parts)


def _kept_unless_given(setting: Setting) -> Setting:
    option = replace(setting.option, unset="the recipe's")
    return replace(setting, default=None, is_optional=True, option=option)


def _own_option(parameter: Parameter) -> Setting:
    kind, option = get_args(parameter.annotation)
    return Setting(parameter.name, kind, option, parameter.default, is_optional=False)
