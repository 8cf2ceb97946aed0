"""Repeat the kills of a Ray actor and of the driver: python -m benchmarks.ray_kills [TIMES]; ends at a failure."""

import subprocess
import sys

TESTS = "tests/cluster/test_ray.py"


def main(times: int) -> None:
    """Run the tests of kills again and again."""
    for number in range(1, times + 1):
        code = subprocess.call([sys.executable, "-m", "pytest", "-q", TESTS, "-k", "killed"])
        print(f"{number} of {times}: {'passed' if code == 0 else 'FAILED'}", flush=True)
        if code:
            sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
