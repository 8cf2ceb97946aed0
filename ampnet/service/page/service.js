// Asks the service that this page came from, and nobody else.

let token = null;

export function useToken(value) {
  token = value;
}

export class ServiceError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The service does not answer. Is `ampnet serve` still running?");
  }
  const content = await response.json().catch(() => null);
  if (response.ok && content) return content;
  const failed = new ServiceError(response.status, content?.error?.message ?? `the service answered ${response.status}`);
  failed.seconds = Number(response.headers.get("Retry-After")) || 1;
  throw failed;
}

export function askModel() {
  return ask("/v1/model");
}

const TRIES = 4;

// Returns the description of one photo, patiently where the service is busy.
export async function askPhoto(file, explain = false) {
  for (let left = TRIES - 1; ; left -= 1) {
    const body = new FormData();
    body.append("file", file, file.name || "pasted.png");
    try {
      return (await ask(`/v1/predict${explain ? "?explain=1" : ""}`, { method: "POST", body })).photos[0];
    } catch (error) {
      if (error.status !== 503 || left === 0) throw error;
      await new Promise((done) => setTimeout(done, 1000 * Math.min(error.seconds, 5)));
    }
  }
}

// Returns the description of a camera's frame; a busy service is no reason to keep an old frame.
export async function askFrame(blob, signal) {
  const headers = { "Content-Type": "image/jpeg" };
  return (await ask("/v1/predict", { method: "POST", headers, body: blob, signal })).photos[0];
}
