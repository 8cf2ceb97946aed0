"""Joining the sound of one video with the frames of another, in a separate process, as for decoding.

The index of the result is at its front, so that a browser plays it while it arrives.
"""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from ampnet.errors import DataError
from ampnet.files.child_process import start_isolated
from ampnet.files.opening import open_regular
from ampnet.media.sound_muxer import MuxOrder
from ampnet.media.video import MAX_BYTES

TIME_LIMIT = 3600.0
"""Seconds. Copying an hour of video takes a few; other sound is encoded at a few hundred times its pace."""

NO_SOUND = "no sound in the original"
KEPT = "sound kept"
UNREADABLE = "without the sound, which cannot be read"


def add_sound(silent: Path, target: Path, sound_of: Path | None) -> str:
    """Write the frames of one file and the sound of another to a third; needs PyAV.

    Args:
        silent: an MP4 file of ours.
        target: file to write, in the same folder.
        sound_of: any video; None for no sound. If its sound cannot be read, the target gets none.

    Returns:
        :data:`KEPT`, :data:`NO_SOUND` or :data:`UNREADABLE`.
    """
    if sound_of is not None:
        try:
            if answer := _mux(silent, target, sound_of):
                return answer
        except DataError:
            pass
    _mux(silent, target, None)
    return NO_SOUND if sound_of is None else UNREADABLE


def _mux(silent: Path, target: Path, sound_of: Path | None) -> str:
    """Return what became of the sound; empty if the process failed."""
    with ExitStack() as opened:
        source = -1 if sound_of is None else opened.enter_context(open_regular(sound_of, MAX_BYTES)).fileno()
        order = MuxOrder(silent.name, target.name, source)
        process = start_isolated(
            order,
            pass_fds=() if source < 0 else (source,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=silent.absolute().parent,  # so that both names are plain, whatever the folder's is
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with process.stdin, process.stdout:  # stdin stays open until the end: its end ends the child
                process.wait(TIME_LIMIT)
                answer = process.stdout.read()
        except subprocess.TimeoutExpired:
            answer = b""
        finally:
            process.kill()
            process.wait()
    words = {b"kept": KEPT, b"none": NO_SOUND}
    return words.get(answer, "")
