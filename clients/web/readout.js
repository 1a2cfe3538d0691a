// The meter's numbers on the page, twice a second: no faster than eyes read, and not at all while hidden.
import { STAGES } from "./meter.js";

const PERIOD_MS = 500;
const NOTHING = "–";

export class Readout {
  #meter;
  #root;
  #sparkline;

  constructor(root, meter) {
    this.#root = root;
    this.#meter = meter;
    this.#sparkline = root.querySelector("[data-sparkline]");
    setInterval(() => document.hidden || this.#show(), PERIOD_MS);
    this.#show();
  }

  #show() {
    const reading = this.#meter.read();
    this.#put("fps-out", reading.fpsOut.toFixed(1));
    this.#put("fps-in", reading.fpsIn.toFixed(1));
    this.#put("total", milliseconds(reading.total));
    this.#put("rows", reading.rows === null ? NOTHING : reading.rows.toFixed(1));
    this.#put("repeats", this.#meter.repeats);
    this.#put("drops", this.#meter.drops);
    this.#put("failures", this.#meter.failures);
    for (const stage of STAGES) {
      const value = reading.stages?.[stage] ?? null;
      this.#put(stage, milliseconds(value));
      this.#root.querySelector(`[data-bar=${stage}]`).style.flexGrow = value ?? 0;
    }
    this.#draw();
  }

  #put(name, text) {
    const element = this.#root.querySelector(`[data-value=${name}]`);
    if (element.textContent !== String(text)) element.textContent = text;
  }

  #draw() {
    const { trace } = this.#meter;
    const { width, height } = this.#sparkline;
    const context = this.#sparkline.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (trace.length < 2) return;
    // from zero, or a flat line would be stretched into drama
    const top = Math.max(...trace) * 1.15;
    context.beginPath();
    trace.forEach((value, i) => context.lineTo((i / (trace.length - 1)) * width, height - 2 - (value / top) * (height - 4)));
    context.strokeStyle = getComputedStyle(this.#sparkline).color;
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    context.stroke();
  }
}

function milliseconds(value) {
  if (value === null) return NOTHING;
  return value < 9.95 ? value.toFixed(1) : Math.round(value).toString();
}
