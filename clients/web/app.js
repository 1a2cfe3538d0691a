// Where the parts are put together, and nothing else.
import { Connection } from "../client/connection.js";
import { Problem } from "../client/problems.js";
import { stills as makeStills, students } from "../client/rest.js";
import { Kind } from "../client/wire.js";
import { Capture } from "./capture.js";
import { watch } from "./clean.js";
import { Controls } from "./controls.js";
import { Eyes } from "./eyes.js";
import { Meter } from "./meter.js";
import { Painter } from "./painter.js";
import { Params } from "./params.js";
import { Readout } from "./readout.js";
import { Camera, Picture, Study } from "./sources.js";
import { Stage } from "./stage.js";
import { Stills } from "./stills.js";

const KEY = "allaprima.key";
const byId = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);

// in the fragment, which a browser sends to no server: a key in the query would be in every log on the way
const brought = new URLSearchParams(location.hash.slice(1)).get("key");
if (brought) sessionStorage.setItem(KEY, brought);
let key = sessionStorage.getItem(KEY) ?? "";
let student = asked.get("student");
let known = null;
let state = { name: "connecting" };
let isPaused = false;
let source = null;
let inForce = 0;

// a key in the address bar ends up in screenshots and bookmarks
if (brought !== null || asked.has("key")) {
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.delete("key");
  history.replaceState(null, "", address);
}

const meter = new Meter();
const stage = new Stage(byId("stage"), act);
const stills = new Stills(byId("stills"));
const params = new Params((changes) => {
  if (!connection.isReady) return false;
  connection.sendParams(changes);
  return true;
});
const controls = new Controls(byId("palette"), params);
const eyes = new Eyes(byId("eyes-row"), params);
const painter = new Painter(byId("output"), painted);
const connection = new Connection({
  base: document.baseURI, // relative to the page: who serves it may have put it under a path of its own
  prepare,
  diagnose: () => students(document.baseURI, { key }),
  mayTry: () => !document.hidden,
  on: { state: enter, ready, params: heard, error: complained, answer: answered },
});
const capture = new Capture({ canvas: byId("input"), connection, onSent: () => meter.sent() });
new Readout(byId("readout"), meter);

// --- the stream

async function prepare() {
  if (!known) {
    known = (await students(document.baseURI, { key })).filter(({ img2img, eyes }) => img2img !== false || eyes?.length);
    student ??= known[0]?.id;
    offerStudents();
  }
  if (!student) {
    known = null;
    throw new Problem("students");
  }
  return { student, key };
}

function ready(message) {
  offerWatching(message.watch);
  capture.resize(message.width, message.height);
  byId("studio").style.setProperty("--ratio", `${message.width} / ${message.height}`);
  controls.offer(message);
  eyes.offer(message);
  inForce = (message.rev ?? 0) & 0xffff;
  params.begin(message.params);
  controls.show();
  controls.tellUnknown(message.unknown);
  source?.stir?.(0);
  capture.pump();
}

/** An address that others may look at: of this page, with nothing on it but the painting. */
function offerWatching(token) {
  const address = new URL(document.baseURI);
  address.hash = "";
  address.search = new URLSearchParams({ view: "clean", watch: token });
  byId("watch").href = address;
  byId("watch").hidden = false;
}

function heard({ type, unknown, ...message }) {
  params.heard(message);
  controls.show();
  controls.tellUnknown(unknown);
  inForce = message.rev & 0xffff;
  byId("stage").dataset.mixing = "";
  source?.stir?.(message.transition ?? 0);
}

function answered(answer, sent) {
  if (answer.kind === Kind.IMAGE) painter.paint(answer.image, { answer, sent });
  else if (answer.kind === Kind.REPEAT) meter.repeats++;
  else meter.drops++;
  capture.pump();
}

function painted({ answer, sent }) {
  meter.painted(answer, sent);
  stage.painted();
  if (answer.rev === inForce) delete byId("stage").dataset.mixing;
}

function complained({ id, message }) {
  if (id !== undefined) meter.failures++;
  stage.mention(new Problem(id === undefined ? "params" : "frame", message));
  capture.pump();
}

function enter(next) {
  state = next;
  if (next.problem?.kind === "too-big") capture.compressMore();
  if (next.name === "waiting" || next.name === "stopped") stage.hold(next.problem);
  else if (next.name === "open") stage.hold(null);
  tell();
}

// --- saying how it goes

function status() {
  if (state.name === "open") return isPaused ? "paused" : "painting";
  return state.name;
}

const STATUS_WORDS = { painting: "Painting", paused: "Paused", connecting: "Connecting", waiting: "Waiting", stopped: "Stopped" };

function tell() {
  const name = status();
  const element = byId("status");
  document.body.dataset.status = name;
  if (element.textContent !== STATUS_WORDS[name]) element.textContent = STATUS_WORDS[name];
  countDown();
}

function countDown() {
  const seconds = state.name === "waiting" ? Math.ceil((state.retryAt - performance.now()) / 1000) : 0;
  byId("countdown").textContent = seconds > 0 ? `again in ${seconds} s` : "";
}

setInterval(() => state.name === "waiting" && countDown(), 500);

function act(name, value) {
  if (name === "key") {
    key = value;
    sessionStorage.setItem(KEY, key);
  }
  connection.open();
}

// --- students

function offerStudents() {
  const select = byId("student");
  select.replaceChildren(...known.map(({ id, title }) => new Option(title ? `${id} · ${title}` : id, id)));
  if (!known.some(({ id }) => id === student)) select.prepend(new Option(student, student));
  select.value = student;
  byId("student-row").hidden = select.length < 2;
}

byId("student").addEventListener("change", ({ target }) => {
  student = target.value;
  connection.open({ fresh: true });
});

// --- sources

const onFresh = () => capture.pump();

function use(next) {
  source = next;
  stage.mention(null);
  capture.use(next);
  connection.sendParams({}); // or what the last source left might be kept, should the new one look alike
  for (const button of document.querySelectorAll("#sources button")) {
    button.setAttribute("aria-pressed", String(button.dataset.source === next.name));
  }
  if (next.name !== "camera") byId("cameras").hidden = true;
}

async function useCamera(deviceId) {
  try {
    // two streams of one camera do not always go together: let go of the first
    if (source?.name === "camera") use(new Study(onFresh));
    const onGone = () => {
      use(new Study(onFresh));
      stage.mention(new Problem("camera-gone"));
    };
    const camera = await Camera.open({ video: byId("video"), deviceId, onFresh, onGone });
    use(camera);
    await offerCameras(camera.deviceId);
  } catch (problem) {
    stage.mention(problem);
  }
}

async function offerCameras(current) {
  const cameras = await Camera.list();
  const select = byId("cameras");
  select.replaceChildren(...cameras.map(({ label, deviceId }, i) => new Option(label || `Camera ${i + 1}`, deviceId)));
  select.value = current;
  select.hidden = cameras.length < 2;
}

async function usePicture(file) {
  if (!file) return;
  try {
    use(await Picture.open(file, onFresh));
  } catch (problem) {
    stage.mention(problem);
  }
}

const CHOOSE = {
  camera: () => useCamera(),
  picture: () => byId("file").click(),
  pattern: () => use(new Study(onFresh)),
};

byId("sources").addEventListener("click", ({ target }) => CHOOSE[target.closest("button")?.dataset.source]?.());
byId("cameras").addEventListener("change", ({ target }) => useCamera(target.value));
byId("file").addEventListener("change", ({ target }) => {
  usePicture(target.files[0]);
  // or choosing the same file again would be no change
  target.value = "";
});

const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  document.body.dataset.dragging = "";
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) delete document.body.dataset.dragging;
});
addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  delete document.body.dataset.dragging;
  usePicture(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  usePicture(files.find(({ type }) => type.startsWith("image/")));
});

// --- actions

function pause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  byId("pause-word").textContent = isPaused ? "Go on" : "Pause";
  capture.paused = isPaused;
  if (!isPaused) connection.wake();
  tell();
}

async function makeStill() {
  const button = byId("still");
  if (button.disabled) return;
  button.disabled = true;
  const began = performance.now();
  const prompt = controls.prompt;
  const seed = params.get("seed") ?? 0;
  try {
    const [image] = await makeStills(document.baseURI, prompt, { key, student, seed });
    stills.add(image, { prompt, seed, took: performance.now() - began });
  } catch (problem) {
    stage.mention(problem instanceof Problem && problem.kind !== "server" ? problem : new Problem("still", problem.message));
  } finally {
    button.disabled = false;
  }
}

const saveSnapshot = () => stage.saveSnapshot(`allaprima-${meter.framesOut}.png`);
const fullScreen = () => stage.toggleFullScreen();
byId("pause").addEventListener("click", pause);
byId("fullscreen").addEventListener("click", fullScreen);
byId("output").addEventListener("dblclick", fullScreen);
byId("snapshot").addEventListener("click", saveSnapshot);
byId("still").addEventListener("click", makeStill);

const KEYS = { f: fullScreen, s: saveSnapshot, r: () => controls.rollSeed(), p: pause, Escape: () => stage.leaveFill() };
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input:not([type=range], [type=checkbox]), textarea, select");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  KEYS[event.key]?.();
});

// --- the page seen, hidden, online

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  connection.wake();
  capture.pump();
});
addEventListener("online", () => state.name === "waiting" && connection.open());

// --- for tests and the curious

window.allaprima = {
  get framesIn() { return meter.framesIn; },
  get framesOut() { return meter.framesOut; },
  get repeats() { return meter.repeats; },
  get drops() { return meter.drops; },
  get failures() { return meter.failures; },
  get status() { return status(); },
  get problem() { return state.problem?.kind ?? null; },
  get source() { return source?.name ?? null; },
};

document.body.dataset.view = asked.get("view") ?? "whole";
if (asked.has("watch")) {
  watch(asked.get("watch"), stage, byId("output"));
} else {
  if (asked.has("prompt")) params.set("prompt", asked.get("prompt"));
  controls.show();
  CHOOSE.pattern();
  connection.open();
  if (asked.get("source") === "camera") useCamera();
}
