"""The README's Python example runs as it stands, and the documentation names the bundled models as outputs do."""

import re
import shutil
from pathlib import Path

from ampnet.checkpoints.model_files import MODELS, bundled_model
from ampnet.files.writing import sha256_of

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


def test_models_in_the_documentation_have_the_hash_of_their_file():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "ampnet" / "weights").glob("*.md")]
    named = {found for page in pages for found in re.findall(r"bundled:(\w+)@(\w+)", page.read_text(encoding="utf-8"))}
    assert named
    assert named <= {(name, sha256_of(bundled_model(name))[:8]) for name in MODELS}
