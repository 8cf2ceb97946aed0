"""The one path from photos to answers, with either runtime: find, choose, frame, classify, decide, explain."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.model_files import ModelId
from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face
from ampnet.detection.finder import FaceFinder
from ampnet.detection.following import FollowingFinder
from ampnet.errors import ArgumentError, ConfigError, ImageError
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import Framing, frame_faces
from ampnet.reading.photo import Photo
from ampnet.reading.python_inputs import PhotoLike, is_at_hand, is_photo, one_photo, photo_of, sources_of
from ampnet.reading.video_clock import choose_sampling
from ampnet.recognition.loop import answer_in_threads, answer_one_by_one
from ampnet.results.face_prediction import prediction_of
from ampnet.results.photo_result import PhotoResult
from ampnet.results.tracking import Tracking
from ampnet.runtime.cores import usable_cores
from ampnet.settings import FacePolicy, PredictConfig

if TYPE_CHECKING:
    from ampnet.recognition.explanation import Explanation


class Recognizer(ABC):
    """A face detector and a classifier, for photos of any size.

    Its subclasses, on torch and on ONNX Runtime, differ in their detector and in :meth:`classify`.
    """

    detector: AnySizeDetector
    """Finds the faces of an image."""
    class_names: tuple[str, ...]
    """In the order of all scores."""
    framing: Framing
    """How the classifier's training faces were framed."""
    image_size: int
    """Side of the classifier's input in pixels."""
    model: ModelId
    """The model that answers."""
    face: FacePolicy = PredictConfig.face
    """Which faces of a photo to classify: all, the largest, the one nearest to the centre, or the highest-scoring."""
    min_face: float = PredictConfig.min_face
    """Minimum side of a face, in pixels of the whole photo; smaller faces are left out."""
    fast: bool = PredictConfig.fast
    """Detect faces in some frames of a video only, and follow them through the others."""
    rejection_threshold: float = 0.0
    """Minimum probability of the most probable class; below it, the answer is "not sure"; 0 never rejects."""

    @property
    def score_threshold(self) -> float:
        """Minimum detection score of a face."""
        return self.detector.config.score_threshold

    @score_threshold.setter
    def score_threshold(self, score: float) -> None:
        self.detector.config = replace(self.detector.config, score_threshold=score)

    @abstractmethod
    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Return ``(N, K)`` class probabilities of N framed faces (224 x 224)."""

    def explain(self, result: PhotoResult) -> "Explanation":  # noqa: ARG002
        """Decompose the logits of at least one face of a photo.

        Raises:
            ConfigError: the network cannot be explained.
            ImageError: the photo can no longer be read.
        """
        raise ConfigError("cannot explain: an exported network gives no explanations; use ampnet.Predictor")

    @property
    def can_explain(self) -> bool:
        """Whether :meth:`explain` can decompose the network's logits."""
        return False

    @property
    def cores(self) -> int:
        """Number of processor cores that the networks use."""
        return usable_cores()

    @property
    def parallel(self) -> int:
        """Number of chunks of photos that the networks process in parallel, if there are many photos."""
        return 1

    def answer(self, photos: Sequence[Photo], most: int | None = None, keeps_whole: bool = True) -> list[PhotoResult]:
        """Find and classify the faces of some photos, all at once.

        Results do not depend on the other photos, unless :attr:`fast` is set.

        Args:
            photos: the photos; one that cannot be read gets a result that says why.
            most: maximum number of faces to classify in a photo, those with the highest detection scores; None: all.
            keeps_whole: keep whole photos that were decoded for small faces.
        """
        readable = [photo for photo in photos if photo.problem is None]
        found = self.find(readable, most)
        framed: list[list[AlignedFace]] = []
        for photo, faces in zip(readable, found, strict=True):
            framed.append(frame_faces(photo, [face.landmarks for face in faces], self.framing, self.image_size))
            if not keeps_whole:
                photo.release_whole()
        probabilities = iter(self.classify([face for of_photo in framed for face in of_photo]))
        results = {
            id(photo): self._result(photo, faces, of_photo, [next(probabilities) for _ in faces])
            for photo, faces, of_photo in zip(readable, found, framed, strict=True)
        }
        for photo in photos:
            if id(photo) not in results:
                results[id(photo)] = self._result(photo, [], [], [])
        return [results[id(photo)] for photo in photos]

    def find(self, photos: Sequence[Photo | PhotoLike], most: int | None = None) -> list[tuple[Face, ...]]:
        """Find the faces of photos, as :meth:`answer` does, in pixels of the whole photos.

        Raises:
            ImageError: a photo cannot be read.
        """
        several = [photos] if is_photo(photos) else photos  # a path's letters and an array's rows are not photos
        read = [one if isinstance(one, Photo) else photo_of(one) for one in several]
        smallest = self.min_face if self.min_face < PredictConfig.min_face else None  # else its own
        finder = (FollowingFinder if self.fast else FaceFinder)(self.detector, self.face, self.min_face, smallest)
        return [one.faces for one in finder.find(read, most)]

    @overload
    def predict(  # type: ignore[overload-overlap]  # arrays and text are iterable, but one photo
        self,
        images: PhotoLike,
        stream: Literal[False] = False,
        *,
        every: int | None = ...,
        rate: float | None = ...,
        videos: bool = False,
    ) -> PhotoResult: ...
    @overload
    def predict(
        self,
        images: Iterable[PhotoLike],
        stream: Literal[False] = False,
        *,
        every: int | None = ...,
        rate: float | None = ...,
        videos: bool = False,
    ) -> list[PhotoResult]: ...
    @overload
    def predict(
        self,
        images: PhotoLike | Iterable[PhotoLike],
        stream: Literal[True],
        *,
        every: int | None = ...,
        rate: float | None = ...,
        videos: bool = False,
    ) -> Iterator[PhotoResult]: ...
    def predict(
        self,
        images: PhotoLike | Iterable[PhotoLike],
        stream: bool = False,
        *,
        every: int | None = None,
        rate: float | None = None,
        videos: bool = False,
    ) -> PhotoResult | list[PhotoResult] | Iterator[PhotoResult]:
        """Detect and classify the faces in a photo.

        EXIF rotation is applied, and pixels count from the upright photo's top left corner.

        Args:
            images: a photo: a path, an http(s) address as text (see :mod:`ampnet.files.download`), the content of an
                image file (bytes, or a file object opened with ``rb``), a PIL image, a NumPy array (``(H, W, 3)`` RGB
                or ``(H, W)`` grey, uint8 or floating point in [0, 1]), or a torch tensor with such pixels
                (``(3, H, W)`` or ``(H, W, 3)``). What :meth:`predict_many` takes is accepted as well.
            stream: see :meth:`predict_many`, as for the other arguments.

        Returns:
            One result for one photo; otherwise what :meth:`predict_many` returns: a list, or an iterator.

        Raises:
            ImageError: ``images`` is a single photo that cannot be read.
            DataError: ``images`` is a folder without any image.
            ArgumentError: ``every`` is less than 1, ``rate`` not above 0, or both are given; a ValueError, too.
        """
        photo = one_photo(images)
        if photo is None:
            if stream:
                return self.predict_many(images, stream=True, every=every, rate=rate, videos=videos)
            return self.predict_many(images, every=every, rate=rate, videos=videos)
        (result,) = answer_one_by_one(self, [photo], choose_sampling(every, rate))
        if result.problem is not None:
            raise ImageError(result.problem)
        return iter([result]) if stream else result

    @overload
    def predict_many(
        self,
        images: PhotoLike | Iterable[PhotoLike],
        *,
        stream: Literal[False] = False,
        every: int | None = ...,
        rate: float | None = ...,
        videos: bool = False,
        track: bool = False,
        smooth: float = ...,
        people: int | None = ...,
    ) -> list[PhotoResult]: ...
    @overload
    def predict_many(
        self,
        images: PhotoLike | Iterable[PhotoLike],
        *,
        stream: Literal[True],
        every: int | None = ...,
        rate: float | None = ...,
        videos: bool = False,
        track: bool = False,
        smooth: float = ...,
        people: int | None = ...,
    ) -> Iterator[PhotoResult]: ...
    def predict_many(
        self,
        images: PhotoLike | Iterable[PhotoLike],
        *,
        stream: bool = False,
        every: int | None = None,
        rate: float | None = None,
        videos: bool = False,
        track: bool = False,
        smooth: float = PredictConfig.smooth,
        people: int | None = None,
    ) -> list[PhotoResult] | Iterator[PhotoResult]:
        """Detect and classify the faces in photos and videos; results do not depend on the other photos.

        Args:
            images: a folder of photos, a video, a tar or parquet file, a pattern for paths (``**`` stands for folders
                of any depth), an array or tensor with four axes, or an iterable of these and of what :meth:`predict`
                takes.
            stream: return an iterator, whose memory stays bounded if neither the iterable nor its consumer keeps the
                photos and results. Of a generator and the like, each photo is taken when its result is asked
                for; folders, videos, lists and tuples are read ahead, by at most a few chunks of 32 photos or frames.
                Without it, memory grows by kilobytes for each face of a video, and by each photo of a tar or a URL.
            every: classify every Nth frame of a video ...
            rate: ... or this many frames per second; without either, 6.
            videos: read the videos in folders, too. Files in a folder that are not read are named in a warning.
            track: number the faces of a video; a face keeps its number from frame to frame (needs SciPy).
            smooth: average the probabilities of a tracked face over this many seconds.
            people: maximum number of people in a video; tracks are joined across absences and cuts.

        Returns:
            A result for each photo, and for each classified frame of a video, which knows its ``frame`` and
            ``seconds``. An unreadable photo has a result without faces, whose ``problem`` says why; a video that breaks
            off has one after its last frame.

        Raises:
            DataError: ``images`` is a folder without any image.
            ArgumentError: ``every`` is less than 1, ``rate`` not above 0, or both are given; or there is ``smooth`` or
                ``people`` without ``track``; a ValueError, too.
            RangeError: ``smooth`` or ``people`` is out of its range.
        """
        sampling = choose_sampling(every, rate)
        if not track and (smooth or people is not None):
            raise ArgumentError("smooth and people follow tracks; give track=True, too")
        PredictConfig(track=track, smooth=smooth, people=people)  # checks them
        sources, tracking = sources_of(images, videos), Tracking(smooth, people) if track else None
        parallel, most = self.parallel, None
        if is_at_hand(images):
            if stream:  # all cores work at one chunk: side by side, they would be divided while the caller's code runs
                return answer_in_threads(self, sources, sampling, tracking, keeps_whole=True)
            sources = several = list(sources)
            if not any(source.is_video or source.is_archive for source in several):
                parallel = 1 if len(several) == 1 else parallel
                most = -(-len(several) // parallel)
        elif stream:
            return answer_one_by_one(self, sources, sampling, tracking)
        results = []
        for result in answer_in_threads(self, sources, sampling, tracking, parallel, most):
            result.release()
            results.append(result)
        return results

    def _result(
        self,
        photo: Photo,
        faces: Sequence[Face],
        framed: Sequence[AlignedFace],
        probabilities: Sequence[NDArray[np.float32]],
    ) -> PhotoResult:
        answers = [
            prediction_of(face, aligned.image, photo.size_hw, self.class_names, shares, self.rejection_threshold)
            for face, aligned, shares in zip(faces, framed, probabilities, strict=True)
        ]
        return PhotoResult(photo, answers, self.class_names, str(self.model), self, framed)
