// Numbers about the last few seconds, and totals since the page was opened. Knows nothing of the page.

const SPAN_MS = 3000;
const TRACE = 90;

export const STAGES = ["browser", "network", "wait", "decode", "engine", "encode"];

export class Meter {
  framesIn = 0;
  framesOut = 0;
  repeats = 0;
  drops = 0;
  failures = 0;
  trace = [];
  #sent = [];
  #painted = [];

  sent() {
    this.framesIn++;
    this.#sent.push({ at: performance.now() });
  }

  painted(answer, { capturedAt, sentAt, receivedAt }) {
    const at = performance.now();
    const { wait, decode, engine, encode, rows } = answer;
    const network = Math.max(0, receivedAt - sentAt - wait - decode - engine - encode);
    const browser = sentAt - capturedAt + (at - receivedAt);
    this.framesOut++;
    this.#painted.push({ at, rows, total: at - capturedAt, browser, network, wait, decode, engine, encode });
    this.trace.push(at - capturedAt);
    if (this.trace.length > TRACE) this.trace.shift();
  }

  /** Rates per second, and means over the last three seconds; `stages` is null when nothing was painted in them. */
  read() {
    const since = performance.now() - SPAN_MS;
    for (const events of [this.#sent, this.#painted]) {
      const first = events.findIndex(({ at }) => at >= since);
      events.splice(0, first < 0 ? events.length : first);
    }
    const mean = (key) => this.#painted.reduce((sum, event) => sum + event[key], 0) / this.#painted.length;
    const any = this.#painted.length > 0;
    return {
      fpsIn: this.#sent.length / (SPAN_MS / 1000),
      fpsOut: this.#painted.length / (SPAN_MS / 1000),
      total: any ? mean("total") : null,
      rows: any ? mean("rows") : null,
      stages: any ? Object.fromEntries(STAGES.map((stage) => [stage, mean(stage)])) : null,
    };
  }
}
