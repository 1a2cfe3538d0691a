// Paint a picture anew, in Node 22 or newer: node paint.mjs picture.jpg painted.jpg "oil painting" http://127.0.0.1:8000
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "../javascript/src/allaprima.js"; // of npm: "allaprima"

const [picture, painted, prompt = "watercolor", url = "http://127.0.0.1:8000"] = process.argv.slice(2);
const live = await connect(url, { prompt, similarity: null });
for await (const image of live.paint([await readFile(picture)])) {
  await writeFile(painted, image.bytes);
  console.log(`${painted}: ${Math.round(image.latency)} ms, of which ${image.timings.engine.toFixed(1)} ms painting`);
}
live.close();
