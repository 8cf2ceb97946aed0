"""Notices and progress are lines of bounded length, whatever the files and classes are called."""

import sys
import time

from pipelines.progress import notices, progress_bar

FORGED = "\x1b[2J\nampnet: all is well [bold]:smile:[/bold] "


def test_a_notice_is_one_line_without_commands_to_the_terminal(capsys):
    notices().print(f"model: {FORGED}{'x' * 5000}", markup=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("model: \\x1b[2J\\nampnet: all is well [bold]:smile:[/bold] xxx")
    assert line.isprintable()
    assert len(line) == 300


def test_the_line_of_a_bar_is_bounded_too(capsys):
    with progress_bar(notices())(FORGED * 50, 2) as advance:
        advance(2, note=(FORGED * 50).strip())  # Rich 13.7 drops the last space
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert len(line) == 300


def test_progress_is_finite_and_never_more_than_all(capsys):
    with progress_bar(notices())("predict", 2):
        pass
    with progress_bar(notices())("predict", 2) as advance:
        advance(3)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == ["predict: 0/2", "predict: 3/3"]
    with progress_bar(notices())("predict", 0):
        pass
    assert "inf" not in capsys.readouterr().err


def test_the_rate_and_the_time_left_of_a_resumed_run_are_its_own(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 10.0, 10.0, 110.0, 110.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 110.0))
    with progress_bar(notices())("prepare", 1000, 900) as advance:
        advance(10)
        advance(90)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "prepare: 910/1000, 1.0/s, 90 s left"
    assert last == "prepare: 1000/1000, 0.9/s, 0 s left"  # 100 images in 110 s


def test_a_live_bar_escapes_its_texts(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console = notices()
    console.width = 400
    with progress_bar(console)(FORGED, 2) as advance:
        advance(1, note=FORGED)
    shown = capsys.readouterr().err
    assert "\\x1b[2J\\nampnet: all is well [bold]:smile:[/bold]" in shown
    assert "\x1b[2J" not in shown


def test_a_quiet_console_says_nothing(capsys):
    notices(quiet=True).print("model: bundled")
    with progress_bar(notices(quiet=True))("eval", 1) as advance:
        advance()
    assert capsys.readouterr().err == ""
