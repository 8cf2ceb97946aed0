"""A client that openapi-typescript makes from the service's description compiles, and its types are the answer's."""

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.node import npm_folder
from tests.service.running import running
from tests.small_checkpoint import small_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.soak]

CLIENT = """
import createClient from "openapi-fetch";
import type { paths } from "./service";

const client = createClient<paths>({ baseUrl: "http://localhost:8000" });

export async function labels(photo: Blob): Promise<string[]> {
  const body = new FormData();
  body.append("file", photo);
  const { data, error } = await client.POST("/v1/predict", { body: body as never });
  if (!data || typeof data === "string") throw new Error(error?.error.message); // a string: with annotate, a JPEG
  return data.photos.flatMap((one) => one.faces.map((face) => `${face.label} ${face.probability.toFixed(2)}`));
}

export async function classes(): Promise<string[]> {
  const { data } = await client.GET("/v1/model");
  return data?.class_names ?? [];
}
"""


def test_a_generated_client_compiles(tmp_path: Path) -> None:
    packages = npm_folder("openapi-typescript", "openapi-fetch", "typescript@5")
    checkpoint = small_checkpoint(tmp_path / "run")
    with running(tmp_path, "--checkpoint", str(checkpoint), "--runtime", "torch", "--gpus", "0") as service:
        (packages / "openapi.json").write_text(httpx.get(f"{service.address}openapi.json").text)
    (packages / "client.ts").write_text(CLIENT)
    tools = packages / "node_modules" / ".bin"
    strict = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom")
    commands: tuple[list[str | Path], ...] = (
        [tools / "openapi-typescript", "openapi.json", "-o", "service.ts"],
        [tools / "tsc", *strict, "--module", "nodenext", "client.ts"],
    )
    for command in commands:
        done = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=120, env=dict(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr
