"""How the inputs of a distributed prediction are cut and read."""

from pathlib import Path

from ampnet.cluster.parts import cut, read_part
from ampnet.files import download
from ampnet.runtime.threads import start_threads
from tests.web import LOCAL, content, server

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"


def test_photos_of_the_web_are_fetched_under_the_same_rules_as_without_ray(monkeypatch):
    with server({"/x//a.jpg": content(PORTRAIT.read_bytes())}) as web:
        url = f"{web}/x//a.jpg"
        (part,), _ = cut([url, PORTRAIT], 10, videos=False)
        with start_threads(cores=1, parallel=1) as threads:
            refused = {str(shot.source.name): shot.problem for shot in read_part(part, 1, threads)}
            monkeypatch.setattr(download, "POLICY", LOCAL)
            read = {str(shot.source.name): shot.problem for shot in read_part(part, 1, threads)}
    assert "no public host" in refused[url]
    assert refused[str(PORTRAIT)] is None
    assert read == {url: None, str(PORTRAIT): None}
