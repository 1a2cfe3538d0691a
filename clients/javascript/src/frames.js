// Frames from whatever a caller has them in: a camera's stream, an element of a page, or pictures one after another.
import { Problem } from "./problems.js";

const QUALITY = 0.85;
const BACKDROP = "#fff"; // what transparent pictures lie on, as on the server
const PAUSE_MS = 40;

const isA = (value, name) => typeof globalThis[name] === "function" && value instanceof globalThis[name];

/**
 * An asynchronous iterator of encoded frames, as ArrayBuffers. `frames` is a MediaStream, a video, a canvas or an image, of
 * which the newest picture is taken whenever one is asked for and which never end; or an iterable, asynchronous or not, of Blobs,
 * ArrayBuffers or typed arrays (JPEG, WebP or PNG), or of anything that can be drawn into a canvas.
 */
export async function* encodedFrames(frames, width, height) {
  if (isA(frames, "MediaStream")) {
    const video = await playing(frames);
    try {
      yield* newest(video, width, height);
    } finally {
      video.srcObject = null;
    }
  } else if (isDrawable(frames)) {
    yield* newest(frames, width, height);
  } else if (frames?.[Symbol.asyncIterator] || (frames?.[Symbol.iterator] && typeof frames !== "string")) {
    for await (const frame of frames) yield await encoded(frame, width, height);
  } else {
    throw new Problem("frames", "give a MediaStream, a video, a canvas, an image, or pictures one after another");
  }
}

function isDrawable(value) {
  const names = ["HTMLVideoElement", "HTMLCanvasElement", "HTMLImageElement", "OffscreenCanvas", "ImageBitmap", "VideoFrame"];
  return names.some((name) => isA(value, name));
}

async function playing(stream) {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  return video;
}

async function* newest(source, width, height) {
  while (!source.ended) {
    await fresh(source);
    yield await drawn(source, width, height);
  }
}

/** A video's next picture; of what else there is, a moment later. */
function fresh(source) {
  return new Promise((done) => {
    if (source.requestVideoFrameCallback && !source.paused) source.requestVideoFrameCallback(() => done());
    else setTimeout(done, PAUSE_MS);
  });
}

async function encoded(frame, width, height) {
  if (isA(frame, "Blob")) return frame.arrayBuffer();
  if (frame instanceof ArrayBuffer) return frame;
  if (ArrayBuffer.isView(frame)) return frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength);
  if (isDrawable(frame)) return drawn(frame, width, height);
  throw new Problem("frames", "a frame is a Blob, an ArrayBuffer, a typed array, or something that can be drawn");
}

/** As JPEG, cropped to the middle of this shape. */
async function drawn(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false });
  const across = source.videoWidth || source.naturalWidth || source.displayWidth || source.width;
  const down = source.videoHeight || source.naturalHeight || source.displayHeight || source.height;
  const scale = Math.max(width / across, height / down);
  context.fillStyle = BACKDROP;
  context.fillRect(0, 0, width, height);
  const [wide, high] = [across * scale, down * scale];
  context.drawImage(source, (width - wide) / 2, (height - high) / 2, wide, high);
  return (await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY })).arrayBuffer();
}
