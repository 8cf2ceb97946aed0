// The page: takes photos in, asks the service, shows its answers.

import { Camera } from "./camera.js";
import { PhotoCard } from "./photo.js";
import { askModel, useToken } from "./service.js";

const find = (id) => document.getElementById(id);
const LOCAL = ["localhost", "127.0.0.1", "[::1]"];
let model = null;
let queue = Promise.resolve();

function report(words) {
  find("status").textContent = words;
}

function alarm(message, error) {
  find("alert").textContent = message;
  find("alert").hidden = !message;
  if (error?.status === 401) find("token-form").hidden = false;
}

function take(files) {
  alarm("");
  for (const file of files) {
    const card = new PhotoCard(file, () => model?.can_explain ?? true, report);
    find("results").prepend(card.element);
    queue = queue.then(() => card.load()).catch((error) => alarm(error.message, error));
  }
}

async function introduce() {
  try {
    model = await askModel();
    find("token-form").hidden = true;
    alarm("");
    find("model").textContent = `Model ${model.name}, ampnet ${model.ampnet}. Classes: ${model.class_names.join(", ")}.`;
  } catch (error) {
    alarm(error.message, error);
  }
}

const isLocal = LOCAL.includes(location.hostname);
find("privacy").textContent = isLocal
  ? "Photos stay on this machine: the service on it looks at them, and keeps none."
  : `Photos go to ${location.hostname}, and nowhere else: the service there looks at them, and keeps none.`;

const files = find("files");
find("choose").addEventListener("click", () => files.click());
files.addEventListener("change", () => {
  take([...files.files]);
  files.value = "";
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) find("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop").classList.remove("over");
  take([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const pasted = [...event.clipboardData.files];
  if (pasted.length) take(pasted);
});
const camera = new Camera(report, alarm);
find("camera-start").addEventListener("click", () => {
  alarm("");
  camera.start();
});
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(find("token").value);
  introduce();
});
introduce();
