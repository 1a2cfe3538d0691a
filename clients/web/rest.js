// The two REST calls the page makes: which students there are, and one still.
import { Problem } from "./problems.js";

const PATIENCE_MS = 8000;
const STILL_PATIENCE_MS = 60000;

// paths are relative to the page: who serves it may have put it under a path of its own
async function ask(path, key, init, patience) {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...init, headers, signal: AbortSignal.timeout(patience) });
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

export async function students(key) {
  const { data } = await ask("v1/models", key, {}, PATIENCE_MS);
  return data;
}

/** One image from words alone, as a Blob. */
export async function still(key, { prompt, student, seed }) {
  const body = { prompt, model: student, seed, n: 1, response_format: "b64_json", output_format: "jpeg" };
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const { data } = await ask("v1/images/generations", key, init, STILL_PATIENCE_MS);
  const bytes = Uint8Array.from(atob(data[0].b64_json), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/jpeg" });
}
