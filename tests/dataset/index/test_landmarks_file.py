"""land_marks.npy: written for the reference program, read without running anything in it."""

import io
import os
import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from ampnet.dataset.index.landmarks_file import read_labels, read_landmarks, write_landmarks
from ampnet.errors import DataError
from tests.memory import takes_at_most


def save_rows(path: Path, rows: Any, protocol: int = 4) -> None:
    """Write any object as a .npy file with an object array's header, as numpy.save does."""
    with path.open("wb") as file:
        shape = (len(rows), 2)
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
        pickle.dump(rows, file, protocol=protocol)


def write_body(path: Path, body: bytes) -> None:
    """Write a hand-made pickle as a .npy file of one row."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1, 2)})
        file.write(body)


def object_array(*rows: tuple[str, Any]) -> np.ndarray:
    array = np.empty((len(rows), 2), dtype=object)
    for target, row in zip(array, rows, strict=True):
        target[0], target[1] = row
    return array


FACE = [[70.5, 80.25], [150.0, 81.0], [112.0, 120.0], [80.0, 160.0], [140.0, 161.0]]


def test_landmarks_come_back_as_written(tmp_path: Path) -> None:
    landmarks = np.random.default_rng(0).uniform(-20, 250, (50, 5, 2)).astype(np.float32)
    names = [f"train_{i:05d}.jpg" for i in range(50)]
    write_landmarks(tmp_path / "l.npy", names, landmarks)
    read = read_landmarks(tmp_path / "l.npy")
    assert list(read) == names
    assert np.array_equal(np.stack(list(read.values())), landmarks)


def test_the_reference_program_can_load_what_we_write(tmp_path: Path) -> None:
    write_landmarks(tmp_path / "l.npy", ["a.jpg"], np.array([FACE]))
    loaded = np.load(tmp_path / "l.npy", allow_pickle=True)  # as its data loader does
    assert loaded.shape == (1, 2)
    assert loaded[0, 0] == "a.jpg"
    assert loaded[0, 1].tolist() == FACE


def test_the_file_names_no_module_that_old_numpy_lacks(tmp_path: Path) -> None:
    write_landmarks(tmp_path / "l.npy", ["numpy._core.jpg", "b.jpg"], np.array([FACE, FACE]))
    content = (tmp_path / "l.npy").read_bytes()
    assert content.count(b"cnumpy.core.multiarray\n") == 1
    assert b"cnumpy._core" not in content
    assert b"numpy._core.jpg" in content


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("points", ["float32", "float64", "list", "scalars", "flat"])
def test_files_of_other_writers_are_read(tmp_path: Path, protocol: int, points: str) -> None:
    face: Any = {
        "float32": np.array(FACE, dtype=np.float32),
        "float64": np.array(FACE, order="F"),
        "list": FACE,
        "scalars": [[np.float32(x), np.float64(y)] for x, y in FACE],
        "flat": np.array(FACE).reshape(-1),
    }[points]
    save_rows(tmp_path / "l.npy", object_array(("a_aligned.jpg", face), ("b.jpg", face)), protocol)
    read = read_landmarks(tmp_path / "l.npy")
    assert read["a_aligned.jpg"].tolist() == FACE
    assert list(read) == ["a_aligned.jpg", "b.jpg"]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize(("here", "there"), [("numpy._core", "numpy.core"), ("numpy.core", "numpy._core")])
def test_files_of_numpy_1_and_2_are_read_whichever_is_installed(
    tmp_path: Path, protocol: int, here: str, there: str
) -> None:
    save_rows(tmp_path / "l.npy", object_array(("a.jpg", np.array(FACE)), ("b.jpg", np.array(FACE))), protocol)
    content = (tmp_path / "l.npy").read_bytes()
    for module in ("multiarray", "numeric"):
        old, new = f"{here}.{module}".encode(), f"{there}.{module}".encode()
        content = content.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
        content = content.replace(b"c" + old + b"\n", b"c" + new + b"\n")
    assert f"{here}.".encode() not in content
    (tmp_path / "l.npy").write_bytes(content)
    assert [face.tolist() for face in read_landmarks(tmp_path / "l.npy").values()] == [FACE, FACE]


class Bomb:
    """Runs a command when it is unpickled the usual way."""

    def __init__(self, command: Any, *arguments: Any) -> None:
        self.call = command, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_an_executable_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "it_ran"
    save_rows(tmp_path / "l.npy", object_array(("a.jpg", Bomb(os.mkdir, str(trace)))), protocol)
    with pytest.raises(DataError, match=r"asks to run (posix|nt)\.mkdir.*was not run"):
        read_landmarks(tmp_path / "l.npy")
    assert not trace.exists()


@pytest.mark.parametrize(
    "call",
    [
        (eval, "open('ran', 'w')"),
        (exec, "open('ran', 'w')"),
        (getattr, "text", "upper"),
        (np.load, "x"),
        (pickle.loads, b"N."),
    ],
    ids=["eval", "exec", "getattr", "np.load", "pickle.loads"],
)
def test_no_function_can_be_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any) -> None:
    monkeypatch.chdir(tmp_path)
    save_rows(tmp_path / "l.npy", object_array(("a.jpg", Bomb(*call))))
    with pytest.raises(DataError, match="asks to run"):
        read_landmarks(tmp_path / "l.npy")
    assert not (tmp_path / "ran").exists()


def test_state_cannot_be_smuggled_onto_the_stand_ins(tmp_path: Path) -> None:
    # GLOBAL dtype, then BUILD with a dict of attributes for the class itself.
    write_body(tmp_path / "l.npy", b"\x80\x02cnumpy\ndtype\n}U\x05shapeK\x01sb.")
    with pytest.raises(DataError, match="state of something that has none"):
        read_landmarks(tmp_path / "l.npy")


# A tuple that names one tuple nine times, and that another, forty levels deep: to print or hash it never ends.
ENDLESS = b")" + b"".join(b"q\x00" + b"0(" + b"h\x00" * 9 + b"t" for _ in range(40))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\x80\x04(X\x01\x00\x00\x00ar\xff\xff\xff\xff]l.", "landmarks of a are not"),  # as item 4294967295 of a table
        (b"\x80\x04}" + b")" + b"\x85" * 10**6 + b"Ns.", "a tuple is used as a key"),  # hashing it needs a deep stack
        (b"\x80\x04]" + b"\x85" * 10**6 + b".", "nested too deeply"),
        (b"\x80\x04]" + b"".join(b"q\x00(" + b"h\x00" * 9 + b"l" for _ in range(30)) + b".", "repeats its content"),
        (b"\x80\x04B\xff\xff\xff\x7f.", "only 1 remain"),  # two gigabytes are announced
        (b"\x80\x04]Q.", "does not hold the 1 rows"),
        (b"(S'touch ran'\nios\nsystem\n.", "INST"),
        (b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(" + ENDLESS + b"tRC\x01xtR.", "another type"),
        (b"]q\x07h\x07a.", "nested too deeply"),
        (
            b"cnumpy._core.numeric\n_frombuffer\n(C\x04aaaacnumpy\ndtype\n(X\x02\x00\x00\x00f4tR" + ENDLESS + b"NtR.",
            "broken",
        ),
    ],
    ids=["memo", "key", "depth", "repetition", "size", "outside", "inst", "type", "itself", "shape"],
)
def test_hand_made_pickles_take_no_memory_and_no_stack(tmp_path: Path, body: bytes, message: str) -> None:
    write_body(tmp_path / "l.npy", body)
    with takes_at_most(256), pytest.raises(DataError, match=message):
        read_landmarks(tmp_path / "l.npy")


@pytest.mark.parametrize(
    "header",
    [
        b"\x93NUMPY\x02\x00" + b"\xff" * 4,  # a header of 4 GB
        b"\x93NUMPY\x02\x00" + b"\x00\x00\x00\x90",  # of 2.4 GB
        b"\x93NUMPY\x03\x00" + b"\x00\x00\x00\x90",
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118,
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (2400000000, 2), }".ljust(118),
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (-1, 2), }".ljust(118),
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9, 2), }".ljust(118),
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '\x1b[31m\\n', 'fortran_order': False, 'shape': (9, 2), }".ljust(118),
        b"PK\x03\x04",
        b"",
    ],
)
def test_headers_that_claim_what_the_file_does_not_hold_take_no_memory(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "l.npy").write_bytes(header + b"\x80\x02]." * 3)
    with takes_at_most(32), pytest.raises(DataError) as caught:
        read_landmarks(tmp_path / "l.npy")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_rows_that_all_name_one_face_are_refused_without_making_them(tmp_path: Path) -> None:
    rows = 100_000
    body = b"\x80\x02]q\x00(X\x01\x00\x00\x00aq\x01](" + b"K\x07" * 10 + b"eq\x02" + b"h\x01h\x02" * (rows - 1) + b"e."
    with (tmp_path / "l.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (rows, 2)})
        file.write(body)
    with takes_at_most(128), pytest.raises(DataError, match=r"does not hold the 100000 rows"):
        read_landmarks(tmp_path / "l.npy")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    for name, message in (("pipe.npy", "it is a pipe"), ("zero.npy", "it is a device"), ("no.npy", "No such file")):
        with pytest.raises(DataError, match=message):
            read_landmarks(tmp_path / name)


@pytest.mark.filterwarnings("ignore:Reading .*npy:UserWarning")  # NumPy, of a header that it had to repair
def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, object_array(*((f"{i}.jpg", np.array(FACE)) for i in range(4))), allow_pickle=True)
    whole = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    generator = np.random.default_rng(1)
    messages = []
    for _ in range(300):
        broken = whole[: generator.integers(8, len(whole) + 1)].copy()
        hits = generator.integers(6, len(broken), size=3)
        broken[hits] = generator.integers(0, 256, size=3)
        (tmp_path / "l.npy").write_bytes(broken.tobytes())
        try:
            read_landmarks(tmp_path / "l.npy")
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 150
    assert all(message.isprintable() and len(message) < 300 for message in messages)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (object_array(("a.jpg", FACE), ("a.jpg", FACE)), "a.jpg is listed twice"),
        (object_array(("a.jpg", FACE[:4])), "landmarks of a.jpg are not 5 x 2"),
        (object_array(("a.jpg", [[float("nan"), 1.0]] * 5)), "landmarks of a.jpg are not 5 x 2 finite"),
        (object_array(("a.jpg", "text")), "landmarks of a.jpg are not numbers"),
        (object_array(("a.jpg", [10**400] * 10)), "landmarks of a.jpg are not numbers"),
        (object_array(("a.jpg", np.full((5, 2), 1e300))), "landmarks of a.jpg are not 5 x 2 finite"),
        (object_array(("a.jpg", np.full((5, 2), np.inf))), "landmarks of a.jpg are not 5 x 2 finite"),
        (object_array(("a\x1b[31m\n.jpg", FACE[:4])), r"landmarks of a\\x1b\[31m\\n.jpg are not 5 x 2"),
        (object_array((cast(str, b"a.jpg"), FACE)), "row 0 is not a pair"),
    ],
    ids=["twice", "four points", "nan", "text", "long number", "too large", "inf", "escape sequence", "bytes name"],
)
def test_wrong_content_is_named(tmp_path: Path, rows: np.ndarray, message: str) -> None:
    save_rows(tmp_path / "l.npy", rows)
    with pytest.raises(DataError, match=message):
        read_landmarks(tmp_path / "l.npy")


def test_an_array_of_plain_numbers_is_no_landmarks_file(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match="must hold an object array"):
        read_landmarks(tmp_path / "l.npy")


def test_names_may_hold_blanks_and_lines_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "data_label.txt"
    path.write_bytes("\ufeff  a.jpg 12 \r\n\r\nb c.jpg\t0\n\x0c\nd.jpg 007".encode())
    names, labels = read_labels(path)
    assert (names, labels.tolist()) == (["a.jpg", "b c.jpg", "d.jpg"], [12, 0, 7])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("b.jpg 1000000000000", "line 2: the label 1000000000000 is above the maximum of 100"),
        ("b.jpg 101", "line 2: the label 101 is above the maximum of 100"),
        ("b.jpg " + "9" * 20, "line 2: the label 9+ is above the maximum of 100"),
        ("b.jpg " + "9" * 5_000, r"line 2: the label 9+\.\.\.9+ is above the maximum of 100"),
        ("b.jpg -1", "line 2: expected `name label`, got 'b.jpg -1'"),
        ("b.jpg nan", "line 2: expected `name label`"),
        ("b.jpg 1.0", "line 2: expected `name label`"),
        ("b.jpg \u0661", "line 2: expected `name label`"),  # a digit, but none of ours
        ("b.jpg", "line 2: expected `name label`"),
        ("x" * 100_000, r"got 'x+\.\.\.x+'"),
        ("\x1b[2Jb.jpg", r"got '\\x1b\[2Jb\.jpg'"),
        ("a.jpg 1", "a.jpg is listed twice"),
    ],
)
def test_a_line_that_is_no_name_and_label_is_quoted_in_short(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "data_label.txt"
    path.write_text(f"a.jpg 1\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=reason) as refused:
        read_labels(path)
    assert len(str(refused.value)) < len(str(path)) + 250


@pytest.mark.parametrize(("content", "reason"), [(b"caf\xe9.jpg 1\n", "not UTF-8"), (b"a\0b 1\n", "not UTF-8")])
def test_other_bytes_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "data_label.txt").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_labels(tmp_path / "data_label.txt")


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data_label.txt")
    with pytest.raises(DataError, match="it is a pipe"):
        read_labels(tmp_path / "data_label.txt")
