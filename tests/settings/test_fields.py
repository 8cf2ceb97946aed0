"""A field's description gives its check: the range, the choices and what is said where a value does not fit."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from ampnet.errors import RangeError
from ampnet.settings.fields import Option, Settings, all_settings_of, describe_range, settings_of, suggest


@dataclass(frozen=True, kw_only=True)
class Oven(Settings):
    degrees: Annotated[float, Option("Temperature.", above=0, max=250)] = 180.0
    minutes: Annotated[int | None, Option("Time.", min=5, step=5)] = None
    mode: Annotated[Literal["fan", "grill"], Option("Heat from where.")] = "fan"
    racks: Annotated[tuple[Literal["top", "low"], ...], Option("Where to bake.")] = ("low",)
    label: str = "not described, so not checked"


@dataclass(frozen=True, kw_only=True)
class Kitchen(Settings):
    oven: Oven
    degrees: Annotated[int, Option("Temperature of the room.")] = 20


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"degrees": 0}, "degrees must be within (0, 250], got 0"),
        ({"degrees": 250.1}, "degrees must be within (0, 250], got 250.1"),
        ({"degrees": float("nan")}, "degrees must be within (0, 250], got nan"),
        ({"degrees": "hot"}, "degrees must be a number, got 'hot'"),
        ({"degrees": None}, "degrees must be a number, got None"),
        ({"mode": None}, "mode must be one of fan, grill, got None"),
        ({"minutes": 0}, "minutes must be a multiple of 5 at least 5, got 0"),
        ({"minutes": 12}, "minutes must be a multiple of 5 at least 5, got 12"),
        ({"mode": "steam"}, "mode must be one of fan, grill, got 'steam'"),
        ({"racks": ("low", "side")}, "racks must be some of top, low, got 'low,side'"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_on_construction(values, message):
    with pytest.raises(RangeError) as refused:
        Oven(**values)
    assert str(refused.value) == message


@pytest.mark.parametrize("values", [{}, {"degrees": 250}, {"degrees": 0.1}, {"minutes": 10}, {"racks": ("low", "top")}])
def test_a_value_within_its_range_is_taken(values):
    oven = Oven(**values)
    assert {name: getattr(oven, name) for name in values} == values


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"min": 1}, "at least 1"),
        ({"max": 9}, "at most 9"),
        ({"above": 0}, "above 0"),
        ({"below": 1}, "below 1"),
        ({"min": 0, "below": 1}, "within [0, 1)"),
        ({}, "finite"),
    ],
)
def test_a_range_is_told_in_words_or_as_an_interval(bounds, words):
    assert describe_range(Option("", **bounds)) == words


def test_a_field_hides_one_of_its_name_in_a_part():
    found = all_settings_of(Kitchen)
    assert list(found) == ["minutes", "mode", "racks", "degrees"]
    assert found["degrees"].option.help == "Temperature of the room."


def test_the_type_of_a_value_is_known_without_none_and_without_other_settings():
    @dataclass(frozen=True, kw_only=True)
    class Choice(Settings):
        oven: Annotated[Oven | Literal["small", "large"] | None, Option("Oven.")] = None
        dishes: Annotated[tuple[Path | str, ...], Option("What to bake.")] = ()

    oven, dishes = settings_of(Choice)
    assert (oven.kind, oven.is_optional, oven.choices) == (Literal["small", "large"], True, ("small", "large"))
    assert (dishes.item, dishes.is_optional, dishes.flag) == (str, False, "--dishes")
    assert Choice(oven=Oven()).oven == Oven()


def test_an_unknown_name_leads_to_the_closest_one_or_to_all():
    assert suggest("degres", ["minutes", "degrees"]) == "did you mean degrees?"
    assert suggest("colour", ["minutes", "degrees"]) == "choose one of degrees, minutes"


def test_the_error_comes_back_whole_from_another_process():
    error = pickle.loads(pickle.dumps(RangeError("degrees", "must be above 0, got 0")))
    assert (str(error), error.name) == ("degrees must be above 0, got 0", "degrees")
