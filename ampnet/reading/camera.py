"""Frames of a camera, the latest only, and a window that shows pictures."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from ampnet.errors import DataError
from ampnet.media.images import Image
from ampnet.reading.video import Frame

_QUIT_KEYS = (ord("q"), 27)  # 27 is Esc
_PROBE = "import cv2; cv2.namedWindow('ampnet'); cv2.waitKey(1)"
_PROBE_SECONDS = 30.0


class LatestFrames:
    """The latest frame of a capture, each at most once; frames that come while the last one is in use are dropped.

    Args:
        capture: an open capture, read in its own thread until :meth:`close`.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._news = threading.Condition()
        self._latest: Frame | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the latest frame whenever there is a new one, until the capture ends."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._latest is not None or self._is_over)
                frame, self._latest = self._latest, None
            if frame is None:
                return
            yield frame

    def join(self) -> None:
        """Wait until the capture ends by itself."""
        self._thread.join()

    def close(self) -> None:
        """Stop reading, and give the camera back."""
        with self._news:
            self._is_over = True
        self._thread.join(timeout=5)
        if not self._thread.is_alive():  # a capture must not be released while it is read
            self._capture.release()

    def _read(self) -> None:
        start, number = time.monotonic(), 0
        while not self._is_over:
            is_read, bgr = self._capture.read()
            with self._news:
                if is_read:
                    image = np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)
                    self._latest = Frame(number, time.monotonic() - start, image, (image.shape[0], image.shape[1]))
                else:
                    self._is_over = True
                self._news.notify()
            number += 1


@contextmanager
def open_camera(number: int) -> Iterator[LatestFrames]:
    """Open a camera, which is given back with the end of the block.

    Args:
        number: of the camera, from 0.

    Raises:
        DataError: it does not answer, or gives no picture.
    """
    set_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel  # OpenCV 4, or 5
    level = set_level(0)  # silent: our line says more about a missing one
    try:
        capture = cv2.VideoCapture(number)
        is_answering = capture.isOpened() and capture.read()[0]
    finally:
        set_level(level)
    if not is_answering:
        capture.release()
        raise DataError(f"cannot open camera {number}; check that it is connected, not in use, and permitted")
    frames = LatestFrames(capture)
    try:
        yield frames
    finally:
        frames.close()


def require_display() -> None:
    """Try to open a window in a separate process: without a display, OpenCV ends the process that asks for one.

    Raises:
        DataError: windows cannot be opened here.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DataError("cannot open a window: there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, check=False, timeout=_PROBE_SECONDS, text=True
        )
    except subprocess.TimeoutExpired:
        raise DataError("cannot open a window: the display does not answer") from None
    if "not implemented" in probe.stderr:
        raise DataError(
            "cannot open a window: this OpenCV was built without them; pip uninstall opencv-python-headless, "
            "then pip install --force-reinstall opencv-python"
        )
    if probe.returncode != 0:
        raise DataError("cannot open a window: the display refused; set DISPLAY and XAUTHORITY as in a desktop session")


class Window:
    """A window on the screen; see :func:`require_display`."""

    def __init__(self, title: str) -> None:
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # opencv's Qt misses fonts that it needs not
        self._title = title
        self._is_sized = False
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def show(self, image: Image) -> bool:
        """Show a picture, ``(H, W, 3)`` RGB uint8; return False if q, Esc or the window's close button was pressed."""
        if not self._is_sized:
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._is_sized = True
        cv2.imshow(self._title, np.ascontiguousarray(image[:, :, ::-1]))
        if cv2.waitKey(1) & 0xFF in _QUIT_KEYS:
            return False
        return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
