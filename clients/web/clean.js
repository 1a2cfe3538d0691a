// Watching somebody else's session: its feed in place of one's own painting.
import { Problem } from "../client/problems.js";

const LOOK_MS = 5000;

/** Shows the feed of this token in the stage, and says there when it is over. */
export function watch(token, stage, canvas) {
  const address = new URL(`v1/sessions/${encodeURIComponent(token)}.mjpg`, document.baseURI).href;
  const image = new Image();
  image.alt = "The painting, live";
  image.dataset.testid = "watched";
  image.id = "watched";
  image.src = address;
  canvas.replaceWith(image);
  let isLost = false;
  const timer = setInterval(async () => {
    const status = await fetch(address, { method: "HEAD" }).then(({ status }) => status, () => 0);
    if (status === 404) {
      clearInterval(timer);
      stage.hold(new Problem("over"));
    } else if (status === 200 && isLost) {
      image.src = `${address}?again=${performance.now()}`;
      stage.hold(null);
    } else if (status !== 200) {
      stage.hold(new Problem("unreachable"));
    }
    isLost = status !== 200;
  }, LOOK_MS);
}
