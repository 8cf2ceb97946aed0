"""Rows of damaged tables: faces.csv, label_votes.csv, and tables that others give; ``{n}`` is a name of the set."""

from tests.hostile.case import ANY, FORGES, LONG, NOT_DONE, REFUSED

MB = 1 << 20
FACE = "name,source,split,class,status,reason,score,box,faces,width,height,subject,traits,grey_mean,grey_spread"
VOTE = "name,surprise,fear,disgust"
Rows = dict[str, tuple[str, str, frozenset[int]]]

FACES: Rows = {
    "faces: no number": (FACE, "{n},a.jpg,test,fear,detected,,x,,1,2,3,,,,", REFUSED),
    "faces: nan": (FACE, "{n},a.jpg,test,fear,detected,,nan,nan nan nan nan,1,2,3,,,nan,inf", ANY),
    "faces: short box": (FACE, "{n},a.jpg,test,fear,detected,,0.5,1 2,1,2,3,,,,", REFUSED),
    "faces: 10 ** 30 faces": (FACE, f"{{n}},a.jpg,test,fear,detected,,0.5,,{10**30},2,3,,,,", ANY),
    "faces: 5,000 digits": (FACE, f"{{n}},a.jpg,test,fear,detected,,0.5,,{'9' * 5000},2,3,,,,", REFUSED),
    "faces: short row": (FACE, "{n},a.jpg", REFUSED),
    "faces: long row": (FACE, "{n}" + ",1" * 500, NOT_DONE),
    "faces: no header": ("a,b", "{n},a.jpg", REFUSED),
    "faces: header twice": (f"{FACE},{FACE}", "{n},a.jpg,test,fear,x,,,,1,2,3,,,,", ANY),
    "faces: a cell of 1 MB": (FACE, "{n}," + "x" * MB, REFUSED),
    "faces: a status that forges": (FACE, f'{{n}},a.jpg,test,fear,"{FORGES}",,,,x,2,3,,,,', REFUSED),
    "faces: a class that forges": (FACE, f'{{n}},a.jpg,test,"{FORGES}",rejected,,,,1,2,3,,,,', ANY),
    "faces: null bytes": (FACE, "{n}\0\0,a.jpg", REFUSED),
    "faces: an open quote": (FACE, '"{n},a.jpg,test' + "\nx" * 1000, REFUSED),
}
VOTES: Rows = {
    "votes: nan": (VOTE, "{n},nan,1,1", REFUSED),
    "votes: infinite": (VOTE, "{n},inf,1,1", REFUSED),
    "votes: -1": (VOTE, "{n},-1,1,1", REFUSED),
    "votes: 10 ** 300": (VOTE, "{n},1e300,1,1", REFUSED),
    "votes: 10 ** 38": (VOTE, "{n},3e38,3e38,3e38", ANY),
    "votes: text": (VOTE, "{n}," + LONG + ",1,1", REFUSED),
    "votes: short row": (VOTE, "{n},1", REFUSED),
    "votes: a name twice": (VOTE, "{n},1,1,1\n{n},2,2,2", ANY),
    "votes: no header": ("x", "{n},1", REFUSED),
    "votes: 10 ** 5 columns": ("name," + ",".join(map(str, range(10**5))), "{n},1", REFUSED),
    "votes: a column that forges": (f'name,"{FORGES}","b\x1b"', "{n},1,1", ANY),
    "votes: null bytes": (VOTE, "{n}\0,1,1,1", ANY),
    "votes: a cell of 1 MB": (VOTE, "{n}," + "1" * MB + ",1,1", REFUSED),
    "votes: digits of another script": (VOTE, "{n},\u0661,1_0,0x1", REFUSED),
}
PREDICTIONS: dict[str, str] = {
    "no header": "a,b\n",
    "a class that is not there": "name,predicted\n{n},nobody\n",
    "a class that forges": f'name,predicted\n{{n}},"{FORGES}"\n',
    "a class of 9,000 letters": f"name,predicted\n{{n}},{LONG}\n",
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
"""What ``eval --predictions`` and ``robustness --subset`` are given."""
