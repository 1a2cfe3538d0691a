// The socket: opened, kept within its window, and opened again after a loss.
import { addressOf } from "./address.js";
import { Pace } from "./pace.js";
import { Problem } from "./problems.js";
import { Close, decodeAnswer, decodeText, encodeFrame, encodeParams, subprotocols } from "./wire.js";

const BACKOFF_S = [0.5, 1, 2, 4, 8];
const FULL_S = 5;
const SOONEST_FULL_S = 0.5;
const LATEST_FULL_S = 60;
const RESUME_MS = 30000;
const READY_MS = 10000;
const SILENCE_MS = 15000;
const WATCH_MS = 2000;
const ABOUT_KEYS = /\b(key|auth\w*|bearer)\b/i;

/**
 * `base` is the server's address. `prepare()` resolves to {student, key} or throws a Problem; `diagnose()` throws the Problem
 * behind a handshake that failed, which a browser hides. `mayTry()` says whether anybody would see it if it came back now: if
 * not, it waits for `wake`. `on` holds: state(state), ready(message), params(message), error(message), answer(answer, sent).
 */
export class Connection {
  #base;
  #mayTry;
  #prepare;
  #diagnose;
  #on;
  #socket = null;
  #turn = 0;
  #timer = 0;
  #watch = 0;
  #failures = 0;
  #asleep = false;
  #session = null;
  #sessionLost = 0;
  #restarting = 0;
  #nextId = 1;
  #unanswered = new Map();
  #pace = new Pace(1);
  #isReady = false;
  #key = "";

  constructor({ base, prepare, diagnose, on, mayTry = () => true }) {
    this.#base = base;
    this.#mayTry = mayTry;
    this.#prepare = prepare;
    this.#diagnose = diagnose;
    this.#on = on;
  }

  get isReady() {
    return this.#isReady;
  }

  /** Whether one more frame may be sent now. */
  get hasRoom() {
    return this.#isReady && this.#unanswered.size < this.#pace.limit;
  }

  /** Opens the stream at once, whatever went before. */
  open({ fresh = false } = {}) {
    if (fresh) this.#session = null;
    this.#failures = 0;
    this.#attempt();
  }

  /** To be called when there is something to paint again: the page is seen, or the painting goes on. */
  wake() {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#attempt();
  }

  /** Ends it for good, unless it is opened again. */
  close() {
    this.#session = null;
    this.#drop();
  }

  sendParams(changes) {
    if (this.#isReady) this.#socket.send(encodeParams(changes));
  }

  /** `image` is an ArrayBuffer; `notes` come back beside its answer. Its id, which a problem with it has, too. */
  sendFrame(image, notes) {
    const id = this.#nextId++;
    this.#unanswered.set(id, { ...notes, sentAt: performance.now() });
    this.#socket.send(encodeFrame(id, image));
    return id;
  }

  async #attempt() {
    this.#drop();
    const turn = this.#turn;
    this.#on.state({ name: "connecting" });
    let socket;
    const resuming = this.#session !== null && performance.now() - this.#sessionLost < RESUME_MS;
    try {
      const { student, key } = await this.#prepare();
      if (turn !== this.#turn) return;
      this.#key = key;
      socket = new WebSocket(this.#address(student, resuming), subprotocols(key));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#fail(error instanceof Problem ? error : new Problem("key-characters"));
      return;
    }
    const began = performance.now();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => typeof data === "string" ? this.#text(data) : this.#binary(data);
    socket.onclose = (event) => this.#closed(event, resuming);
    this.#watch = setInterval(() => this.#lookForSilence(began), WATCH_MS);
  }

  #address(student, resuming) {
    const address = new URL("v1/stream", addressOf(this.#base));
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    if (student) address.searchParams.set("student", student);
    if (resuming) address.searchParams.set("resume", this.#session);
    return address;
  }

  #text(data) {
    const message = decodeText(data);
    if (message?.type === "ready") {
      this.#isReady = true;
      this.#session = message.session;
      this.#pace = new Pace(message.window);
      this.#on.state({ name: "open" });
      this.#on.ready(message);
    } else if (message?.type === "params") {
      this.#on.params(message);
    } else if (message?.type === "error") {
      if (this.#unanswered.delete(message.id)) this.#pace.failed();
      this.#on.error(message);
    }
  }

  #binary(data) {
    const answer = decodeAnswer(data);
    const sent = answer && this.#unanswered.get(answer.id);
    if (!sent) return;
    this.#unanswered.delete(answer.id);
    this.#failures = 0;
    const receivedAt = performance.now();
    this.#pace.answered(answer, receivedAt - sent.sentAt);
    this.#on.answer(answer, { ...sent, receivedAt });
  }

  #lookForSilence(began) {
    const now = performance.now();
    if (!this.#isReady) {
      if (now - began > READY_MS) this.#lose(new Problem("silent"));
      return;
    }
    const [oldest] = this.#unanswered.values();
    if (oldest && now - oldest.sentAt > SILENCE_MS) this.#lose(new Problem("silent"));
  }

  async #closed(event, resuming) {
    const greeted = this.#isReady;
    if (event.code === Close.POLICY && resuming && !greeted) {
      this.#session = null;
      this.#attempt();
      return;
    }
    this.#lose(null);
    const turn = this.#turn;
    const problem = ofClose(event, this.#key) ?? (greeted ? new Problem("lost") : await this.#reasonOfRefusal());
    if (turn === this.#turn) this.#fail(problem);
  }

  async #reasonOfRefusal() {
    try {
      await this.#diagnose();
    } catch (problem) {
      return problem instanceof Problem ? problem : new Problem("unreachable");
    }
    return new Problem("lost");
  }

  #lose(problem) {
    if (this.#isReady) this.#sessionLost = performance.now();
    this.#drop();
    if (problem) this.#fail(problem);
  }

  #drop() {
    this.#turn++;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    this.#asleep = false;
    this.#isReady = false;
    this.#unanswered.clear();
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #fail(problem) {
    if (problem.isFinal) {
      this.#on.state({ name: "stopped", problem });
      return;
    }
    if (problem.kind === "idle") {
      this.#asleep = true;
      this.#on.state({ name: "stopped", problem });
      return;
    }
    const now = performance.now();
    if (problem.kind === "restart") this.#restarting = now;
    // while a server that said it restarts is away, its port refuses: that is the same news, not worse news
    const expected = ["unreachable", "lost"].includes(problem.kind) && this.#restarting && now - this.#restarting < RESUME_MS;
    const backoff = BACKOFF_S[Math.min(this.#failures++, BACKOFF_S.length - 1)];
    // spread out, so that everyone who lost the same server does not come back in the same instant
    const seconds = (problem.retryAfter ?? (problem.kind === "full" ? FULL_S : backoff)) * (1 + Math.random() / 4);
    this.#on.state({ name: "waiting", problem: expected ? new Problem("restart") : problem, retryAt: now + seconds * 1000 });
    this.#timer = setTimeout(() => {
      if (this.#mayTry()) this.#attempt();
      else this.#asleep = true;
    }, seconds * 1000);
  }
}

function ofClose({ code, reason }, key) {
  if (code === Close.FULL) return new Problem("full", reason, secondsIn(reason));
  if (code === Close.RESTART) return new Problem("restart");
  if (code === Close.TOO_BIG) return new Problem("too-big");
  if (code === Close.IDLE) return new Problem("idle");
  if (code !== Close.POLICY) return null;
  return ABOUT_KEYS.test(reason) ? new Problem("key", key ? "given" : "") : new Problem("policy", reason);
}

// "64 streams are open; try again in 5 s": only a number with a unit is a time
function secondsIn(reason) {
  const found = /(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds?)\b/i.exec(reason);
  if (!found) return null;
  const seconds = Number(found[1]) / (found[2].toLowerCase() === "ms" ? 1000 : 1);
  return Math.min(Math.max(seconds, SOONEST_FULL_S), LATEST_FULL_S);
}
