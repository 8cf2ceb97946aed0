// One photo: the picture with its faces, and the answer about the chosen one.

import { answerPanel, faceMark, faceNumber, html, inWords, svg } from "./elements.js";
import { askPhoto } from "./service.js";
import { whyPanel } from "./why.js";

const HIGHEST = 80; // of a picture, in percent of the screen

export class PhotoCard {
  constructor(file, canExplain, report, again) {
    this.file = file;
    this.canExplain = canExplain;
    this.report = report;
    this.again = again;
    this.name = file.name || "pasted photo";
    this.url = URL.createObjectURL(file);
    this.chosen = 0;
    this.isExplained = false;
    this.body = html("div");
    this.wait("Finding the faces …");
    const title = html("h2", {}, this.name);
    const remove = html("button", { type: "button", "aria-label": `Remove ${this.name}`, onclick: () => this.remove() }, "Remove");
    this.element = html("article", { class: "card", "aria-label": this.name }, html("div", { class: "row" }, title, remove), this.body);
  }

  remove() {
    URL.revokeObjectURL(this.url);
    this.element.remove();
    document.getElementById("results").focus();
  }

  wait(words) {
    this.body.replaceChildren(html("p", { class: "note" }, words));
  }

  async load() {
    if (!this.element.isConnected) return; // removed while it waited for its turn
    try {
      this.show(await askPhoto(this.file, { onBusy: () => this.wait("The service is busy; trying again …") }));
    } catch (error) {
      const again = () => {
        this.wait("Finding the faces …");
        this.element.querySelector("button").focus();
        this.again();
      };
      this.problem(error.message, html("p", { class: "again" }, html("button", { type: "button", onclick: again }, "Try again")));
      throw error;
    }
  }

  problem(message, ...more) {
    this.body.replaceChildren(html("p", { class: "problem" }, message), ...more);
    this.report(`${this.name}: ${message}`);
  }

  show(photo) {
    if (photo.status === "unreadable") {
      this.problem(photo.problem);
      return;
    }
    this.photo = photo;
    const count = photo.faces.length;
    const words = photo.faces.map((face, index) => `Face ${index + 1}: ${inWords(face)}.`).join(" ");
    this.report(`${this.name}: ${count === 0 ? "no face found" : `${count} ${count === 1 ? "face" : "faces"}. ${words}`}`);
    this.overlay = svg("svg", { class: "overlay", viewBox: `0 0 ${photo.width} ${photo.height}`, "aria-hidden": "true" });
    const image = html("img", { src: this.url, alt: `${this.name}, with ${count} ${count === 1 ? "face" : "faces"} found`, width: photo.width, height: photo.height });
    image.addEventListener("error", () => image.replaceWith(html("p", { class: "note" }, "Your browser cannot show this format; the answer is still valid.")));
    this.picture = html("div", { class: "picture" }, image, this.overlay);
    this.picture.style.maxWidth = `${(HIGHEST * photo.width) / photo.height}vh`;
    this.panel = html("div", { class: "panel" });
    this.why = html("div");
    this.body.replaceChildren(
      ...photo.warnings.map((warning) => html("p", { class: "warning" }, warning)),
      html("div", { class: "split" }, this.picture, this.panel),
      this.why);
    this.draw();
  }

  choose(index) {
    this.chosen = index;
    const hadFocus = this.panel.contains(document.activeElement);
    this.draw();
    if (hadFocus) this.panel.querySelectorAll(".faces button")[index]?.focus();
  }

  draw() {
    const { faces, width, height } = this.photo;
    if (!faces.length) {
      this.panel.replaceChildren(html("p", { class: "answer" }, "No face found"), html("p", { class: "note" }, "A larger or sharper photo of the face may help."));
      return;
    }
    this.overlay.replaceChildren(...faces.map((face, index) => faceMark(face, index === this.chosen, () => this.choose(index))));
    this.picture.querySelectorAll(".chip").forEach((chip) => chip.remove());
    if (faces.length > 1) this.picture.append(...faces.map((face, index) => faceNumber(face, index + 1, this.photo, index === this.chosen)));
    const face = faces[this.chosen];
    const buttons = faces.map((each, index) => html("button", {
      type: "button", "aria-pressed": String(index === this.chosen), "aria-label": `Face ${index + 1}: ${each.answer}`, onclick: () => this.choose(index),
    }, `${index + 1}`));
    const choice = faces.length > 1 ? [html("div", { class: "faces", role: "group", "aria-label": "Faces" }, "Face", ...buttons)] : [];
    const why = html("button", { type: "button", class: "why-button", "aria-pressed": String(this.isExplained), onclick: () => this.toggleWhy() }, "Why?");
    this.panel.replaceChildren(...choice, ...answerPanel(face), ...(this.canExplain() ? [why] : []));
    this.why.replaceChildren(...(this.isExplained && face.explanation ? [whyPanel(face, { url: this.url, width, height })] : []));
  }

  async toggleWhy() {
    this.isExplained = !this.isExplained;
    if (this.isExplained && !this.photo.faces[0].explanation) {
      this.why.replaceChildren(html("p", { class: "note" }, "Explaining the answer …"));
      try {
        this.photo = await askPhoto(this.file, { explain: true });
      } catch (error) {
        this.isExplained = false;
        this.draw();
        this.why.replaceChildren(html("p", { class: "problem", role: "alert" }, error.message));
        return;
      }
    }
    this.draw();
    this.panel.querySelector(".why-button")?.focus();
  }
}
