"""From hits to a report's rows: every condition, every group, and the faces by texture, pose and subset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import estimate_pose
from ampnet.robustness.occluders import TEXTURES
from ampnet.robustness.scores import CorruptionError, Hits, corruption_error, hit_rate, pooled_rate
from ampnet.robustness.suite import CORRUPTIONS, SEVERITIES, SUITE, texture_of
from ampnet.robustness.suite_report import BASELINE, Row, RowKind

POSE_BINS: dict[str, tuple[float, ...]] = {
    "yaw": (0, 15, 30, 45, 90),
    "pitch": (-90, -15, 15, 90),
    "roll": (0, 5, 15, 180),
}
"""Edges in degrees: of the absolute angle for yaw and roll, of the signed one for pitch."""


@dataclass(frozen=True, eq=False)
class Tally:
    """All answers of a suite.

    N faces were answered as they are; M of them, the sample, under C corruptions of five severities.
    """

    votes: tuple[str, ...]
    """V columns: all modules first, the baseline last if there is one."""
    labels: NDArray[np.int64]
    """``(N,)``."""
    names: Sequence[str]
    landmarks: NDArray[np.floating]
    """``(N, 5, 2)``."""
    sample: NDArray[np.int64]
    """``(M,)`` positions."""
    corruptions: tuple[str, ...]
    clean: Hits
    """``(V, N)``."""
    corrupted: Hits
    """``(V, C, 5, M)``."""
    seed: int

    def rows(self, subsets: Mapping[tuple[str, str], NDArray[np.int64]]) -> tuple[Row, ...]:
        """Build all rows.

        Args:
            subsets: positions of the faces of each list, and of each type in it (``""`` for the whole list).
        """
        return (
            self._uncorrupted("clean", "", "clean", self.sample),
            *(row for name in self.corruptions for row in self._of_corruption(name)),
            *self._groups(),
            *self._textures(),
            *self._poses(),
            *(self._uncorrupted("subset", name, kind, positions) for (name, kind), positions in subsets.items()),
        )

    def errors(self) -> dict[str, CorruptionError]:
        """Return each vote's corruption error; empty if nothing was corrupted."""
        if not self.corruptions:
            return {}
        clean = self.clean[:, self.sample]
        reference = (self.corrupted[-1], clean[-1]) if self.votes[-1] == BASELINE else (None, None)
        return {
            vote: corruption_error(self.corrupted[number], clean[number], *reference)
            for number, vote in enumerate(self.votes)
        }

    def _uncorrupted(self, kind: RowKind, group: str, name: str, positions: NDArray[np.int64]) -> Row:
        labels = self.labels[positions]
        rates = {vote: hit_rate(hits[positions], labels) for vote, hits in zip(self.votes, self.clean, strict=True)}
        return Row(kind, group, name, 0, None, rates)

    def _pooled(self, kind: RowKind, group: str, name: str, chosen: Sequence[int], counted: Hits | None = None) -> Row:
        """Pool all severities of some corruptions; ``counted`` is ``(M,)`` or ``(len(chosen), M)``."""
        labels = self.labels[self.sample]
        shape = (len(chosen) * len(SEVERITIES), len(labels))
        weights = None if counted is None else np.repeat(counted, len(SEVERITIES), axis=0)
        rates = {
            vote: pooled_rate(hits[list(chosen)].reshape(shape), labels, weights)
            for vote, hits in zip(self.votes, self.corrupted, strict=True)
        }
        return Row(kind, group, name, 0, None, rates)

    def _of_corruption(self, name: str) -> list[Row]:
        number, corruption, labels = self.corruptions.index(name), SUITE[name], self.labels[self.sample]
        rows = []
        for severity, level in zip(SEVERITIES, corruption.levels, strict=True):
            hits = self.corrupted[:, number, severity - 1]
            rates = {vote: hit_rate(of_vote, labels) for vote, of_vote in zip(self.votes, hits, strict=True)}
            rows.append(Row("corruption", corruption.group, name, severity, level, rates))
        return [*rows, self._pooled("corruption", corruption.group, name, [number])]

    def _groups(self) -> list[Row]:
        rows = []
        for group in CORRUPTIONS:
            chosen = [number for number, name in enumerate(self.corruptions) if SUITE[name].group == group]
            if len(chosen) > 1:
                rows.append(self._pooled("group", group, group, chosen))
        if len({SUITE[name].group for name in self.corruptions}) > 1:
            rows.append(self._pooled("group", "", "all corruptions", range(len(self.corruptions))))
        return rows

    def _textures(self) -> list[Row]:
        chosen = [number for number, name in enumerate(self.corruptions) if SUITE[name].group == "occlusion"]
        if not chosen:
            return []
        drawn = np.array(
            [
                [texture_of(self.corruptions[number], self.seed, self.names[face]) for face in self.sample]
                for number in chosen
            ]
        )
        return [
            self._pooled("texture", "occlusion", name, chosen, drawn == name)
            for name in TEXTURES
            if (drawn == name).any()
        ]

    def _poses(self) -> list[Row]:
        angles = dict(zip(POSE_BINS, estimate_pose(self.landmarks[self.sample]).T, strict=True))
        rows = []
        for axis, edges in POSE_BINS.items():
            turned = angles[axis] if edges[0] < 0 else np.abs(angles[axis])
            for low, high in pairwise(edges):
                inside = self.sample[(turned >= low) & (turned < high)]
                if len(inside):
                    rows.append(self._uncorrupted("pose", axis, _range(low, high, edges), inside))
        return rows


def _range(low: float, high: float, edges: Sequence[float]) -> str:
    """Name a bin: the last one has no upper end, a first one below 0 no lower end."""
    if high == edges[-1]:
        return f"{low:g} and more"
    return f"below {high:g}" if low == edges[0] < 0 else f"{low:g} to {high:g}"
