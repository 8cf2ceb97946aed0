import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys, torch
from ampnet.runtime.memory import keep_freed_memory
assert sys.argv[1] == "default" or keep_freed_memory()
def step():
    return [torch.ones(12_000_000) for _ in range(4)]  # 48 MB each
for _ in range(8):  # the heap grows for up to four steps, by how threads divide the work
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_kept_memory_is_not_fetched_again():
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", STEPS, mode], capture_output=True, check=True).stdout)
        for mode in ("default", "kept")
    }
    assert faults["default"] > 10_000  # 192 MB in pages of 4 kB, each time anew
    assert faults["kept"] < faults["default"] / 20
