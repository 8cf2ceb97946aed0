"""From the description of a setting to an option of the command line, and the options that are no settings of a run."""

from dataclasses import MISSING
from inspect import Parameter
from typing import Annotated, Any

import typer

from ampnet.settings.fields import Option, Setting

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
