"""docs/architecture.md describes the tree as it is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_]+/(?:[a-z_0-9]+/)*[a-z_0-9]*(?:\.py|/))`", PAGE)))


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    assert len(NAMED) > 40
    assert [name for name in NAMED if not any((ROOT / part / name).exists() for part in ("", "ampnet"))] == []


def test_every_function_that_the_page_places_is_there() -> None:
    placed = re.findall(r"`([a-z_]+)` in `([a-z_/]+\.py)`", PAGE)
    assert len(placed) >= 3
    for name, file in placed:
        assert f"def {name}(" in (ROOT / "ampnet" / file).read_text(encoding="utf-8")


def test_every_room_of_the_package_is_on_the_page() -> None:
    rooms = {path.parent.name for path in (ROOT / "ampnet").glob("*/__init__.py")}
    drawn = PAGE[PAGE.index("ampnet/\n") : PAGE.index("## Layers")]
    assert {room for room in rooms if f"{room}/" not in drawn} == set()
