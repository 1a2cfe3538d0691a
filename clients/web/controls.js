// The palette: form fields on one side, params on the other.
import { firstPrompt, stylesIn, withStyle } from "./prompt.js";

const SEEDS = 2 ** 32;

export class Controls {
  #params;
  #form;
  #styles = [];
  #strengths = [];
  #similarity = {}; // the server's own

  constructor(form, params) {
    this.#form = form;
    this.#params = params;
    const { prompt, negative, strength, guidance, seed, transition, similarity } = form.elements;
    prompt.addEventListener("input", () => this.#setPrompt(prompt.value));
    negative.addEventListener("input", () => params.set("negative_prompt", negative.value));
    strength.addEventListener("input", () => {
      strength.value = this.#known(strength.valueAsNumber);
      this.#setNumber("strength", strength);
    });
    guidance.addEventListener("input", () => this.#setNumber("guidance", guidance));
    transition.addEventListener("input", () => this.#setNumber("transition", transition));
    similarity.addEventListener("change", () => params.set("similarity", similarity.checked ? this.#similarity : null));
    seed.addEventListener("change", () => {
      const value = Number.parseInt(seed.value, 10);
      if (value >= 0 && value < SEEDS) params.set("seed", value);
      else this.show();
    });
    form.querySelector("#dice").addEventListener("click", () => this.rollSeed());
    form.addEventListener("submit", (event) => event.preventDefault());
    // a prompt is one thought: Enter has nothing better to do than to leave the field
    prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      prompt.blur();
    });
  }

  get prompt() {
    return this.#form.elements.prompt.value;
  }

  /**
   * What this student knows: its styles, its suggestions, whether it takes a negative prompt, which strengths it was
   * trained for (none named: any), and the bounds of its guidance (null: it is told none).
   */
  offer({ styles = [], suggestions = [], negative_prompt: takesNegative = false, strengths = [], guidance = null }) {
    this.#styles = styles;
    this.#strengths = strengths;
    this.#offerGuidance(guidance);
    const strength = this.#params.get("strength");
    if (strength !== undefined && strength !== this.#known(strength)) {
      this.#params.set("strength", this.#known(strength));
      this.#form.elements.strength.value = this.#known(strength); // even under the person's finger
    }
    this.#fill("#styles", styles, (style) => this.#setPrompt(withStyle(this.prompt, style, this.#styles)));
    this.#fill("#suggestions", suggestions, (suggestion) => this.#setPrompt(suggestion));
    this.#form.querySelector("#negative-row").hidden = !takesNegative;
    if (!takesNegative) this.#params.forget("negative_prompt");
    if (!this.#params.get("prompt")) this.#params.set("prompt", firstPrompt(styles, suggestions));
  }

  /** Puts the params wanted now into the fields, except the one being typed in. */
  show() {
    const { prompt, negative, strength, guidance, seed, transition, similarity } = this.#form.elements;
    const put = (field, value) => {
      if (field !== document.activeElement && field.value !== String(value)) field.value = value;
    };
    const wanted = this.#params.get("prompt") ?? "";
    put(prompt, typeof wanted === "string" ? wanted : wanted.map(({ text }) => text).join(", "));
    put(negative, this.#params.get("negative_prompt") ?? "");
    put(strength, this.#params.get("strength") ?? 0.5);
    put(guidance, this.#params.get("guidance") ?? guidance.defaultValue);
    put(seed, this.#params.get("seed") ?? 0);
    put(transition, this.#params.get("transition") ?? 0);
    // switched off and on again, the filter is the one the server had
    this.#similarity = this.#params.get("similarity") ?? this.#similarity;
    similarity.checked = this.#params.get("similarity") !== null;
    this.#describe();
  }

  /** Words of the prompt that the student does not know. */
  tellUnknown(words = []) {
    const note = this.#form.querySelector("#unknown");
    note.hidden = words.length === 0;
    note.textContent = words.length ? `Not understood: ${words.join(", ")}` : "";
  }

  rollSeed() {
    const [seed] = crypto.getRandomValues(new Uint32Array(1));
    this.#params.set("seed", seed);
    this.#form.elements.seed.value = seed;
  }

  /** The strength nearest to one wanted that this student was trained for. */
  #known(strength) {
    if (!this.#strengths.length) return strength;
    return this.#strengths.reduce((best, one) => (Math.abs(one - strength) < Math.abs(best - strength) ? one : best));
  }

  #offerGuidance(bounds) {
    const { guidance } = this.#form.elements;
    this.#form.querySelector("#guidance-row").hidden = !bounds;
    if (!bounds) {
      this.#params.forget("guidance");
      return;
    }
    [guidance.min, guidance.max, guidance.defaultValue] = [bounds.least, bounds.most, bounds.default];
    const wanted = this.#params.get("guidance");
    // another student's guidance may be beyond this one's
    if (typeof wanted !== "number" || wanted < bounds.least || wanted > bounds.most) this.#params.set("guidance", bounds.default);
  }

  #setPrompt(text) {
    this.#params.set("prompt", text);
    const { prompt } = this.#form.elements;
    if (prompt.value !== text) prompt.value = text;
    this.#describe();
  }

  #setNumber(key, field) {
    this.#params.set(key, field.valueAsNumber);
    this.#describe();
  }

  #describe() {
    const { strength, guidance, transition } = this.#form.elements;
    this.#form.querySelector("#guidance-value").textContent = guidance.valueAsNumber.toFixed(1);
    this.#form.querySelector("#strength-value").textContent = `${Math.round(strength.valueAsNumber * 100)}%`;
    const seconds = transition.valueAsNumber;
    this.#form.querySelector("#transition-value").textContent = seconds ? `over ${seconds.toFixed(1)} s` : "at once";
    for (const field of [strength, guidance, transition]) {
      const filled = (field.value - field.min) / (field.max - field.min);
      field.style.setProperty("--filled", `${filled * 100}%`);
    }
    const present = stylesIn(this.prompt, this.#styles);
    for (const chip of this.#form.querySelectorAll("#styles button")) {
      chip.setAttribute("aria-pressed", present.includes(chip.textContent));
    }
  }

  #fill(selector, texts, onClick) {
    const list = this.#form.querySelector(selector);
    list.replaceChildren(...texts.map((text) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => onClick(text));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
    list.closest("section, div").hidden = texts.length === 0;
  }
}
