"""Write docs/options.md: the options of every command, and the values of the recipes, from the settings' fields.

python -m tools.list_options
"""

from collections.abc import Iterable
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from ampnet.settings.fields import Setting, all_settings_of, describe_range
from ampnet.settings.recipes import RECIPES, Recipe
from cli import app
from pipelines.commands.command import settings_of_command

PAGE = Path(__file__).parents[1] / "docs" / "options.md"

HEAD = """# Options of all commands

This page is made from the fields in `ampnet/settings/` by `python -m tools.list_options`; a test compares the two.
`ampnet COMMAND --help` shows the same. An option without values is a switch.

`--config FILE` reads options from a TOML file, under the names below; the command line takes precedence. Values of the
recipe (last table) have their own names there:

```toml
# ampnet train --config small.toml --epochs 10
variant = "ampnet-small"
batch-size = 32
teacher = ["bundled"]
erase = 0.5
```
"""

RECIPE_HEAD = """
## Values of the recipes

`ampnet train --set NAME=VALUE` changes any of them.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    for registered in app.registered_commands:
        assert registered.callback
        settings = settings_of_command(registered.callback).values()
        parts.append(f"\n## ampnet {registered.name}\n")
        parts.append(_table(["", "values", "default", ""], map(_option_row, settings)))
    parts.append(RECIPE_HEAD)
    values = all_settings_of(Recipe).values()
    parts.append(_table(["", "values", *(f"`{name}`" for name in RECIPES), ""], map(_recipe_row, values)))
    return "\n".join(parts)


def _option_row(setting: Setting) -> list[str]:
    option = setting.option
    name = setting.name.upper() if option.positional else setting.flag
    names = f"`{option.short}`, `{name}`" if option.short else f"`{name}`"
    default = f"on; `{setting.flag.replace('--', '--no-')}`" if setting.default is True else _default(setting)
    return [names, _values(setting), _plain(default), _plain(option.help)]


def _recipe_row(setting: Setting) -> list[str]:
    recipes = RECIPES.values()
    values = [getattr(recipe, setting.name, getattr(recipe.augmentation, setting.name, None)) for recipe in recipes]
    shown = [setting.option.unset if value is None else _shown(value) for value in values]
    return [f"`{setting.name}`", _values(setting), *shown, _plain(setting.option.help)]


def _values(setting: Setting) -> str:
    if setting.option.metavar:
        return f"`{setting.option.metavar}`"
    several = (", comma-separated" if setting.option.separated else ", several") if setting.item else ""
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices) + several
    kind = setting.item or setting.kind
    if kind in (int, float):
        words = "whole number" if kind is int else "number"
        limits = describe_range(setting.option)
        return words if limits == "finite" else f"{words}, {limits}"
    words = {bool: "", str: "text"}.get(kind, setting.option.path or "path")
    return words + several


def _default(setting: Setting) -> str:
    if setting.default is MISSING or setting.option.changes:
        return "" if setting.option.changes else "required"
    if setting.default is None or setting.default is False or setting.default in ((), ""):
        return setting.option.unset
    return _shown(setting.default)


def _plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return text.replace("*", "\\*").replace("<", "\\<")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{','.join(value) if isinstance(value, tuple) else value}`"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
