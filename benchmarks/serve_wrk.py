"""Saturation of `ampnet serve` as wrk measures it (`apt install wrk`): a check of our own clients."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local threads = {}
local requests = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(paths)
  answered, busy, failed = 0, 0, 0
  for _, path in ipairs(paths) do
    local file = io.open(path, "rb")
    table.insert(requests, wrk.format("POST", nil, { ["Content-Type"] = "image/jpeg" }, file:read("*a")))
    file:close()
  end
end

function request()
  return requests[math.random(#requests)]
end

function response(status)
  if status == 200 then answered = answered + 1
  elseif status == 503 then busy = busy + 1
  else failed = failed + 1 end
end

function done(summary, latency)
  local total = { 0, 0, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout }
  for _, thread in ipairs(threads) do
    for place, name in ipairs({ "answered", "busy", "failed" }) do total[place] = total[place] + thread:get(name) end
  end
  local numbers = { summary.duration, total[1], total[2], total[3], latency:percentile(50), latency:percentile(99) }
  io.write("measured " .. table.concat(numbers, " ") .. "\\n")
end
"""


@dataclass(frozen=True)
class Measured:
    """What wrk saw."""

    rate: float
    """Answers per second."""
    busy: int
    """Answers with 503."""
    errors: int
    """Requests that ended neither with an answer nor with 503."""
    p50: float
    """Median of the times, in seconds."""
    p99: float
    """99th percentile of the times, in seconds."""


def saturate_with_wrk(address: str, photos: list[bytes], clients: int, seconds: float) -> Measured | None:
    """Have wrk send one photo after the other on each of so many kept connections; None where there is no wrk.

    Args:
        address: of the service.
        photos: JPEG files, of which each request takes one at random.
        clients: connections.
        seconds: how long, in whole seconds.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "photos.lua"
        script.write_text(SCRIPT)
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(photos))]
        for path, photo in zip(paths, photos, strict=True):
            path.write_bytes(photo)
        amount = ("--threads", "1", "--connections", str(clients), "--duration", f"{max(round(seconds), 1)}s")
        command = (wrk, *amount, "--timeout", "60s", "--script", str(script), f"{address}v1/predict", "--")
        finished = subprocess.run((*command, *map(str, paths)), capture_output=True, text=True, check=True)
    line = next(line for line in finished.stdout.splitlines() if line.startswith("measured "))
    microseconds, answered, busy, errors, p50, p99 = map(float, line.split()[1:])
    return Measured(answered / microseconds * 1e6, int(busy), int(errors), p50 / 1e6, p99 / 1e6)
