"""The README's Python example runs as it stands."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_python_example_prints_an_expression_for_the_face(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    shutil.copy(ROOT / "tests" / "samples" / "portrait.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # our own file
    (line,) = capsys.readouterr().out.splitlines()
    label, probability = line.split()
    assert label.isalpha()
    assert 1 / 8 < float(probability) <= 1
