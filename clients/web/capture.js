// From a source to the connection: one frame at a time, only when there is room for it and something new to show.

const QUALITIES = [0.85, 0.7, 0.5];
const PREVIEW_MS = 100;
const BACKDROP = "#fff"; // what transparent pictures lie on, as on the server

export class Capture {
  #canvas;
  #context;
  #connection;
  #onSent;
  #source = null;
  #isBusy = false;
  #isPaused = false;
  #quality = 0;
  #previewed = 0;

  constructor({ canvas, connection, onSent }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#connection = connection;
    this.#onSent = onSent;
  }

  set paused(paused) {
    this.#isPaused = paused;
    this.pump();
  }

  resize(width, height) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
  }

  /** The server finds frames too big: compress harder from now on. */
  compressMore() {
    this.#quality = Math.min(this.#quality + 1, QUALITIES.length - 1);
  }

  use(source) {
    this.#source?.close();
    this.#source = source;
    this.pump();
  }

  /** To be called whenever there may be news: a fresh picture, room in the window, the page seen again. */
  pump() {
    if (this.#isBusy || this.#isPaused || document.hidden || !this.#source?.isFresh) return;
    if (this.#connection.hasRoom) this.#send();
    else if (!this.#connection.isReady) this.#preview();
  }

  async #send() {
    this.#isBusy = true;
    const source = this.#source;
    const capturedAt = performance.now();
    this.#draw();
    let image = null;
    try {
      const blob = await new Promise((done) => this.#canvas.toBlob(done, "image/jpeg", QUALITIES[this.#quality]));
      image = blob && (await blob.arrayBuffer());
    } finally {
      this.#isBusy = false;
    }
    const isStale = source !== this.#source || this.#isPaused || document.hidden || !this.#connection.hasRoom;
    if (image && !isStale) {
      this.#connection.sendFrame(image, { capturedAt });
      this.#onSent();
    }
    this.pump();
  }

  // someone adjusting the camera while the server is away should still see themselves
  #preview() {
    const now = performance.now();
    if (now - this.#previewed < PREVIEW_MS) return;
    this.#previewed = now;
    this.#draw();
  }

  #draw() {
    // or what was drawn before would shine through a transparent picture
    this.#context.fillStyle = BACKDROP;
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#source.draw(this.#context, this.#canvas.width, this.#canvas.height);
  }
}
