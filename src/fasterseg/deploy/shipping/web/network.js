// The network of this page: its file, checked, and one run of it from pixels to labels.
"use strict";

(() => {
  const { about } = globalThis.fasterseg;
  let session = null;

  // The graph from the page's own server; a page that was opened from a disk may read none.
  async function fetchedGraph() {
    const answer = await fetch("network.onnx");
    if (!answer.ok) throw new Error(`network.onnx: the server answers ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  // Open the graph; an error where it is not the very file that was exported.
  async function openNetwork(graph) {
    if (fasterseg.sha256(graph) !== about.digest) {
      throw new Error("this is not the network’s file, or it was changed: its digest is another");
    }
    session = await fasterseg.openSession(graph);
    await run(new Uint8Array(about.size.height * about.size.width * 3)); // the first is slower
  }

  // Labels of (height, width, 3) bytes at the network's size.
  async function run(pixels) {
    const { height, width } = about.size;
    const image = new ort.Tensor("uint8", pixels, [1, height, width, 3]);
    const found = await session.run({ [session.inputNames[0]]: image });
    return found[session.outputNames[0]].data;
  }

  // What of ImageData is shown, its labels at that size, and the milliseconds of the network's part.
  async function segmented(image) {
    const pixels = fasterseg.resampled(image, about.size);
    const start = performance.now();
    const small = await run(pixels);
    const ms = performance.now() - start;
    const shown = fasterseg.shownOf(image);
    return { shown, labels: fasterseg.nearest(small, about.size, shown), pixels, ms };
  }

  globalThis.fasterseg = {
    ...globalThis.fasterseg, fetchedGraph, openNetwork, run, segmented, isOpen: () => Boolean(session),
  };
})();
