"""Processes and those that they have started, by Linux's /proc."""

from pathlib import Path


def descendants(root: int) -> list[int]:
    """List a process's children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, open_ids = list[int](), [root]
    while open_ids:
        open_ids += (of := children.get(open_ids.pop(), []))
        found += of
    return found
