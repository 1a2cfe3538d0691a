// The live protocol `allaprima.v1`, sans I/O: bytes to messages and back. The same bytes as the package wire.

export const SUBPROTOCOL = "allaprima.v1";
export const Kind = Object.freeze({ IMAGE: 1, REPEAT: 2, DROPPED: 3 });
export const Close = Object.freeze({ POLICY: 1008, TOO_BIG: 1009, RESTART: 1012, FULL: 1013, IDLE: 4408 });

const BEARER_PREFIX = "bearer.";
const ID_BYTES = 4;
const HEADER_BYTES = 24;

/** What to offer in the handshake. A browser cannot set headers on a WebSocket, so the key travels as a subprotocol. */
export function subprotocols(key) {
  return key ? [SUBPROTOCOL, BEARER_PREFIX + key] : [SUBPROTOCOL];
}

/** One frame for the server: its id, then the encoded image. */
export function encodeFrame(id, image) {
  const message = new Uint8Array(ID_BYTES + image.byteLength);
  new DataView(message.buffer).setUint32(0, id, true);
  message.set(new Uint8Array(image), ID_BYTES);
  return message;
}

/** The server's answer to one frame; times in milliseconds. Null for bytes that are no answer. */
export function decodeAnswer(buffer) {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const view = new DataView(buffer);
  const milliseconds = (offset) => view.getUint32(offset, true) / 1000;
  return {
    id: view.getUint32(0, true),
    kind: view.getUint8(4),
    rows: view.getUint8(5),
    rev: view.getUint16(6, true),
    wait: milliseconds(8),
    decode: milliseconds(12),
    engine: milliseconds(16),
    encode: milliseconds(20),
    image: new Uint8Array(buffer, HEADER_BYTES),
  };
}

export function encodeParams(changes) {
  return JSON.stringify({ type: "params", ...changes });
}

/** A text message as an object with a `type`, or null for one this page cannot read. */
export function decodeText(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
