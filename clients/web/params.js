// What the person has asked for, what the server last heard, and sending only the difference.

const PAUSE_MS = 90;

export class Params {
  #wanted = {};
  #heard = {};
  #send;
  #timer = 0;
  #lastSent = -Infinity;

  /** `send(changes)` is called at most about ten times a second, however fast a slider moves. */
  constructor(send) {
    this.#send = send;
  }

  /** What is wanted now: the person's choice, or else the server's. */
  get(key) {
    return key in this.#wanted ? this.#wanted[key] : this.#heard[key];
  }

  set(key, value) {
    this.#wanted[key] = value;
    if (this.#timer) return;
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, this.#lastSent + PAUSE_MS - performance.now()));
  }

  /** A session begins (or comes back) with these in force: say what differs. */
  begin(inForce) {
    this.#heard = { ...inForce };
    this.#flush();
  }

  /** What the server says is in force now: of what nobody here chose, such as the strength that goes with a style. */
  heard(inForce) {
    for (const [key, value] of Object.entries(inForce)) if (!(key in this.#wanted)) this.#heard[key] = value;
  }

  /** Another student may not know this one. */
  forget(key) {
    delete this.#wanted[key];
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const changes = Object.fromEntries(Object.entries(this.#wanted).filter(([key, value]) => !same(value, this.#heard[key])));
    if (Object.keys(changes).length === 0 || !this.#send(changes)) return;
    this.#lastSent = performance.now();
    Object.assign(this.#heard, changes);
  }
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
