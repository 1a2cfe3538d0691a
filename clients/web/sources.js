// Where pictures come from. Each source has `isFresh` (something worth sending), `draw(context, width, height)`, which
// makes it stale, and `close()`; it calls `onFresh` when it has something new.
import { Problem } from "../client/problems.js";
import { cameraProblem } from "./problems.js";
import { paintStudy } from "./study.js";

const STUDY_FPS = 30;
const PICTURE_HEARTBEAT_MS = 1000;
const AFTER_CHANGE_MS = 500;

/** The moving scene that needs no one's permission. */
export class Study {
  name = "pattern";
  isFresh = false;
  #request = 0;
  #last = -Infinity;

  constructor(onFresh) {
    const beat = (now) => {
      this.#request = requestAnimationFrame(beat);
      // a little slack, or a 60 Hz screen would give every third refresh instead of every second
      if (now - this.#last < 1000 / STUDY_FPS - 4) return;
      this.#last = now;
      this.isFresh = true;
      onFresh();
    };
    this.#request = requestAnimationFrame(beat);
  }

  draw(context, width, height) {
    this.isFresh = false;
    paintStudy(context, width, height, performance.now() / 1000);
  }

  close() {
    cancelAnimationFrame(this.#request);
  }
}

/** A webcam, cropped to cover the frame, and mirrored when it faces its owner. */
export class Camera {
  name = "camera";
  isFresh = false;
  #video;
  #stream;
  #mirrored;
  #isOpen = true;

  /** Throws a Problem with the reason when there is no camera to be had. */
  static async open({ video, deviceId, onFresh, onGone }) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Problem(window.isSecureContext ? "camera-none" : "camera-insecure");
    const wishes = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { ...wishes, ...which }, audio: false });
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      throw cameraProblem(error);
    }
    return new Camera(video, stream, onFresh, onGone);
  }

  /** The cameras there are; their names are known only once one has been allowed. */
  static async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter(({ kind }) => kind === "videoinput");
  }

  constructor(video, stream, onFresh, onGone) {
    this.#video = video;
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    this.#mirrored = track.getSettings().facingMode !== "environment";
    track.addEventListener("ended", onGone);
    this.#listen(onFresh);
  }

  get deviceId() {
    return this.#stream.getVideoTracks()[0].getSettings().deviceId;
  }

  #listen(onFresh) {
    let last = -1;
    const next = this.#video.requestVideoFrameCallback
      ? (callback) => this.#video.requestVideoFrameCallback(callback)
      : requestAnimationFrame;
    const beat = () => {
      if (!this.#isOpen) return;
      next(beat);
      if (this.#video.currentTime === last) return;
      last = this.#video.currentTime;
      this.isFresh = true;
      onFresh();
    };
    next(beat);
  }

  draw(context, width, height) {
    this.isFresh = false;
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(videoWidth / width, videoHeight / height);
    const [cropWidth, cropHeight] = [width * scale, height * scale];
    context.save();
    if (this.#mirrored) {
      context.translate(width, 0);
      context.scale(-1, 1);
    }
    const [left, top] = [(videoWidth - cropWidth) / 2, (videoHeight - cropHeight) / 2];
    context.drawImage(this.#video, left, top, cropWidth, cropHeight, 0, 0, width, height);
    context.restore();
  }

  close() {
    this.#isOpen = false;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#video.srcObject = null;
  }
}

/** One image file. It does not move, so it is sent when something else changed, and now and then in case an answer was lost. */
export class Picture {
  name = "picture";
  isFresh = true;
  #bitmap;
  #timer;
  #onFresh;
  #livelyUntil = 0;

  static async open(file, onFresh) {
    try {
      return new Picture(await createImageBitmap(file), onFresh);
    } catch {
      throw new Problem("picture");
    }
  }

  constructor(bitmap, onFresh) {
    this.#bitmap = bitmap;
    this.#onFresh = onFresh;
    this.#timer = setInterval(() => this.#refresh(), PICTURE_HEARTBEAT_MS);
  }

  #refresh() {
    this.isFresh = true;
    this.#onFresh();
  }

  /** The server paints differently from now on, for as long as a change of prompt takes. */
  stir(transitionSeconds) {
    this.#livelyUntil = performance.now() + transitionSeconds * 1000 + AFTER_CHANGE_MS;
    this.#refresh();
  }

  draw(context, width, height) {
    this.isFresh = performance.now() < this.#livelyUntil;
    const { width: w, height: h } = this.#bitmap;
    const scale = Math.min(w / width, h / height);
    const [cropWidth, cropHeight] = [width * scale, height * scale];
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#bitmap, (w - cropWidth) / 2, (h - cropHeight) / 2, cropWidth, cropHeight, 0, 0, width, height);
  }

  close() {
    clearInterval(this.#timer);
    this.#bitmap.close();
  }
}
