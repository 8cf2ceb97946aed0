"""Hostile tables and small files: faces.csv, label_votes.csv, a prior, predictions of others, lists of a subset."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import ANY, NOT_DONE, REFUSED, Case, Place
from tests.hostile.documents import FORGED, LONG, OWNER, first_name, in_index
from tests.hostile.making import case, content, copy_of, thing
from tests.hostile.mutations import NOT_FILES

FACES_HEADER = "name,source,split,class,status,reason,score,box,faces,width,height,subject,traits,grey_mean,grey_spread"
VOTES_HEADER = "name,surprise,fear,disgust"
TABLES: dict[str, tuple[str, str, str, frozenset[int]]] = {
    "faces: no number": ("faces.csv", FACES_HEADER, "{n},a.jpg,test,fear,detected,,x,,1,2,3,,,,", REFUSED),
    "faces: nan": ("faces.csv", FACES_HEADER, "{n},a.jpg,test,fear,detected,,nan,nan nan nan nan,1,2,3,,,nan,inf", ANY),
    "faces: short box": ("faces.csv", FACES_HEADER, "{n},a.jpg,test,fear,detected,,0.5,1 2,1,2,3,,,,", REFUSED),
    "faces: 10 ** 30 faces": (
        "faces.csv",
        FACES_HEADER,
        "{n},a.jpg,test,fear,detected,,0.5,,1%s,2,3,,,," % ("0" * 30),
        ANY,
    ),
    "faces: 5,000 digits": (
        "faces.csv",
        FACES_HEADER,
        "{n},a.jpg,test,fear,detected,,0.5,,%s,2,3,,,," % ("9" * 5000),
        REFUSED,
    ),
    "faces: short row": ("faces.csv", FACES_HEADER, "{n},a.jpg", REFUSED),
    "faces: long row": ("faces.csv", FACES_HEADER, "{n}" + ",1" * 500, NOT_DONE),
    "faces: no header": ("faces.csv", "a,b", "{n},a.jpg", REFUSED),
    "faces: header twice": ("faces.csv", FACES_HEADER + "," + FACES_HEADER, "{n},a.jpg,test,fear,x,,,,1,2,3,,,,", ANY),
    "faces: a cell of 1 MB": ("faces.csv", FACES_HEADER, "{n}," + "x" * (1 << 20), REFUSED),
    "faces: a status that forges": (
        "faces.csv",
        FACES_HEADER,
        f'{{n}},a.jpg,test,fear,"{FORGED}",,,,x,2,3,,,,',
        REFUSED,
    ),
    "faces: a class that forges": (
        "faces.csv",
        FACES_HEADER,
        f'{{n}},a.jpg,test,"{FORGED}",rejected,,,,1,2,3,,,,',
        ANY,
    ),
    "faces: null bytes": ("faces.csv", FACES_HEADER, "{n}\0\0,a.jpg", REFUSED),
    "faces: an open quote": ("faces.csv", FACES_HEADER, '"{n},a.jpg,test' + "\nx" * 1000, REFUSED),
    "votes: nan": ("label_votes.csv", VOTES_HEADER, "{n},nan,1,1", REFUSED),
    "votes: infinite": ("label_votes.csv", VOTES_HEADER, "{n},inf,1,1", REFUSED),
    "votes: -1": ("label_votes.csv", VOTES_HEADER, "{n},-1,1,1", REFUSED),
    "votes: 10 ** 300": ("label_votes.csv", VOTES_HEADER, "{n},1e300,1,1", REFUSED),
    "votes: 10 ** 38": ("label_votes.csv", VOTES_HEADER, "{n},3e38,3e38,3e38", ANY),
    "votes: text": ("label_votes.csv", VOTES_HEADER, "{n}," + LONG + ",1,1", REFUSED),
    "votes: short row": ("label_votes.csv", VOTES_HEADER, "{n},1", REFUSED),
    "votes: a name twice": ("label_votes.csv", VOTES_HEADER, "{n},1,1,1\n{n},2,2,2", ANY),
    "votes: no header": ("label_votes.csv", "x", "{n},1", REFUSED),
    "votes: 10 ** 5 columns": ("label_votes.csv", "name," + ",".join(map(str, range(10**5))), "{n},1", REFUSED),
    "votes: a column that forges": ("label_votes.csv", f'name,"{FORGED}","b\x1b"', "{n},1,1", ANY),
    "votes: null bytes": ("label_votes.csv", VOTES_HEADER, "{n}\0,1,1,1", ANY),
    "votes: a cell of 1 MB": ("label_votes.csv", VOTES_HEADER, "{n}," + "1" * (1 << 20) + ",1,1", REFUSED),
    "votes: digits of another script": ("label_votes.csv", VOTES_HEADER, "{n},\u0661,1_0,0x1", REFUSED),
}


def tables() -> Iterator[Case]:
    """Yield damaged faces.csv and label_votes.csv."""
    for what, (name, header, row, codes) in TABLES.items():

        def put(_place: Place, index: Path, n: str = name, h: str = header, r: str = row) -> None:
            (index / n).write_text(f"{h}\n{r.replace('{n}', first_name(index))}\n", encoding="utf-8")

        yield from in_index(what, put, codes, ("check",) if name == "faces.csv" else ("eval",))


PRIORS: dict[str, bytes] = {
    "nan": b'{"fear": NaN}',
    "infinite": b'{"fear": Infinity}',
    "nested": b"[" * 100_000,
    "digits": b'{"fear": ' + b"9" * 5000 + b"}",
    "10 ** 400": b'{"fear": 1' + b"0" * 400 + b"}",
    "text": b'{"fear": "x"}',
    "a list": b"[1, 2]",
    "Latin-1": b'{"\xe4": 1}',
    "unknown classes that forge": json.dumps({FORGED: 1, LONG: 2}).encode(),
    "nothing": b"",
}


def priors() -> Iterator[Case]:
    """Yield damaged files for ``--prior``, and things that are no files."""

    line = "predict {photo} --prior prior.json --json --quiet"
    for what, of in PRIORS.items():
        yield case(f"documents/prior: {what}", OWNER, line, content("prior.json", of), codes=NOT_DONE)
    for kind in NOT_FILES:
        put = thing(kind, "prior.json")
        yield case(f"documents/S5 prior is {kind}", OWNER, line, put, codes=NOT_DONE, is_named=True)


PREDICTIONS: dict[str, str] = {
    "no header": "a,b\n",
    "a class that is not there": "name,predicted\n{n},nobody\n",
    "a class that forges": 'name,predicted\n{n},"x\nampnet: forged \x1b[31m"\n',
    "a class of 9,000 letters": "name,predicted\n{n}," + LONG + "\n",
    "a probability of nan": "name,p_fear,p_anger\n{n},nan,0.5\n",
    "an infinite probability": "name,p_fear,p_anger\n{n},inf,0.5\n",
    "a negative probability": "name,p_fear,p_anger\n{n},-1,0.5\n",
    "no probability at all": "name,p_fear,p_anger\n{n},0,0\n",
    "a column that forges": 'name,"p_x\nampnet: forged"\n{n},1\n',
    "a name twice": "name,predicted\n{n},fear\n{n},fear\n",
    "a name outside": "name,predicted\n../../outside/precious.txt,fear\n",
    "a short row": "name,predicted\n{n}\n",
    "null bytes": "name,predicted\n{n}\0,fear\n",
    "nothing": "",
}


def predictions() -> Iterator[Case]:
    """Yield damaged tables for ``eval --predictions`` and lists for ``robustness --subset``."""

    lines = {
        "eval": "eval --predictions given.csv --data data --out report --json --quiet",
        "robustness": "robustness {run} --data data --out report --corruptions none --workers 0 --quiet "
        "--subset given.csv",
    }
    data = copy_of("prepared", "data")
    for what, text in PREDICTIONS.items():

        def of(place: Place, t: str = text) -> bytes:
            return t.replace("{n}", first_name(place.seeds.prepared / "index")).encode()

        for name, command in ((f"predictions: {what}, eval", "eval"), (f"subset: {what}, robustness", "robustness")):
            yield case(f"documents/{name}", OWNER, lines[command], data, content("given.csv", of), codes=ANY)
    for number, kind in enumerate(NOT_FILES):
        command = ("eval", "robustness")[number % 2]
        name = f"documents/S5 given.csv is {kind}, {command}"
        yield case(name, OWNER, lines[command], data, thing(kind, "given.csv"), codes=NOT_DONE)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on tables."""
    del repeats  # nothing here is random
    yield from tables()
    yield from priors()
    yield from predictions()
