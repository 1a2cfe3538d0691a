// Allaprima's client for JavaScript: what a program needs, in one place.
export { Connection } from "./connection.js";
export { connect, Live, Painted } from "./live.js";
export { Pace } from "./pace.js";
export { Problem } from "./problems.js";
export { stills, students } from "./rest.js";
export * as wire from "./wire.js";
