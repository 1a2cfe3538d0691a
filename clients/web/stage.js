// The output canvas as an object in the room: full screen, snapshots, and the note pinned over it.
import { inWords } from "./problems.js";

const FADE_MS = 7000;

export class Stage {
  #root;
  #canvas;
  #note;
  #timer = 0;
  #held = null;
  #mentioned = null;
  #onAction;

  /** `onAction(name, value)`: "key" with what was typed, or "retry". */
  constructor(root, onAction) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas");
    this.#note = root.querySelector("#note");
    this.#onAction = onAction;
    this.#note.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = event.target.elements.key;
      if (field.value.trim()) this.#onAction("key", field.value.trim());
    });
    this.#note.querySelector("#retry").addEventListener("click", () => this.#onAction("retry"));
    this.#note.querySelector("#dismiss").addEventListener("click", () => this.mention(null));
  }

  /** The stream has a problem until it is over (`hold(null)`). */
  hold(problem) {
    this.#held = problem;
    this.#root.toggleAttribute("data-troubled", Boolean(problem));
    this.#show(problem ?? this.#mentioned);
  }

  /** Something else went wrong, for the person to read and dismiss; what passes by itself goes by itself. */
  mention(problem) {
    clearTimeout(this.#timer);
    this.#mentioned = problem;
    if (problem?.isPassing) this.#timer = setTimeout(() => this.mention(null), FADE_MS);
    this.#show(problem ?? this.#held);
  }

  get isBlank() {
    return !this.#root.hasAttribute("data-painted");
  }

  painted() {
    if (this.isBlank) this.#root.dataset.painted = "";
  }

  async toggleFullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (this.#root.requestFullscreen) await this.#root.requestFullscreen();
    // phones that keep the Fullscreen API for videos get the same picture within the page
    else this.#root.toggleAttribute("data-filling");
  }

  leaveFill() {
    this.#root.removeAttribute("data-filling");
  }

  /** The canvas as a PNG file in the downloads folder. */
  saveSnapshot(name) {
    if (this.isBlank) return;
    this.#canvas.toBlob((blob) => save(blob, name), "image/png");
  }

  #show(problem) {
    this.#note.hidden = !problem;
    if (!problem) return;
    const { title, text } = inWords(problem);
    this.#put("#note-title", title);
    this.#put("#note-text", text);
    const isHeld = problem === this.#held;
    const asksKey = problem.isAboutKey;
    this.#note.querySelector("form").hidden = !asksKey;
    this.#note.querySelector("#retry").hidden = asksKey || !isHeld;
    this.#note.querySelector("#dismiss").hidden = isHeld;
  }

  // writing the same words again would have a screen reader say them again
  #put(selector, text) {
    const element = this.#note.querySelector(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // the download reads the address after this turn of the event loop
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
