// What can go wrong, and how to say it in plain words.
import { Problem } from "../client/problems.js";

const CAMERA_KINDS = {
  NotAllowedError: "camera-denied",
  SecurityError: "camera-denied",
  NotFoundError: "camera-none",
  OverconstrainedError: "camera-none",
  NotReadableError: "camera-busy",
  AbortError: "camera-busy",
};

export function cameraProblem(error) {
  return new Problem(CAMERA_KINDS[error.name] ?? "camera-other", error.message);
}

const WORDS = {
  unreachable: () => ["No answer from the server", "It may be starting, or this device may be offline."],
  lost: () => ["The connection dropped", "Your settings are kept; the page is picking up where it left off."],
  over: () => ["This session is over", "Whoever painted has left. Ask them for another link."],
  restart: () => ["The server is restarting", "Painting goes on by itself in a moment."],
  full: (detail) => [
    "Not just yet",
    detail ? `The server says: ${detail}.` : "The server has no room at the moment. This page keeps asking.",
  ],
  silent: () => [
    "The server stopped answering",
    "The connection is open but nothing comes back, so the page is starting it afresh.",
  ],
  key: (detail) => [
    "This server asks for a key",
    detail === "given" ? "The key you gave was not accepted. Check it, and try once more." : "Ask whoever runs the server for one.",
  ],
  "key-characters": () => ["This server asks for a key", "The one given has characters that a browser cannot send."],
  policy: (detail) => ["The server refused the stream", detail || "It gave no reason."],
  idle: () => ["Nothing was painted for a while", "The server gave the place to others. Painting goes on when you do."],
  "too-big": () => ["A frame was too large for the server", "The page is trying again with smaller ones."],
  server: (detail) => ["The server is unwell", detail || "It answered with an error."],
  students: () => ["No student to paint with", "The server has none that can repaint a picture."],
  "camera-denied": () => [
    "The camera is not allowed here",
    "Your browser has blocked it. Allow the camera beside the address bar, then choose Camera again.",
  ],
  "camera-none": () => ["No camera found", "Plug one in, or paint from a picture instead."],
  "camera-busy": () => ["The camera is in use", "Another program holds it. Close that one, then choose Camera again."],
  "camera-insecure": () => [
    "The camera needs a secure page",
    "Browsers share a camera only over https, or when the address is localhost.",
  ],
  "camera-gone": () => ["The camera went away", "It was unplugged or switched off. Painting goes on from the study."],
  "camera-other": (detail) => ["The camera would not start", detail],
  picture: () => ["That is not a picture this browser can read", "Try a JPEG, PNG or WebP."],
  still: (detail) => ["The still did not come", detail],
  frame: (detail) => ["One frame failed", detail],
  params: (detail) => ["The server did not take that setting", detail],
};

/** `{title, text}` for a person. */
export function inWords(problem) {
  const words = WORDS[problem.kind] ?? ((detail) => ["Something went wrong", detail]);
  const [title, text] = words(problem.detail);
  return { title, text };
}
