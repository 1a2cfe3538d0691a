// Two calls of the REST API: which students there are, and stills from words. `base` is the server's address.
import { addressOf } from "./address.js";
import { Problem } from "./problems.js";

const PATIENCE_MS = 8000;
const STILL_PATIENCE_MS = 60000;

async function ask(base, path, key, init, patience) {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let response;
  try {
    response = await fetch(new URL(path, addressOf(base)), { ...init, headers, signal: AbortSignal.timeout(patience) });
  } catch {
    throw new Problem("unreachable");
  }
  if (response.ok) return response.json();
  if (response.status === 401) throw new Problem("key", key ? "given" : "");
  const retryAfter = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  if (response.status === 429 || (response.status === 503 && retryAfter > 0)) {
    throw new Problem("full", await reason(response), retryAfter > 0 ? retryAfter : null);
  }
  throw new Problem("server", await reason(response));
}

async function reason(response) {
  try {
    const body = await response.json();
    const text = body.error?.message ?? body.detail;
    if (typeof text === "string") return text;
  } catch {
    // a proxy in front of the server answers in HTML: the status says as much
  }
  return `It answered ${response.status} ${response.statusText}`.trim() + ".";
}

/** The students that a server has; the first is its default. Throws a Problem. */
export async function students(base, { key } = {}) {
  const { data } = await ask(base, "v1/models", key, {}, PATIENCE_MS);
  return data;
}

/**
 * Images from words alone, as Blobs, with seeds that follow each other from `seed`, or any. `options` are the server's own:
 * negative_prompt, guidance_scale, size. Throws a Problem.
 */
export async function stills(base, prompt, { key, student, seed, n = 1, format = "jpeg", ...options } = {}) {
  const body = { prompt, model: student, seed, n, response_format: "b64_json", output_format: format, ...options };
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const { data } = await ask(base, "v1/images/generations", key, init, STILL_PATIENCE_MS);
  return data.map(({ b64_json }) => {
    const bytes = Uint8Array.from(atob(b64_json), (character) => character.charCodeAt(0));
    return new Blob([bytes], { type: `image/${format}` });
  });
}
