"""From photos to expressions, whatever runs the networks: detect, frame, classify."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.retries import detect_with_retries
from ampnet.errors import ConfigError, ImageError
from ampnet.faces.alignment import AlignedFace, Image, source_side
from ampnet.faces.brightness import brightness
from ampnet.faces.framing import Framing, frame_face
from ampnet.faces.sharpness import blurriness
from ampnet.files.printable import one_line
from ampnet.reading.given import is_at_hand, one_photo, to_sources
from ampnet.reading.inputs import FrameOf, Photo, PhotoInput
from ampnet.reading.sources import Source
from ampnet.recognition.face_warnings import visible_share
from ampnet.recognition.shots import Shot, classify_shots, classify_tasks, read_shots
from ampnet.results.face_prediction import NOT_SURE, FacePrediction
from ampnet.results.photo_result import PhotoResult
from ampnet.results.recorded import NOTHING
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import start_threads
from ampnet.settings import FacePolicy

if TYPE_CHECKING:
    from ampnet.recognition.explanation import Explanation

__all__ = ["NOT_SURE", "FacePrediction", "PhotoPredictor", "PhotoResult"]


class PhotoPredictor(ABC):
    """A face detector and a classifier, for photos of any size."""

    detector: AnySizeDetector
    class_names: tuple[str, ...]
    """In the order of all scores."""
    framing: Framing
    """How the classifier's training faces were framed."""
    image_size: int
    """Side of the classifier's input in pixels."""
    face: FacePolicy = "all"
    """Which faces of a photo to classify: all, or the one that is largest, nearest to the centre, or found best."""
    min_face: float = 0.0
    """Faces with a side of fewer pixels of the whole photo are left out."""
    rejection_threshold: float = 0.0
    """Faces whose most probable class is less probable get the answer "not sure"; 0 never rejects."""

    @property
    def can_explain(self) -> bool:
        """Whether :meth:`explain_faces` can take the network apart."""
        return False

    @abstractmethod
    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Return ``(N, K)`` class probabilities of N framed faces (224 x 224)."""

    @property
    def cores(self) -> int:
        """Number of processor cores that the networks use."""
        return usable_cores()

    @property
    def parallel(self) -> int:
        """Number of chunks of photos that the networks work at side by side, if there are many photos."""
        return 1

    @overload
    def predict(  # type: ignore[overload-overlap]  # text is iterable, but one path
        self, images: str | Path, stream: Literal[False] = False, *, every: int = 1, videos: bool = False
    ) -> PhotoResult | Any: ...  # a list of results for a folder, a pattern or a video
    @overload
    def predict(  # type: ignore[overload-overlap]  # arrays are iterable, but one photo
        self, images: Photo, stream: Literal[False] = False, *, every: int = 1, videos: bool = False
    ) -> PhotoResult: ...
    @overload
    def predict(
        self, images: Iterable[Photo], stream: Literal[False] = False, *, every: int = 1, videos: bool = False
    ) -> list[PhotoResult]: ...
    @overload
    def predict(
        self, images: Photo | Iterable[Photo], stream: Literal[True], *, every: int = 1, videos: bool = False
    ) -> Iterator[PhotoResult]: ...
    def predict(
        self, images: Photo | Iterable[Photo], stream: bool = False, *, every: int = 1, videos: bool = False
    ) -> PhotoResult | list[PhotoResult] | Iterator[PhotoResult]:
        """Detect and classify the faces in photos and videos.

        Results do not depend on the other photos. EXIF rotation is applied, and pixels count from the upright photo's
        top left corner.

        Args:
            images: a photo, a folder of photos, a video, a pattern for paths (``**`` stands for folders of any depth),
                or an iterable of these. A photo is a path, an http(s)
                address as text (see :mod:`ampnet.files.download`), the content of an image file (bytes, or a file
                object opened with ``rb``), a PIL image, a NumPy array (``(H, W, 3)`` RGB or ``(H, W)`` grey,
                uint8 or floating point in [0, 1]), or a torch tensor with such pixels (``(3, H, W)`` or
                ``(H, W, 3)``). An array or tensor with four axes holds several photos.
            stream: return an iterator, whose memory stays bounded if neither the iterable nor its consumer keeps the
                photos and results. Of a generator and the like, each photo is taken when its result is asked
                for; folders, videos, lists and tuples are read ahead, by at most a few chunks of 32 photos or frames.
                Without it, memory grows by a few kilobytes for each face, and so with the length of a video.
            every: of a video, classify every Nth frame.
            videos: read the videos in folders, too. What a folder holds and is not read is the text of a warning.

        Returns:
            One result for one photo, a list for all else; a result for each frame of a video, which knows its
            ``frame`` and ``seconds``. Among several, what cannot be read has a result without faces, whose
            ``problem`` says why; a video that breaks off has one after its last frame.

        Raises:
            ImageError: ``images`` is a single photo that cannot be read.
            UsageError: ``images`` is a folder without any image.
            ValueError: ``every`` is less than 1.
        """
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        photo = one_photo(images)
        if photo is not None:
            (result,) = self._one_by_one([photo], every)
            if result.problem is not None:
                raise ImageError(result.problem)
            return iter([result]) if stream else result
        sources = to_sources(images, videos)
        if not is_at_hand(images):
            return self._one_by_one(sources, every) if stream else list(self._in_threads(sources, every, self.parallel))
        if stream:  # on all cores in turn: side by side, they would be divided while the caller's code runs
            return self._in_threads(sources, every, 1, keeps_frames=True)
        several = list(sources)
        parallel = 1 if len(several) == 1 and not several[0].is_video else self.parallel
        most = None if any(source.is_video for source in several) else -(-len(several) // parallel)
        return list(self._in_threads(several, every, parallel, most))

    def find_faces(
        self,
        images: Sequence[Image],
        whole: Sequence[Callable[[], Image] | None] | None = None,
        most: int | None = None,
        photo_hw: Sequence[tuple[int, int] | None] | None = None,
    ) -> list[list[FacePrediction]]:
        """Detect and classify the faces in each photo, all at once.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any size.
            whole: for each photo that was reduced while it was decoded, how to decode all of it: a face so small that
                the classifier would see less of it is framed from there.
            most: classify at most as many faces of a photo, those with the best detection scores; None: all.
            photo_hw: height and width of each photo, for :attr:`min_face`; None: those of the image.

        Returns:
            The faces in each photo, best detection score first, as far as :attr:`face` and :attr:`min_face` ask for
            them, in pixels of the image; empty if there are none.
        """
        detections = detect_with_retries(self.detector, images)
        found = [
            choose_face(self._large(detection.faces, image, hw)[:most], self.face, (image.shape[0], image.shape[1]))
            for image, detection, hw in zip(images, detections, photo_hw or [None] * len(images), strict=True)
        ]
        framed = [
            face
            for image, faces, decode_whole in zip(images, found, whole or [None] * len(images), strict=True)
            for face in self._frame(image, faces, decode_whole)
        ]
        answered = iter(zip(framed, self.classify(framed), strict=True))
        return [
            [self._prediction(face, *next(answered), (image.shape[0], image.shape[1])) for face in faces]
            for image, faces in zip(images, found, strict=True)
        ]

    def explain_faces(
        self,
        image: Image,  # noqa: ARG002
        faces: Sequence[FacePrediction],  # noqa: ARG002
        whole: Callable[[], Image] | None = None,  # noqa: ARG002
    ) -> "Explanation":
        """Take the logits of at least one face of a decoded photo apart.

        Args:
            image: the photo.
            faces: what :meth:`find_faces` found in it.
            whole: as for :meth:`find_faces`, if the photo was reduced.

        Raises:
            ConfigError: the network cannot be taken apart.
        """
        raise ConfigError("cannot explain: an exported network gives its answers only; use ampnet.Predictor")

    def _large(self, faces: Sequence[Face], image: Image, photo_hw: tuple[int, int] | None) -> Sequence[Face]:
        """Leave out the faces below :attr:`min_face`."""
        height, width = image.shape[:2]
        photo_height, photo_width = photo_hw or (height, width)
        enlargement = np.array([photo_width / width, photo_height / height])
        return [face for face in faces if ((face.box[2:] - face.box[:2]) * enlargement).min() >= self.min_face]

    def _frame(
        self, image: Image, faces: Sequence[Face], decode_whole: Callable[[], Image] | None
    ) -> list[AlignedFace]:
        """Frame the faces of a photo, from the whole of it where the image has too few pixels of one."""
        framed = [frame_face(image, face.landmarks, self.framing) for face in faces]
        wanted = min(self.image_size, self.framing.face_resolution or self.image_size)
        if decode_whole is None or all(source_side(face.matrix) >= wanted for face in framed):
            return framed
        try:
            sharp = decode_whole()
        except ImageError:  # it could be read a moment ago; the reduced image is still there
            return framed
        scale = np.array([sharp.shape[1] / image.shape[1], sharp.shape[0] / image.shape[0]])
        return [
            small if source_side(small.matrix) >= wanted else frame_face(sharp, face.landmarks * scale, self.framing)
            for face, small in zip(faces, framed, strict=True)
        ]

    def _one_by_one(self, sources: Iterable[Source], every: int) -> Iterator[PhotoResult]:
        """Read each photo and frame when its result is asked for."""
        for source in sources:
            for shot in read_shots(source, every, NOTHING, _ignore):
                (faces,) = classify_shots(self, [shot])
                yield self._result(shot, faces, keeps_frame=True)

    def _in_threads(
        self,
        sources: Iterable[Source],
        every: int,
        parallel: int,
        most: int | None = None,
        keeps_frames: bool = False,
    ) -> Iterator[PhotoResult]:
        """Read ahead and classify in chunks, as `ampnet predict` does."""
        tasks = ((source, NOTHING) for source in sources)
        with start_threads(self.cores, parallel) as threads:
            for chunk, found in classify_tasks(self, tasks, every, _ignore, threads, most):
                for shot, faces in zip(chunk, found, strict=True):
                    yield self._result(shot, faces, keeps_frames)

    def _result(self, shot: Shot, faces: list[FacePrediction] | None, keeps_frame: bool) -> PhotoResult:
        """Make the result, which draws a frame from its pixels, or decodes its video again up to there."""
        one, source = shot.result(faces or []), shot.source
        photo = shot.content
        if photo is None and shot.frame is not None:
            frame = shot.image if keeps_frame else FrameOf(source.path, shot.frame)
            photo = PhotoInput(one_line(source.path), frame)
        elif photo is None and shot.image is not None:
            photo = PhotoInput(one_line(source.path), source.path)
        name = one_line(source.name) if photo is None else photo.name
        return PhotoResult(
            photo,
            name,
            one.faces,
            one.size_hw,
            self.class_names,
            one.problem,
            self.explain_faces,
            frame=one.frame,
            seconds=one.seconds,
        )

    def _prediction(
        self, face: Face, framed: AlignedFace, probabilities: NDArray[np.float32], size_hw: tuple[int, int]
    ) -> FacePrediction:
        best = int(probabilities.argmax())
        scores = dict(zip(self.class_names, probabilities.tolist(), strict=True))
        label = self.class_names[best]
        return FacePrediction(
            face,
            label,
            scores[label],
            scores,
            self.rejection_threshold,
            visible=visible_share(face, size_hw),
            blurriness=blurriness(framed.image),
            brightness=brightness(framed.image),
        )


def _ignore(_count: int) -> None:
    """Take the number of a video's frames."""
