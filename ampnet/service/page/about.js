// What the page says about the service and its model.

import { html, percent } from "./elements.js";
import { askCard } from "./service.js";

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const RUNTIMES = { onnx: "ONNX Runtime", torch: "PyTorch" };

// Says where photos go; they stay here for certain only if no other machine can reach the service.
export function privacyNote(model) {
  if (model?.privacy) return model.privacy; // a page without a service
  return model?.is_local && LOOPBACK.test(location.hostname)
    ? "Photos stay on this machine, and its service keeps none of them."
    : `Photos are sent only to the service at ${location.host}, which keeps none of them.`;
}

function facts(model) {
  const threshold = model.rejection_threshold;
  return {
    Model: model.name,
    Classes: model.class_names.join(", "),
    "Not sure": threshold > 0 ? `below a probability of ${percent(threshold)}` : "never: the model is not calibrated to say so",
    "Runs on": `${RUNTIMES[model.runtime] ?? model.runtime}, ampnet ${model.ampnet}`,
    "SHA-256": model.sha256,
  };
}

// Fills the disclosure; the card is asked for when it is opened for the first time.
export function describeModel(disclosure, model) {
  const card = html("div", { class: "model-card" });
  const lines = Object.entries(facts(model)).flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]);
  disclosure.querySelector("div").replaceChildren(html("dl", {}, ...lines), card);
  const show = async () => {
    if (!disclosure.open || card.hasChildNodes()) return;
    const none = "This checkpoint has no model card: ask its authors what it was trained on and what it is suited for.";
    card.replaceChildren(...((model.card && (await askCard())) || [html("p", { class: "note" }, none)]));
  };
  disclosure.ontoggle = () => show().catch((error) => card.replaceChildren(html("p", { class: "problem" }, error.message)));
  disclosure.ontoggle();
  disclosure.hidden = false;
}
