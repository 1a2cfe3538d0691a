// fal's package for JavaScript: led here by the two lines of docs/clients.md.

import assert from "node:assert";
import { fal } from "@fal-ai/client";

const Native = globalThis.WebSocket;
globalThis.WebSocket = class extends Native { constructor(url) { super(String(url).replace("wss://fal.run", process.argv[2])); } };

const result = await new Promise((onResult, onError) => {
  const connection = fal.realtime.connect("fal-ai/fast-lcm-diffusion", { tokenProvider: async () => "none", onResult, onError });
  connection.send({ prompt: "a boat", seed: 7, image_size: "square", sync_mode: true });
});
assert.equal(result.images[0].width, 512);
assert.ok(result.images[0].content.length > 100);
assert.ok(result.images[0].url.startsWith("data:image/jpeg;base64,"));
console.log("done");
process.exit(0);
