// OpenAI's own package for JavaScript: a picture, a stream, an edit, a list, and errors.

import assert from "node:assert";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "none", maxRetries: 0 });

const made = await client.images.generate({ prompt: "a boat", model: "dall-e-3", n: 1, size: "1024x1024", quality: "hd", style: null, seed: 7 });
assert.equal(made.size, "1024x1024");
const bytes = Buffer.from(made.data[0].b64_json, "base64");
assert.equal(bytes.subarray(1, 4).toString(), "PNG");
assert.equal((await fetch(made.data[0].url)).headers.get("content-type"), "image/png");

const events = [];
for await (const event of await client.images.generate({ prompt: "a boat", stream: true, partial_images: 1 })) events.push(event.type);
assert.deepEqual(events.slice(-1), ["image_generation.completed"]);

const image = await toFile(bytes, "a.png", { type: "image/png" });
assert.ok((await client.images.edit({ image, prompt: "neon", response_format: "url" })).data[0].url);
assert.ok((await client.images.edit({ image: [image], prompt: "neon" })).data[0].b64_json);
assert.equal((await client.images.createVariation({ image, n: 2 })).data.length, 2);
assert.equal((await client.models.retrieve("embedded")).id, "embedded");

await assert.rejects(client.images.generate({ prompt: "x", n: 20 }), OpenAI.BadRequestError);
await assert.rejects(client.models.retrieve("a/b"), OpenAI.NotFoundError);
console.log("done");
