"""From photos to expressions, whatever runs the networks: detect, frame, classify."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from ampnet.config import FacePolicy
from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.multiscale import MAX_LONG_SIDE
from ampnet.detection.retries import detect_with_retries
from ampnet.errors import ConfigError, ImageError
from ampnet.faces.alignment import AlignedFace, Image, source_side
from ampnet.faces.framing import Framing, frame_face
from ampnet.faces.sharpness import blurriness
from ampnet.media.decoding import Decoded
from ampnet.media.download import is_url
from ampnet.media.printable import one_line
from ampnet.prediction.face_prediction import NOT_SURE, FacePrediction
from ampnet.prediction.face_warnings import visible_share
from ampnet.prediction.inputs import CHUNK_IMAGES, CHUNK_PIXELS, Photo, PhotoInput, is_photo, take_photo
from ampnet.prediction.photo_result import PhotoResult

if TYPE_CHECKING:
    from ampnet.prediction.explanation import Explanation

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

    @overload
    def predict(  # type: ignore[overload-overlap]  # text and arrays are iterable, but one photo
        self, images: Photo, stream: Literal[False] = False
    ) -> PhotoResult: ...
    @overload
    def predict(self, images: Iterable[Photo], stream: Literal[False] = False) -> list[PhotoResult]: ...
    @overload
    def predict(self, images: Photo | Iterable[Photo], stream: Literal[True]) -> Iterator[PhotoResult]: ...
    def predict(
        self, images: Photo | Iterable[Photo], stream: bool = False
    ) -> PhotoResult | list[PhotoResult] | Iterator[PhotoResult]:
        """Detect and classify the faces in one photo or several.

        Results do not depend on the other photos. EXIF rotation is applied, and pixels count from the upright photo's
        top left corner.

        Args:
            images: a photo, or an iterable of photos. A photo is a path, an http(s)
                address as text (see :mod:`ampnet.media.download`), the content of an image file (bytes, or a file
                object opened with ``rb``), a PIL image, a NumPy array (``(H, W, 3)`` RGB or ``(H, W)`` grey,
                uint8 or floating point in [0, 1]), or a torch tensor with such pixels (``(3, H, W)`` or
                ``(H, W, 3)``). An array or tensor with four axes holds several photos.
            stream: return an iterator that reads each photo when its result is asked for, so that memory stays
                bounded if neither the iterable nor its consumer keeps them.

        Returns:
            One result for one photo, a list for several. In an iterable, a photo that cannot be read has a result
            without faces, whose ``problem`` says why.

        Raises:
            ImageError: ``images`` is a single photo that cannot be read.
        """
        if is_photo(images):
            (result,) = self._results([_open(cast(Photo, images), "photo")])
            if result.problem is not None:
                raise ImageError(result.problem)
            return iter([result]) if stream else result
        several = cast(Iterable[Photo], images)
        opened = (_open(photo, f"photo {number}") for number, photo in enumerate(several, start=1))
        if stream:
            return (self._results([photo])[0] for photo in opened)
        return [result for chunk in _in_chunks(opened) for result in self._results(chunk)]

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

    def _results(self, photos: Sequence["_OpenPhoto"]) -> list[PhotoResult]:
        opened = [photo for photo in photos if photo.decoded is not None]
        images = [photo.decoded.image for photo in opened if photo.decoded is not None]
        sizes = [photo.decoded.size_hw for photo in opened if photo.decoded is not None]
        found = iter(self.find_faces(images, [photo.whole for photo in opened], photo_hw=sizes))
        return [photo.result(next(found) if photo.decoded else [], self) for photo in photos]

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
        )


@dataclass(frozen=True, eq=False)
class _OpenPhoto:
    """A photo with its pixels, or the reason why it has none."""

    name: str
    photo: PhotoInput | None
    decoded: Decoded | None
    problem: str | None = None

    @property
    def whole(self) -> Callable[[], Image] | None:
        """Decodes the whole photo, if it was reduced."""
        photo, decoded = self.photo, self.decoded
        if photo is None or decoded is None or decoded.image.shape[:2] == decoded.size_hw:
            return None
        return lambda: photo.decode().image

    def result(self, faces: list[FacePrediction], predictor: PhotoPredictor) -> PhotoResult:
        class_names = predictor.class_names
        if self.decoded is None:
            return PhotoResult(self.photo, self.name, [], None, class_names, self.problem)
        size_hw, decoded_hw = self.decoded.size_hw, (self.decoded.image.shape[0], self.decoded.image.shape[1])
        if decoded_hw != size_hw:
            faces = [face.enlarged(decoded_hw, size_hw) for face in faces]
        explainer = predictor.explain_faces
        return PhotoResult(self.photo, self.name, faces, size_hw, class_names, explainer=explainer)


def _open(given: Photo, name: str) -> _OpenPhoto:
    photo = None
    name = one_line(given) if is_url(given) else name
    try:
        photo = take_photo(given, name)
        return _OpenPhoto(photo.name, photo, photo.decode(MAX_LONG_SIDE))
    except ImageError as error:
        return _OpenPhoto(name if photo is None else photo.name, photo, None, str(error))


def _in_chunks(photos: Iterable[_OpenPhoto]) -> Iterator[list[_OpenPhoto]]:
    chunk: list[_OpenPhoto] = []
    pixels = 0
    for photo in photos:
        chunk.append(photo)
        pixels += 0 if photo.decoded is None else photo.decoded.image.shape[0] * photo.decoded.image.shape[1]
        if len(chunk) == CHUNK_IMAGES or pixels >= CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk
