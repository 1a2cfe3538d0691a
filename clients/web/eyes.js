// Eyes: by which of them the student's control networks see the frame, how much that counts, and what may be set of each.

const MOST_SCALE = 2;
const NOTHING = "";

export class Eyes {
  #params;
  #row;
  #choice;
  #sliders;
  #shown;
  #eyes = [];
  #canRepaint = true;

  constructor(row, params) {
    this.#row = row;
    this.#params = params;
    this.#choice = row.querySelector("#eye");
    this.#sliders = row.querySelector("#eye-sliders");
    this.#shown = row.querySelector("#eye-shown");
    this.#choice.addEventListener("change", () => this.#choose(this.#choice.value));
    this.#shown.addEventListener("change", () => params.set("show", this.#shown.checked ? "eyes" : "painting"));
  }

  /** What this student sees by. One that cannot repaint a frame sees by one of them at least. */
  offer({ eyes = [], img2img = true, params: inForce = {} }) {
    this.#eyes = eyes;
    this.#canRepaint = img2img;
    this.#row.hidden = eyes.length === 0;
    const names = (this.#params.get("eyes") ?? []).map(({ name }) => name);
    // another student's eyes are none of this one's
    const fit = names.every((name) => this.#find(name)) && (img2img || names.length > 0);
    if (!eyes.length || !fit) for (const key of ["eyes", "show"]) this.#params.forget(key);
    const options = eyes.map(({ name, sees }) => [name, name === sees ? name : `${name} (${sees})`]);
    if (img2img) options.unshift([NOTHING, "nothing more"]);
    this.#choice.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    const chosen = fit && names.length ? this.#params.get("eyes") : inForce.eyes ?? [];
    this.#choice.value = chosen[0]?.name ?? NOTHING;
    this.#shown.checked = this.#params.get("show") === "eyes";
    this.#build(chosen[0]);
  }

  #find(name) {
    return this.#eyes.find((eye) => eye.name === name);
  }

  #choose(name) {
    const chosen = name === NOTHING ? undefined : { name };
    this.#params.set("eyes", chosen ? [chosen] : []);
    this.#build(chosen);
  }

  /**
   * A slider for each number of an eye. Its scale is the strength where the student cannot repaint; the eye of a student
   * that takes the picture itself has none.
   */
  #build(chosen) {
    const eye = chosen && this.#find(chosen.name);
    const numbers = eye ? Object.entries(eye.knobs) : [];
    if (eye && this.#canRepaint && eye.scale !== null) numbers.unshift(["scale", { default: eye.scale, least: 0, most: MOST_SCALE }]);
    this.#sliders.replaceChildren(...numbers.map(([name, bounds]) => this.#slider(name, bounds, chosen)));
    this.#shown.closest("label").hidden = !eye;
  }

  #slider(name, { default: usual, least, most }, chosen) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    const said = document.createElement("output");
    const value = (name === "scale" ? chosen.scale : chosen.knobs?.[name]) ?? usual;
    // any: in steps of its own the field would move away from what the server has
    Object.assign(field, { type: "range", min: least, max: most, step: "any", value });
    field.dataset.testid = `eye-${name}`;
    const describe = () => {
      said.textContent = String(Number(field.valueAsNumber.toPrecision(3)));
      field.style.setProperty("--filled", `${((field.value - least) / (most - least)) * 100}%`);
    };
    field.addEventListener("input", () => {
      describe();
      const before = this.#params.get("eyes")?.[0] ?? { name: chosen.name };
      const after = name === "scale" ? { ...before, scale: field.valueAsNumber } : { ...before };
      if (name !== "scale") after.knobs = { ...before.knobs, [name]: field.valueAsNumber };
      this.#params.set("eyes", [after]);
    });
    const line = document.createElement("span");
    line.className = "labelled";
    line.append(name, said);
    label.append(line, field);
    describe();
    return label;
  }
}
