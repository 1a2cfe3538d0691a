// Types of Allaprima's client for JavaScript. What the params mean is in docs/wire.md.

export interface Similarity {
  threshold?: number;
  max_skips?: number;
  max_seconds?: number;
  measure?: "change" | "cosine" | "steady";
}

export interface Params {
  prompt?: string | { text: string; weight: number }[];
  negative_prompt?: string;
  seed?: number;
  strength?: number;
  guidance?: number | null;
  format?: "jpeg" | "webp" | "png";
  quality?: number;
  similarity?: Similarity | null;
  transition?: number;
}

export interface ConnectOptions extends Params {
  key?: string;
  student?: string | null;
}

export interface StillOptions {
  key?: string;
  student?: string;
  seed?: number;
  n?: number;
  format?: "jpeg" | "webp" | "png";
  size?: string;
  negative_prompt?: string;
  guidance_scale?: number;
}

/** One picture: encoded (JPEG, WebP or PNG), or something that can be drawn. */
export type Frame = Blob | ArrayBuffer | ArrayBufferView | CanvasImageSource;

/** Pictures one after another, or what always has a newest one. */
export type Frames =
  | AsyncIterable<Frame>
  | Iterable<Frame>
  | MediaStream
  | HTMLVideoElement
  | HTMLCanvasElement
  | HTMLImageElement
  | OffscreenCanvas;

/** What went wrong: `kind` for a program, `message` for a person, `retryAfter` in seconds where the server said when. */
export class Problem extends Error {
  readonly kind: string;
  readonly detail: string;
  readonly retryAfter: number | null;
  readonly isFinal: boolean;
  readonly isAboutKey: boolean;
}

/** One frame, painted. Times are milliseconds. */
export class Painted {
  readonly bytes: Uint8Array;
  readonly frame: number;
  readonly repeated: boolean;
  readonly latency: number;
  readonly timings: { wait: number; decode: number; engine: number; encode: number; rows: number };
  readonly blob: Blob;
  bitmap(): Promise<ImageBitmap>;
}

export class Live {
  readonly student: string;
  readonly size: { width: number; height: number };
  readonly params: Params;
  readonly ready: Record<string, unknown>;
  readonly counts: { sent: number; painted: number; repeated: number; dropped: number; failed: number };
  readonly trouble: string;
  readonly watchUrl: string;
  paint(frames: Frames, params?: Params): AsyncGenerator<Painted, void, void>;
  change(params: Params): Promise<Params>;
  stills(prompt: string, options?: StillOptions): Promise<Blob[]>;
  close(): void;
}

export function connect(url: string | URL, options?: ConnectOptions): Promise<Live>;
export function students(url: string | URL, options?: { key?: string }): Promise<Record<string, unknown>[]>;
export function stills(url: string | URL, prompt: string, options?: StillOptions): Promise<Blob[]>;
