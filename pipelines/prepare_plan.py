"""What a run of `ampnet prepare` is held to: its plan, recorded when it begins and compared when it is resumed."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from ampnet.dataset.index.index_files import JOURNAL_FOLDER, META_FILE, is_sharded
from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.preparation.chunks import PreparationThreads, choose_crop
from ampnet.dataset.preparation.prepare_journal import PrepareJournal
from ampnet.dataset.preparation.removal import earlier_files, remove_earlier
from ampnet.detection.detector import FaceDetector
from ampnet.errors import DataError, UsageError
from ampnet.faces.framing import Crop
from ampnet.files.journal import require_same
from ampnet.files.lock import is_empty
from ampnet.settings import NoFacePolicy, PrepareConfig

FORM = ("form", "faces_per_shard")
"""Entries of the plan that meta.json leaves out, so that a data set has the same one in both forms."""


def earlier_plan(config: PrepareConfig, journal: PrepareJournal) -> dict[str, Any] | None:
    """Return the plan of an interrupted run to resume, or None to start over; refuse to replace anything unasked."""
    if config.force:
        return None
    plan = journal.plan()
    if plan is not None:
        if config.resume:
            return plan
        raise UsageError(f"{config.out} holds an unfinished run; resume it with --resume, or start over with --force")
    if is_sharded(config.out):
        raise UsageError(f"{config.out} holds a data set in shards; replace it with --force, or choose another --out")
    if (config.out / "index" / META_FILE).exists():
        raise UsageError(f"{config.out} already holds an index; replace it with --force, or choose another --out")
    for taken in (config.out / "index", config.out / "dataset"):
        if taken.is_dir() and not is_empty(taken, JOURNAL_FOLDER):
            raise UsageError(f"{taken} holds other files; choose another --out, or add to them with --force")
    return None


def make_plan(
    config: PrepareConfig,
    source: RawDataSet,
    names: Sequence[str],
    detector: FaceDetector,
    threads: PreparationThreads,
    journal: PrepareJournal,
) -> dict[str, Any]:
    """Decide what happens to every image, or keep to what the interrupted run decided."""
    earlier = earlier_plan(config, journal)
    replaced = earlier_files(config.out, _was_to_be_shards(journal)) if config.force else None
    if earlier is not None:
        crop = earlier["crop"] if config.crop == "auto" else config.crop
        plan = _plan(config, source, names, detector, crop, earlier["crop_reason"])
        require_same({**dict.fromkeys(FORM), **plan}, earlier, config.out)
        return plan
    crop, reason = config.crop, "as requested"
    if crop == "auto":
        crop, reason = choose_crop(source, config.face, detector, threads)
    plan = _plan(config, source, names, detector, crop, reason)
    if replaced is not None:
        remove_earlier(config.out, replaced)
    journal.restart(plan)
    return plan


def _plan(
    config: PrepareConfig, source: RawDataSet, names: Sequence[str], detector: FaceDetector, crop: Crop, reason: str
) -> dict[str, Any]:
    """Record everything that decides the outcome, so that a resumed run can be held to it."""
    no_face: NoFacePolicy = config.no_face or ("template" if crop == "none" else "drop")
    listing = sha256(",".join(source.vote_columns).encode())
    for item, name in zip(source.items, names, strict=True):
        listing.update(f"{name}\0{item.relative}\0{item.class_name}\0{item.box}".encode(errors="surrogateescape"))
        listing.update(f"\0{item.votes}\n".encode() if item.votes else b"\n")
    form = dict(zip(FORM, (config.form, config.faces_per_shard), strict=True))
    return {
        "raw_dir": str(config.raw_dir.resolve()),
        "votes_file": None if config.votes is None else str(config.votes.resolve()),
        "layout": source.layout,
        "images": len(source.items),
        "listing_sha256": listing.hexdigest(),
        "crop": crop,
        "crop_reason": reason,
        "face": config.face,
        "no_face": no_face,
        "detector": detector.name,
        "weights_sha256": detector.weights_sha256,
        "score_threshold": config.detector.score_threshold,
        "nms_threshold": config.detector.nms_threshold,
        "min_face": config.detector.min_face,
        **(form if config.form == "shards" else {}),
    }


def _was_to_be_shards(journal: PrepareJournal) -> bool:
    """Whether an interrupted run was to write shards; a plan that cannot be read is none."""
    try:
        return (journal.plan() or {}).get("form") == "shards"
    except DataError:
        return False
