"""From photos to expressions, whatever runs the networks: detect, frame, classify."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face
from ampnet.detection.retries import detect_with_retries
from ampnet.errors import ConfigError, ImageError
from ampnet.faces.alignment import AlignedFace, Image
from ampnet.faces.framing import Framing, frame_face
from ampnet.media.decoding import Decoded
from ampnet.prediction.face_prediction import NOT_SURE, FacePrediction
from ampnet.prediction.inputs import CHUNK_IMAGES, CHUNK_PIXELS, Photo, PhotoInput, is_photo, take_photo
from ampnet.prediction.photo_result import PhotoResult

if TYPE_CHECKING:
    from ampnet.inference.contributions import Contributions

__all__ = ["NOT_SURE", "FacePrediction", "PhotoPredictor", "PhotoResult"]


class PhotoPredictor(ABC):
    """A face detector and a classifier, for photos of any size."""

    detector: AnySizeDetector
    class_names: tuple[str, ...]
    """In the order of all scores."""
    framing: Framing
    """How the classifier's training faces were framed."""
    rejection_threshold: float = 0.0
    """Faces whose most probable class is less probable get the answer "not sure"; 0 never rejects."""

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
            images: a photo, or an iterable of photos. A photo is a path, the content of an image file (bytes, or a
                file object opened with ``rb``), a PIL image, a NumPy array (``(H, W, 3)`` RGB or ``(H, W)`` grey,
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

    def find_faces(self, images: Sequence[Image], most: int | None = None) -> list[list[FacePrediction]]:
        """Detect and classify the faces in each photo, all at once.

        Args:
            images: ``(H, W, 3)`` RGB uint8, of any size.
            most: classify at most as many faces of a photo, those with the best detection scores; None: all.

        Returns:
            The faces in each photo, best detection score first; empty if there are none.
        """
        found = [list(detection.faces[:most]) for detection in detect_with_retries(self.detector, images)]
        framed = [
            frame_face(image, face.landmarks, self.framing)
            for image, faces in zip(images, found, strict=True)
            for face in faces
        ]
        probabilities = iter(self.classify(framed))
        return [[self._prediction(face, next(probabilities)) for face in faces] for faces in found]

    def explain_faces(self, image: Image, faces: Sequence[FacePrediction]) -> "Contributions":  # noqa: ARG002
        """Take the logits of at least one face of a decoded photo apart.

        Raises:
            ConfigError: the network cannot be taken apart.
        """
        raise ConfigError("cannot explain: an exported network gives its answers only; use ampnet.Predictor")

    def _results(self, photos: Sequence["_OpenPhoto"]) -> list[PhotoResult]:
        found = iter(self.find_faces([photo.decoded.image for photo in photos if photo.decoded is not None]))
        return [photo.result(next(found) if photo.decoded else [], self) for photo in photos]

    def _prediction(self, face: Face, probabilities: NDArray[np.float32]) -> FacePrediction:
        best = int(probabilities.argmax())
        scores = dict(zip(self.class_names, probabilities.tolist(), strict=True))
        label = self.class_names[best]
        return FacePrediction(face, label, scores[label], scores, self.rejection_threshold)


@dataclass(frozen=True, eq=False)
class _OpenPhoto:
    """A photo with its pixels, or the reason why it has none."""

    name: str
    photo: PhotoInput | None
    decoded: Decoded | None
    problem: str | None = None

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
    try:
        photo = take_photo(given, name)
        return _OpenPhoto(photo.name, photo, photo.decode())
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
