"""A paragraph for the methods section of a paper; every number is taken from the run."""

from collections.abc import Sequence

from ampnet.files.printable import counted, one_line
from ampnet.summary.faces_file import RunSettings, Video
from ampnet.summary.series import Episode, EpisodeRule, Series, count_people, usual_rate

CITATIONS = (
    "Liu, H., Cai, H., Lin, Q., Li, X., & Xiao, H. (2022). Adaptive multilayer perceptual attention network for facial "
    "expression recognition. IEEE Transactions on Circuits and Systems for Video Technology, 32(9), 6253-6266. "
    "https://doi.org/10.1109/TCSVT.2022.3165321",
    "Deng, J., Guo, J., Ververas, E., Kotsia, I., & Zafeiriou, S. (2020). RetinaFace: Single-shot multi-level face "
    "localisation in the wild. CVPR, 5203-5212. https://doi.org/10.1109/CVPR42600.2020.00525",
)


def methods_text(
    videos: Sequence[Video],
    series: Sequence[Series],
    episodes: Sequence[Episode],
    rule: EpisodeRule,
    settings: RunSettings | None,
    smooth: float,
    baseline: str | None,
) -> str:
    """Describe what was done and found.

    Args:
        videos: what was read.
        series: what became of it.
        episodes: those found.
        rule: what counts as one.
        settings: those of `predict`, if they are known.
        smooth: width of the kernel in seconds; 0 for none.
        baseline: what was subtracted; None for nothing.
    """
    watched = sum(len(one.seconds) * one.step for one in series)
    seen = sum(float(one.is_seen.sum()) * one.step for one in series)
    unsure = sum(float((one.is_seen & ~one.is_sure).sum()) * one.step for one in series)
    frames = sum(len(video.seconds) for video in videos)
    is_numbered = len(videos) > 1 and any(one.person.isdecimal() for one in series)
    numbered = " (numbered anew in each video)" if is_numbered else ""
    parts = [
        f"Facial expressions in {counted(len(videos), 'video')} were classified with AMP-Net (Liu et al., 2022), "
        f"{_model(settings)}. Faces were detected with RetinaFace (Deng et al., 2020) in {frames:,} frames"
        f"{', or followed to them from others by optical flow' if settings and settings.fast else ''}, at "
        f"{_range({usual_rate(video) for video in videos})} frames per second; times are the frames' own presentation "
        "times, from the first frame of each video.",
        f"Probabilities were taken at {_range({round(1 / one.step, 2) for one in series})} ticks per second, at each "
        f"from the nearest classified frame{_smoothing(settings, smooth)}.",
        f"{counted(count_people(series), 'person', 'people')}{numbered}, {watched:,.1f} s of person-time; faces "
        f"were seen in {seen:,.1f} s ({seen / watched if watched else 0:.1%}); answers were unsure in {unsure:,.1f} s.",
        f"An episode of an expression began when its probability reached {rule.on:g} and ended when it fell below "
        f"{rule.off:g} or the face was not seen; episodes at most {rule.bridge:g} s apart were joined, and those "
        f"shorter than {rule.shortest:g} s left out ({counted(len(episodes), 'episode')}).",
    ]
    if baseline is not None:
        where = "the whole video" if baseline == "median" else one_line(baseline)
        parts.append(f"Each person's neutral, the median of the probabilities in {where}, was subtracted.")
    parts.append(
        "The classifier names what a face shows, not what a person feels. Its accuracy for these participants is to be "
        "checked by hand-coding a random sample of frames."
    )
    return "\n".join([" ".join(parts), "", *CITATIONS, ""])


def _model(settings: RunSettings | None) -> str:
    if settings is None:
        return "the model of the tables"
    model = f"with the model {one_line(settings.model)} (SHA-256 {one_line(settings.sha256)[:16]})"
    return f"as implemented in ampnet {one_line(settings.ampnet)}, {model}"


def _smoothing(settings: RunSettings | None, smooth: float) -> str:
    centred = f", after smoothing with a centred Gaussian kernel ({smooth:g} s full width at half maximum)"
    causal = f"; a causal mean over {settings.smooth:g} s had been taken before" if settings and settings.smooth else ""
    return (centred if smooth else "") + causal


def _range(values: set[float]) -> str:
    if not values:
        return "no"
    return f"{min(values):g}" if len(values) == 1 else f"{min(values):g} to {max(values):g}"
