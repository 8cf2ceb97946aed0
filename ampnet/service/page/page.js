// The page: takes photos in, asks the service, shows its answers.

import { describeModel, privacyNote } from "./about.js";
import { Camera } from "./camera.js";
import { PhotoCard } from "./photo.js";
import { askModel, useToken } from "./service.js";

const find = (id) => document.getElementById(id);
const WHOLE_PAGE = [0, 401]; // no service, no token
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

// Photos are asked about one after the other; what concerns more than one of them is said at the top.
function ask(card) {
  queue = queue.then(() => card.load()).catch((error) => {
    if (WHOLE_PAGE.includes(error.status)) alarm(error.message, error);
  });
}

function take(files) {
  alarm("");
  const cards = files.map((file) => {
    const card = new PhotoCard(file, () => model?.can_explain ?? true, report, () => {
      alarm("");
      ask(card);
    });
    return card;
  });
  find("results").prepend(...cards.map(({ element }) => element)); // the first one on top, which is answered first
  cards.forEach(ask);
}

async function introduce() {
  try {
    model = await askModel();
    find("token-form").hidden = true;
    alarm("");
    describeModel(find("about"), model);
  } catch (error) {
    alarm(error.message, error);
  }
  find("privacy").textContent = privacyNote(model);
}

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
