// From encoded answers to the output canvas: in order, and when decoding falls behind, only the newest.

export class Painter {
  #canvas;
  #context;
  #onPainted;
  #next = null;
  #isBusy = false;

  constructor(canvas, onPainted) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#onPainted = onPainted;
  }

  /** `notes` come back with `onPainted(notes)` once the image is on the canvas. */
  paint(image, notes) {
    this.#next = { image, notes };
    if (!this.#isBusy) this.#work();
  }

  async #work() {
    this.#isBusy = true;
    while (this.#next) {
      const { image, notes } = this.#next;
      this.#next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([image]));
        this.#draw(bitmap);
        bitmap.close();
        this.#onPainted(notes);
      } catch {
        // one image that cannot be read is followed by the next within a moment: nothing for a person to do
      }
    }
    this.#isBusy = false;
  }

  #draw(bitmap) {
    if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
      this.#canvas.width = bitmap.width;
      this.#canvas.height = bitmap.height;
    }
    this.#context.drawImage(bitmap, 0, 0);
  }
}
