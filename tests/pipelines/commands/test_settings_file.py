"""`--config FILE`: options from a TOML file, under the names and checks of the command line."""

from inspect import signature
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from ampnet.settings import TrainConfig
from ampnet.settings.recipes import Recipe, make_recipe
from cli import app


@pytest.fixture
def parse(tmp_path, parsed):
    """Parse a file and a command line to the settings of a training run."""

    def parse(text, *arguments):
        (tmp_path / "a.toml").write_text(text)
        return parsed(TrainConfig, "--config", tmp_path / "a.toml", *arguments)

    return parse


def test_values_of_every_kind_are_those_of_the_command_line(parse):
    config = parse(
        """
        name = "small"
        save-every = 2
        seed = 7
        deterministic = true
        modules = ["lp", "gp"]
        teacher = ["bundled", "b.pt"]
        """
    )
    assert (config.name, config.save_every, config.seed, config.deterministic) == ("small", 2.0, 7, True)
    assert config.modules == ("gp", "lp")
    assert [str(path) for path in config.teachers] == ["bundled", "b.pt"]


def test_values_of_the_recipe_have_their_own_names(parse):
    config = parse("epochs = 3\nerase = 0.5\nweight_decay = 0.1\ndecay-norms = false\nreference-mirror = true")
    recipe = make_recipe(Recipe(), config.recipe_changes)
    assert (recipe.epochs, recipe.weight_decay, recipe.decay_norms) == (3, 0.1, False)
    assert (recipe.augmentation.erase, recipe.augmentation.reference_mirror) == (0.5, True)


def test_the_command_line_takes_precedence_value_by_value(parse):
    config = parse("epochs = 3\nseed = 7\nerase = 0.5\ntone = 0.5", "--seed", "8", "--epochs", "4", "--set", "tone=0.1")
    recipe = make_recipe(Recipe(), config.recipe_changes)
    assert (config.seed, recipe.epochs, recipe.augmentation.erase, recipe.augmentation.tone) == (8, 4, 0.5, 0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epochs = 0", "--epochs must be at least 1, got 0"),
        ("erase = 2", "erase must be within [0, 1], got 2.0"),
        ("split = 'tests'", "'--config': a.toml has an unknown option split; "),
        ("eras = 0.5", "has an unknown option eras; did you mean erase?"),
        ("zzz = 1", "choose one of accumulate, balance, batch-size"),
        ("variant = 'large'", "invalid value for '--variant': 'large' is not one of"),
        ("seed = 'x'", "invalid value for '--seed'"),
        ("seed = true", "invalid value for '--seed'"),
        ("deterministic = 'perhaps'", "invalid value for '--deterministic'"),
        ("set = ['erase=1']", "has an unknown option set; "),
        ("[train]\nseed = 1", "holds a table, [train]; give all options at its top"),
        ("seed =", "a.toml cannot be read (TOMLDecodeError"),
        ("seed = " + "[" * 100_000, "a.toml cannot be read"),
        ("x = '\xff'".encode("latin-1"), "a.toml cannot be read"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_does_not_fit_is_wrong_usage_in_one_line(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = CliRunner().invoke(app, ["train", "--config", "a.toml"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line
    assert len(line) <= 300


def test_an_argument_is_given_on_the_command_line_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text("checkpoint = 'bundled'")
    result = CliRunner().invoke(app, ["eval", "--config", "a.toml"])
    assert "has an unknown option checkpoint" in result.stderr


def test_every_command_takes_one():
    callbacks = [cast(Any, registered.callback) for registered in app.registered_commands]
    assert all("config" in signature(callback).parameters for callback in callbacks)
