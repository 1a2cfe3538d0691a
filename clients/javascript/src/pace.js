// How many frames to keep on their way: enough to keep the engine busy, and none that would only stand in line.
import { Kind } from "./wire.js";

const LOOK_EVERY = 10;
const FEWEST_WAITING = 0.4;
const MOST_WAITING = 1.3;
const FORGET = 1.01;
const REST_MS = 250;
const LONGEST_REST_MS = 4000;

export class Pace {
  #window;
  #limit;
  #fastestNetwork = Infinity;
  #waiting = [];
  #restUntil = 0;
  #rest = REST_MS;

  /** `window` is the server's bound. One frame in the engine and one on its way is a good beginning. */
  constructor(window) {
    this.#window = Math.max(1, window);
    this.#limit = Math.min(2, this.#window);
  }

  /** How many frames may be unanswered now. */
  get limit() {
    return performance.now() < this.#restUntil ? 0 : this.#limit;
  }

  answered({ kind, wait, decode, engine, encode }, roundTrip) {
    // captured, compressed and uploaded for nothing: a narrower window wastes fewer
    if (kind === Kind.DROPPED) this.#limit = Math.max(1, this.#limit - 1);
    if (kind !== Kind.IMAGE) return;
    this.#rest = REST_MS;
    const work = decode + engine + encode;
    const network = Math.max(0, roundTrip - work - wait);
    this.#fastestNetwork = Math.min(network, this.#fastestNetwork * FORGET);
    // of the frames on their way, those that are neither on the wire nor worked on (after TCP Vegas)
    this.#waiting.push(this.#limit * (1 - (work + this.#fastestNetwork) / Math.max(roundTrip, 0.001)));
    if (this.#waiting.length >= LOOK_EVERY) this.#adjust();
  }

  /** A frame failed: the next one may well fail too, so do not hurry it. */
  failed() {
    this.#restUntil = performance.now() + this.#rest;
    this.#rest = Math.min(this.#rest * 2, LONGEST_REST_MS);
  }

  #adjust() {
    const mean = this.#waiting.reduce((sum, value) => sum + value, 0) / this.#waiting.length;
    this.#waiting = [];
    if (mean < FEWEST_WAITING) this.#limit = Math.min(this.#window, this.#limit + 1);
    else if (mean > MOST_WAITING && this.#limit > 2) this.#limit--;
  }
}
