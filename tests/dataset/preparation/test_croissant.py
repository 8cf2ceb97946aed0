"""croissant.json says whose the data are; that its loader reads the faces is tested with prepare."""

import json

from ampnet.dataset.preparation.croissant import write_croissant

META = {"class_names": ["fear", "joy"], "layout": "ours", "licence": "for research only", "ampnet_version": "1.2"}


def test_licence_classes_and_version_are_those_of_the_prepared_set(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "meta.json").write_text(json.dumps(META))
    (tmp_path / "index" / "faces.csv").write_text("name,class\n")
    write_croissant(tmp_path)
    described = json.loads((tmp_path / "croissant.json").read_text())
    assert (described["name"], described["license"]) == ("ours", "for research only")
    assert "classes fear, joy" in described["description"]
    assert described["description"].endswith("ampnet prepare 1.2.")


def test_a_hand_made_set_gets_no_description(tmp_path):
    (tmp_path / "index").mkdir()
    write_croissant(tmp_path)
    assert not (tmp_path / "croissant.json").exists()
