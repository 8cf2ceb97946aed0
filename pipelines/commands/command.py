"""From a function of settings to a command: its options, their help and their checks are made from the settings."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature, signature, unwrap
from typing import Any, get_args

from ampnet.errors import RangeError, UsageError, require
from ampnet.settings.fields import Setting, Settings, all_settings_of, parts_of, settings_of
from ampnet.settings.recipes import read_changes
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import Debug, parameter_of, value_of
from pipelines.commands.settings_file import config_parameter, further_values


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
    """List, by name, all that a command takes, in the order of its help.

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
