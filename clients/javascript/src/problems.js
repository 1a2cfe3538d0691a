// What can go wrong, as something a program can tell apart.

/** `kind` is for a program, the message for a person. `retryAfter` is in seconds; null leaves the choice to the backoff. */
export class Problem extends Error {
  constructor(kind, detail = "", retryAfter = null) {
    super(detail || kind);
    this.name = "Problem";
    this.kind = kind;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** Whether trying again by itself would be pointless until a person has done something. */
  get isFinal() {
    return this.isAboutKey || this.kind === "policy";
  }

  get isAboutKey() {
    return this.kind === "key" || this.kind === "key-characters";
  }

  /** Whether it is over as soon as the next frame goes well. */
  get isPassing() {
    return this.kind === "frame" || this.kind === "params";
  }
}
