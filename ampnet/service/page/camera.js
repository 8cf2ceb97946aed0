// The camera: a frame is sent when the answer about the one before is there.

import { answerPanel, faceMark, html, inWords } from "./elements.js";
import { askFrame } from "./service.js";
import { Timeline } from "./timeline.js";

const [WIDTH, HEIGHT, QUALITY] = [640, 480, 0.8];
const ANNOUNCE_MS = 4000;
const RATE_MS = 3000;

const PROBLEMS = {
  NotAllowedError: "The browser blocks the camera on this page; allow it in the settings of this page.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera does not start: another program may be using it.",
};
const GONE = "The camera was disconnected or is no longer allowed.";

// Waits for the first of some events, or for the end of a run: [[target, name], ...].
function anyOf(events, signal) {
  const ended = new AbortController();
  return new Promise((done) => {
    for (const [target, name] of [...events, [signal, "abort"]]) target.addEventListener(name, done, { signal: ended.signal });
  }).finally(() => ended.abort());
}

export class Camera {
  constructor(report, alarm) {
    const find = (id) => document.getElementById(id);
    this.report = report;
    this.alarm = alarm;
    this.section = find("camera");
    this.video = find("video");
    this.overlay = find("camera-overlay");
    this.answer = find("camera-answer");
    this.rate = find("camera-rate");
    this.timeline = new Timeline(find("timeline"));
    this.opener = find("camera-start");
    this.canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    this.run = null;
    find("camera-stop").addEventListener("click", () => this.stop());
  }

  async start() {
    if (this.run) return;
    if (!navigator.mediaDevices) {
      this.alarm("Browsers allow the camera only on pages of this machine or over https.");
      return;
    }
    const run = (this.run = new AbortController());
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: WIDTH, height: HEIGHT }, audio: false });
      if (run.signal.aborted) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      const [track] = stream.getVideoTracks();
      track.addEventListener("ended", () => {
        if (run.signal.aborted) return;
        this.stop();
        this.alarm(GONE);
      });
      this.video.srcObject = stream;
      this.section.hidden = false;
      await this.video.play();
      await this.loop(run, track);
    } catch (error) {
      if (run.signal.aborted) return;
      this.stop();
      const isOfService = error.status !== undefined;
      this.alarm(isOfService ? error.message : (PROBLEMS[error.name] ?? `The camera cannot be used: ${error.message}`), error);
    }
  }

  stop() {
    this.run?.abort();
    this.run = null;
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.timeline.clear();
    this.answer.replaceChildren();
    this.rate.textContent = "";
    const hadFocus = this.section.contains(document.activeElement);
    this.section.hidden = true;
    if (hadFocus) this.opener.focus();
  }

  async loop({ signal }, track) {
    const times = [];
    while (!signal.aborted) {
      if (document.hidden || track.muted) {
        this.rate.textContent = document.hidden ? "paused" : "no picture from the camera";
        await anyOf([[document, "visibilitychange"], [track, "unmute"]], signal);
        continue;
      }
      const photo = await this.look(signal);
      if (signal.aborted) return;
      const now = performance.now();
      if (!photo) continue;
      times.push(now);
      while (times[0] < now - RATE_MS) times.shift();
      const seconds = (now - times[0]) / 1000;
      if (seconds > 0) this.rate.textContent = `${((times.length - 1) / seconds).toFixed(0)} answers a second`;
      this.show(photo, now);
    }
  }

  async look(signal) {
    const context = this.canvas.getContext("2d");
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, WIDTH / videoWidth, HEIGHT / videoHeight);
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    context.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    const blob = await new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
    try {
      return await askFrame(blob, signal);
    } catch (error) {
      if (error.status !== 503) throw error;
      this.rate.textContent = "the service is busy";
      await new Promise((done) => setTimeout(done, 1000 * error.seconds));
      return null;
    }
  }

  show(photo, now) {
    this.overlay.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
    const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);
    const nearest = photo.faces.reduce((best, face) => (!best || area(face) > area(best) ? face : best), null);
    this.overlay.replaceChildren(...photo.faces.map((face) => faceMark(face, face === nearest)));
    this.timeline.add(now, nearest?.scores ?? null);
    this.answer.replaceChildren(...(nearest ? answerPanel(nearest) : [html("p", { class: "answer" }, "No face found")]));
    const words = nearest ? nearest.answer : "no face found";
    if (words !== this.said && now > (this.saidAt ?? 0) + ANNOUNCE_MS) {
      [this.said, this.saidAt] = [words, now];
      this.report(`Camera: ${nearest ? inWords(nearest) : words}`);
    }
  }
}
