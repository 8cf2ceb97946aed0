"""Small tables of faces, as `ampnet predict --csv` writes them, for tests of what is made of them."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

CLASSES = ("happiness", "anger", "neutral")
COLUMNS = ["video", "frame", "seconds", "status", "problem", "face", "face_score", "label", "probability", "answer"]

Scores = Callable[[float], tuple[float, float, float] | None]
"""Probabilities of the classes at a time; None where the person is not seen."""


def write_faces(
    path: Path, people: dict[str, Scores], times: Iterable[float], video: str = "clip.mp4", answer: str = ""
) -> Path:
    """Write a table.

    Args:
        path: the file; rows are appended to one that exists.
        people: track -> what is seen of it.
        times: of the classified frames.
        video: name of the video.
        answer: stands for every face's answer, if it is not the label.
    """
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if is_new:
            table.writerow([*COLUMNS, *(f"score_{name}" for name in CLASSES), "track"])
        for frame, seconds in enumerate(times):
            faces = [(track, found) for track, scores in people.items() if (found := scores(seconds)) is not None]
            for number, (track, found) in enumerate(faces, start=1):
                label = CLASSES[found.index(max(found))]
                about = [video, frame, round(seconds, 3), "ok", "", number, 0.9, label, max(found), answer or label]
                table.writerow([*about, *found, track])
            if not faces:
                empty = [""] * (len(COLUMNS) - 4 + len(CLASSES) + 1)
                table.writerow([video, frame, round(seconds, 3), "no face", *empty])
    return path


def smiles(start: float, end: float, gap: tuple[float, float] = (-1.0, -1.0)) -> Scores:
    """Return a neutral face that smiles between two times, and is not seen between two others."""

    def scores(seconds: float) -> tuple[float, float, float] | None:
        if gap[0] - 1e-9 <= seconds < gap[1] - 1e-9:
            return None
        return (0.9, 0.04, 0.06) if start - 1e-9 <= seconds < end - 1e-9 else (0.1, 0.1, 0.8)

    return scores
