// Painting live in a few words: frames in, images out, in order, over a connection that comes back by itself.
import { addressOf } from "./address.js";
import { Connection } from "./connection.js";
import { encodedFrames } from "./frames.js";
import { Problem } from "./problems.js";
import { stills, students } from "./rest.js";
import { Kind } from "./wire.js";

const RESUME_MS = 30000;

/**
 * A live session with the server at `url`, once it has begun. `options`: key, student, and any params of the protocol (prompt,
 * strength, seed, format, similarity, ...). Throws a Problem if there is none to be had.
 */
export async function connect(url, { key = "", student = null, ...params } = {}) {
  const live = new Live(addressOf(url), key, student, params);
  await live.begun;
  return live;
}

/** One frame, painted. Times are milliseconds. */
export class Painted {
  constructor({ bytes, frame, repeated, latency, answer }) {
    this.bytes = bytes;
    this.frame = frame;
    this.repeated = repeated;
    this.latency = latency;
    const { wait = 0, decode = 0, engine = 0, encode = 0, rows = 0 } = answer;
    this.timings = { wait, decode, engine, encode, rows };
  }

  /** The encoded image as a Blob, as for `URL.createObjectURL`. */
  get blob() {
    return new Blob([this.bytes], { type: typeOf(this.bytes) });
  }

  /** The image decoded, as for `drawImage`. Browsers only. */
  bitmap() {
    return createImageBitmap(this.blob);
  }
}

function typeOf(bytes) {
  return { 0xff: "image/jpeg", 0x89: "image/png", 0x52: "image/webp" }[bytes[0]] ?? "application/octet-stream";
}

/** Something that several may wait for, again and again. */
class Signal {
  #wake = () => {};
  #promise = Promise.resolve();

  constructor() {
    this.#renew();
  }

  get next() {
    return this.#promise;
  }

  fire() {
    const wake = this.#wake;
    this.#renew();
    wake();
  }

  #renew() {
    this.#promise = new Promise((wake) => (this.#wake = wake));
  }
}

/** A live session, of `connect`. One `paint` at a time; params may change meanwhile. */
export class Live {
  counts = { sent: 0, painted: 0, repeated: 0, dropped: 0, failed: 0 };
  /** Why the last frame that was not painted was not; empty if all were. */
  trouble = "";
  #base;
  #key;
  #connection;
  #wanted;
  #inForce = {};
  #ready = null;
  #changes = [];
  #underWay = new Map();
  #answers = [];
  #last = null;
  #news = new Signal();
  #ended = null;
  #lostAt = null;
  #painting = false;
  #begin;

  constructor(address, key, student, params) {
    this.#base = address;
    this.#key = key;
    this.#wanted = params;
    /** Fulfilled when the session has begun. */
    this.begun = new Promise((done, failed) => (this.#begin = { done, failed }));
    this.#connection = new Connection({
      base: address,
      prepare: async () => ({ student, key }),
      diagnose: () => students(address, { key }),
      on: {
        state: (state) => this.#entered(state),
        ready: (message) => this.#greeted(message),
        params: (message) => this.#changed(message),
        error: (message) => this.#complained(message),
        answer: (answer, sent) => this.#answered(answer, sent),
      },
    });
    this.#connection.open();
  }

  get student() {
    return this.#ready.student;
  }

  /** What is painted, in pixels: `{width, height}`. */
  get size() {
    return { width: this.#ready.width, height: this.#ready.height };
  }

  /** The params in force. */
  get params() {
    return { ...this.#inForce };
  }

  /** All that the server greeted with: styles, suggestions, strengths, ... */
  get ready() {
    return { ...this.#ready };
  }

  /** Where others may watch this session, as Motion JPEG. */
  get watchUrl() {
    return new URL(`v1/sessions/${this.#ready.watch}.mjpg`, this.#base).href;
  }

  /** Changes params from the next frame on; all that are then in force. Throws a Problem, and keeps the old ones. */
  change(params) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((done, failed) => {
      this.#changes.push({ params, done, failed });
      this.#connection.sendParams(params);
      this.#connection.wake();
    });
  }

  /** Images from words alone, by the same student, as Blobs. */
  stills(prompt, options = {}) {
    return stills(this.#base, prompt, { key: this.#key, student: this.student, ...options });
  }

  /**
   * Paints frames as they come (see `encodedFrames`), and gives the images in order, for `for await`. A frame that came too late,
   * or while the connection was down, is left out. Throws a Problem when the session is over.
   */
  async *paint(frames, params = {}) {
    if (this.#painting) throw new Problem("busy", "this session paints already: leave that loop first, or open another session");
    this.#painting = true;
    const feeding = { over: false, left: false, error: null };
    try {
      if (Object.keys(params).length) await this.change(params);
      this.#feed(frames, feeding);
      while (true) {
        const next = this.#answers.shift();
        if (next) yield next;
        else if (this.#ended) throw this.#ended;
        else if (feeding.over && !this.#underWay.size) break;
        else await this.#news.next;
      }
      if (feeding.error) throw feeding.error;
    } finally {
      feeding.left = true;
      this.#underWay.clear();
      this.#answers.length = 0;
      this.#painting = false;
      this.#news.fire();
    }
  }

  /** Ends the session, and whatever loop is at it. */
  close() {
    this.#end(new Problem("closed", "the session was closed"));
  }

  async #feed(frames, feeding) {
    let number = 0;
    try {
      for await (const image of encodedFrames(frames, this.#ready.width, this.#ready.height)) {
        this.#connection.wake();
        // answers that nobody has asked for yet count, too: a caller that is slow must not be sent more
        while (!feeding.left && !this.#ended && (!this.#connection.hasRoom || this.#answers.length > 1)) await this.#roomOrNews();
        if (feeding.left || this.#ended) break;
        this.#underWay.set(this.#connection.sendFrame(image, {}), number++);
        this.counts.sent++;
      }
    } catch (error) {
      feeding.error = error;
    }
    feeding.over = true;
    this.#news.fire();
  }

  /** The window may have room again by time alone, after a frame that failed. */
  #roomOrNews() {
    return Promise.race([this.#news.next, new Promise((done) => setTimeout(done, 100))]);
  }

  #entered(state) {
    if (state.name === "open") {
      this.#lostAt = null;
      return;
    }
    this.#lose();
    const now = performance.now();
    if (this.#ready) this.#lostAt ??= now;
    const isPatient = this.#ready && now - this.#lostAt < RESUME_MS && !state.problem?.isFinal;
    const isAsleep = this.#ready && state.problem?.kind === "idle"; // until there is something to paint again
    if (isAsleep) this.#lostAt = null;
    else if (state.problem && !isPatient) this.#end(state.problem);
  }

  #greeted(message) {
    this.#ready = message;
    this.#inForce = message.params;
    const differs = ([key, value]) => JSON.stringify(value) !== JSON.stringify(message.params[key]);
    const missing = Object.fromEntries(Object.entries(this.#wanted).filter(differs));
    const waiting = this.#changes;
    this.#changes = [];
    if (Object.keys(missing).length) this.change(missing).then(this.#begin.done, (problem) => this.#refused(problem));
    else this.#begin.done();
    for (const { params, done, failed } of waiting) this.change(params).then(done, failed);
    this.#news.fire();
  }

  /** Params that were asked for at the beginning are not taken: there is no session as it was wanted. */
  #refused(problem) {
    this.#begin.failed(problem);
    this.#end(problem);
  }

  #changed({ type, ...inForce }) {
    this.#inForce = inForce;
    const change = this.#changes.shift();
    if (!change) return;
    Object.assign(this.#wanted, change.params);
    change.done(this.params);
  }

  #complained({ id, code, message }) {
    if (id === undefined) {
      this.#changes.shift()?.failed(new Problem("params", message));
      return;
    }
    this.counts.failed++;
    this.trouble = `${message} (${code})`;
    this.#underWay.delete(id);
    this.#news.fire();
  }

  #answered(answer, { sentAt, receivedAt }) {
    const frame = this.#underWay.get(answer.id);
    const isOurs = this.#underWay.delete(answer.id);
    const latency = receivedAt - sentAt;
    if (answer.kind === Kind.IMAGE) {
      this.counts.painted++;
      this.#last = answer.image;
    } else if (answer.kind === Kind.REPEAT && this.#last) {
      this.counts.repeated++;
    } else {
      this.counts.dropped++;
      this.trouble = "it came too late to be painted in time";
      this.#news.fire();
      return;
    }
    const repeated = answer.kind === Kind.REPEAT;
    if (isOurs) this.#answers.push(new Painted({ bytes: this.#last, frame, repeated, latency, answer }));
    this.#news.fire();
  }

  #lose() {
    this.counts.failed += this.#underWay.size;
    if (this.#underWay.size) this.trouble = "the connection dropped before an answer";
    this.#underWay.clear();
    this.#news.fire();
  }

  #end(problem) {
    if (this.#ended) return;
    this.#ended = problem;
    this.#connection.close();
    this.#begin.failed(problem);
    for (const { failed } of this.#changes.splice(0)) failed(problem);
    this.#news.fire();
  }
}
