// Sends requests only to the service that this page came from.

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

async function send(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  try {
    return await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The service does not answer. Is `ampnet serve` still running?");
  }
}

async function ask(path, options = {}) {
  const response = await send(path, options);
  const content = await response.json().catch(() => null);
  if (response.ok && content) return content;
  const failed = new ServiceError(response.status, content?.error?.message ?? `the service answered ${response.status}`);
  if (response.status === 401) failed.message = token ? "This is not the service's token." : "This service requires a token.";
  failed.seconds = Number(response.headers.get("Retry-After")) || 1;
  throw failed;
}

export function askModel() {
  return ask("/v1/model");
}

// Returns the elements of the model card, or null if the model has none.
export async function askCard() {
  const response = await send("/v1/card");
  if (!response.ok) return null;
  const card = new DOMParser().parseFromString(await response.text(), "text/html");
  return [...card.querySelector(".model-card").children].map((element) => document.importNode(element, true));
}

const TRIES = 4;

// Returns the description of one photo; where the service is busy, tells so and tries again.
export async function askPhoto(file, { explain = false, onBusy = () => {} } = {}) {
  for (let left = TRIES - 1; ; left -= 1) {
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new ServiceError(400, "This file cannot be read: it is a folder, or has been changed or moved.");
    });
    const body = new FormData();
    body.append("file", file, file.name || "pasted.png");
    try {
      return (await ask(`/v1/predict${explain ? "?explain=1" : ""}`, { method: "POST", body })).photos[0];
    } catch (error) {
      if (error.status !== 503 || left === 0) throw error;
      onBusy();
      await new Promise((done) => setTimeout(done, 1000 * Math.min(error.seconds, 5)));
    }
  }
}

// Returns the description of a camera's frame; a busy service is no reason to keep an old frame.
export async function askFrame(blob, signal) {
  const headers = { "Content-Type": "image/jpeg" };
  return (await ask("/v1/predict", { method: "POST", headers, body: blob, signal })).photos[0];
}
