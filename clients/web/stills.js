// A strip of stills: images from words alone, newest first, each one a click away from being kept.
import { save } from "./stage.js";

const KEPT = 8;

export class Stills {
  #list;

  constructor(list) {
    this.#list = list;
  }

  add(blob, { prompt, seed, took }) {
    const image = new Image();
    image.src = URL.createObjectURL(blob);
    image.alt = prompt;
    const button = document.createElement("button");
    button.type = "button";
    button.title = `Download: ${prompt} (seed ${seed}, ${Math.round(took)} ms)`;
    button.append(image);
    button.addEventListener("click", () => save(blob, `allaprima-still-${seed}.jpg`));
    const item = document.createElement("li");
    item.append(button);
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) {
      URL.revokeObjectURL(this.#list.lastElementChild.querySelector("img").src);
      this.#list.lastElementChild.remove();
    }
  }
}
