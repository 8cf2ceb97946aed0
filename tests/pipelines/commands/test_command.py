"""Options, help and checks of every command come from the fields of its settings."""

from dataclasses import MISSING, fields
from inspect import signature, unwrap
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ampnet.errors import RangeError
from ampnet.settings import (
    CompareConfig,
    DetectorConfig,
    EvalConfig,
    ImportConfig,
    PrepareConfig,
    ServeConfig,
    TrainConfig,
)
from ampnet.settings.fields import all_settings_of, parts_of, settings_of
from ampnet.settings.recipes import Recipe
from cli import app
from pipelines.commands.command import options_of

CONFIGS = {
    registered.name: next(iter(signature(unwrap(cast(Any, registered.callback))).parameters.values())).annotation
    for registered in app.registered_commands
}
WITHOUT_OPTION = {"nms_threshold"}


def required_by(config):
    """Give values for what a command cannot do without, as arguments and as fields."""
    arguments, values = [], {}
    for setting in options_of(config).values():
        if setting.default is MISSING and not setting.option.changes:
            value = setting.choices[0] if setting.choices else __file__ if setting.option.path == "file" else "."
            arguments += [value] if setting.option.positional else [setting.flag, value]
            values[setting.name] = (value,) if setting.item else value
    if config is CompareConfig:  # it takes two
        return ["a", "b"], {"contenders": ("a", "b")}
    return arguments, values


def outside(option):
    """Give a value just outside each end of a range."""
    ends = [] if option.min is None else [option.min - 1]
    ends += [] if option.max is None else [option.max + 1]
    return ends + [end for end in (option.above, option.below) if end is not None]


RANGES = [
    pytest.param(command, setting, value, id=f"{command} {setting.flag} {value}")
    for command, config in CONFIGS.items()
    for setting in options_of(config).values()
    for value in outside(setting.option)
]


@pytest.mark.parametrize(("command", "setting", "value"), RANGES)
def test_python_and_the_command_line_refuse_the_same_values_in_the_same_words(command, setting, value):
    config = CONFIGS[command]
    arguments, required = required_by(config)
    places = (config, *parts_of(config).values(), Recipe, *parts_of(Recipe).values())
    owner = next(place for place in places if setting.name in {field.name for field in fields(place)})
    with pytest.raises(RangeError) as refused:
        owner(**(required if owner is config else {}), **{setting.name: value})
    result = CliRunner().invoke(app, [command, *arguments, setting.flag, str(value)])
    assert result.exit_code == 2
    said = float(value) if setting.kind is float else value
    assert (
        result.stderr == f"ampnet: {setting.flag} {refused.value.fault}".replace(f"got {value}", f"got {said}") + "\n"
    )


@pytest.mark.parametrize("command", CONFIGS)
def test_every_field_is_exactly_one_option_with_its_sentence(command):
    config = CONFIGS[command]
    shown = [(param.name, param.help) for param in cast(Any, get_command(app)).commands[command].params]
    described = {setting.name for setting in settings_of(config)} | set(parts_of(config))
    assert described == {field.name for field in fields(config)}
    for name, setting in all_settings_of(config).items():
        assert shown.count((name, setting.option.help)) == (0 if name in WITHOUT_OPTION else 1)
    own = {"as_json", "quiet", "debug", "config", "details", "latex", "help"}
    assert {name for name, _ in shown} <= set(options_of(config)) | own
    assert len({name for name, _ in shown}) == len(shown)


def test_settings_of_a_part_are_built_into_it(parsed):
    detector = parsed(PrepareConfig, ".", "--detector", "resnet50", "--score-threshold", "0.4").detector
    assert (detector.name, detector.score_threshold) == ("resnet50", 0.4)
    assert (detector.min_face, detector.nms_threshold) == (DetectorConfig.min_face, DetectorConfig.nms_threshold)


def test_without_an_option_the_settings_are_the_defaults(parsed):
    assert parsed(EvalConfig) == EvalConfig()
    assert parsed(ServeConfig) == ServeConfig()
    assert parsed(PrepareConfig, ".") == PrepareConfig(raw_dir=Path())
    assert parsed(ImportConfig, __file__) == ImportConfig(source=Path(__file__))


def test_an_option_of_the_recipe_is_a_change_and_leaves_the_rest_to_the_recipe(parsed):
    changes = parsed(TrainConfig, "--epochs", "3", "--set", "erase=0.5", "--set", "body-lr=none").recipe_changes
    assert {name: value for name, value in changes.items() if value is not None} == {
        **{"epochs": 3, "erase": "0.5", "body_lr": "none"}
    }


def test_values_are_given_again_and_again_or_with_commas(parsed):
    config = parsed(TrainConfig, "--teacher", "a.pt", "--teacher", "b.pt", "--modules", "lp, gp")
    assert config.teachers == (Path("a.pt"), Path("b.pt"))
    assert config.modules == ("gp", "lp")
    assert parsed(ImportConfig, __file__, "--classes", "joy, pain").class_names == ("joy", "pain")


def test_a_range_is_shown_in_the_help():
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "140"}).stdout
    assert "<int> [x>=1]" in shown
    assert "<float> [0<x<=2]" in shown
    assert "<int> [48<=x<=448]" in shown
