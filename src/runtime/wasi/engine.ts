/** WebAssembly in Node.js, as far as it is used here; its types are not among Node's. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: abstract new () => WasmMemory;
  /** A program's own fault while it runs, such as `unreachable`. */
  readonly RuntimeError: abstract new () => Error;
}

export const engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
