// ONNX Runtime Web by WASM: set up once for a page, then a session for each graph.
"use strict";

(() => {
  // Several threads share memory, which a page may do only where it is isolated from others.
  const mostThreads = () => (crossOriginIsolated ? navigator.hardwareConcurrency || 1 : 1);

  // From then on sessions compute on so many threads.  Returns the runtime's version.
  async function openRuntime(threads) {
    const { version, glue, binary } = globalThis.onnxRuntimeWeb;
    const settings = globalThis.ort.env.wasm;
    settings.numThreads = threads;
    settings.wasmBinary = await unpacked(binary);
    const started = new Blob([glue], { type: "text/javascript" });
    settings.wasmPaths = { mjs: URL.createObjectURL(started) };
    globalThis.ort.env.logLevel = "error";
    return version;
  }

  async function unpacked(text) {
    const packed = new Blob([bytesOf(text)]).stream();
    return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  const openSession = (graph) => globalThis.ort.InferenceSession.create(graph, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: globalThis.ort.env.wasm.numThreads,
  });

  globalThis.fasterseg = {
    ...globalThis.fasterseg, mostThreads, openRuntime, openSession, bytesOf,
  };
})();
