// The page itself: opens the network, and answers what its user does.
"use strict";

(() => {
  const { about, at, say } = fasterseg;
  const RUNS = 50;
  let last = null; // the picture that is shown, its labels, and the network's pixels
  let busy = false;

  async function show(name, image) {
    const { shown, labels, pixels, ms } = await fasterseg.segmented(image);
    fasterseg.draw(shown, labels);
    const words = fasterseg.tell(name, labels);
    fasterseg.tellTime(ms);
    last = { shown, labels, pixels };
    at("measure").disabled = false;
    return `${name}: ${words.slice(0, 3).join(", ")}; ${fasterseg.ms(ms)}.`;
  }

  // One thing at a time; what goes wrong is said, and the page stays as it was.
  async function alone(work, failing) {
    if (busy || !fasterseg.isOpen()) return;
    busy = true;
    try {
      await work();
    } catch (error) {
      say(`${failing}: ${error.message || error}`);
    } finally {
      busy = false;
    }
  }

  function showFile(name, file) {
    fasterseg.stopCamera();
    return alone(async () => {
      say(`Looking at ${name} …`);
      await new Promise((done) => setTimeout(done)); // so that this is seen and heard
      say(await show(name, await fasterseg.decoded(file)));
    }, `${name} could not be shown`);
  }

  function measure() {
    fasterseg.stopCamera();
    return alone(async () => {
      say(`Timing ${RUNS} runs …`);
      for (let done = 0; done < RUNS; done += 1) {
        const start = performance.now();
        await fasterseg.run(last.pixels);
        fasterseg.tellTime(performance.now() - start);
        await new Promise((next) => setTimeout(next));
      }
      say(`Median ${at("median").textContent}, 95th percentile ${at("p95").textContent}.`);
    }, "The runs could not be timed");
  }

  function offerSamples() {
    at("samples").replaceChildren(...fasterseg.samples.map(({ name, jpeg }) => {
      const image = fasterseg.element("img", { src: `data:image/jpeg;base64,${jpeg}`, alt: "" });
      const button = fasterseg.element("button", { type: "button", className: "sample" }, [image, name]);
      const file = new Blob([fasterseg.bytesOf(jpeg)], { type: "image/jpeg" });
      button.addEventListener("click", () => showFile(name, file));
      return button;
    }));
  }

  function offerDropping() {
    let depth = 0; // of elements that something is dragged over
    const veil = (by) => {
      depth += by;
      at("drop").hidden = depth <= 0;
    };
    addEventListener("dragenter", () => veil(1));
    addEventListener("dragleave", () => veil(-1));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      veil(-depth);
      const [file] = event.dataTransfer.files;
      if (file?.name.endsWith(".onnx")) openChosen(file);
      else if (file) showFile(file.name, file);
    });
  }

  function listen() {
    at("photo").addEventListener("change", () => {
      const [file] = at("photo").files;
      if (file) showFile(file.name, file);
      at("photo").value = ""; // the same photo may be chosen again
    });
    at("network-file").addEventListener("change", () => openChosen(at("network-file").files[0]));
    at("opacity").addEventListener("input", () => last && fasterseg.draw(last.shown, last.labels));
    at("measure").addEventListener("click", measure);
    at("camera").addEventListener("click", () => (
      at("camera").getAttribute("aria-pressed") === "true"
        ? fasterseg.toggleCamera(show)
        : alone(() => fasterseg.toggleCamera(show), "The camera failed")
    ));
    const why = fasterseg.whyNoCamera();
    at("camera").disabled = Boolean(why);
    at("camera-note").hidden = !why;
    at("camera-note").textContent = why;
    offerDropping();
  }

  async function openChosen(file) {
    try {
      await opened(new Uint8Array(await file.arrayBuffer()));
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    }
  }

  async function opened(graph) {
    await fasterseg.openNetwork(graph);
    at("choose-network").hidden = true;
    say("Ready: choose a photo or a sample.");
    at("controls").dataset.ready = "yes";
  }

  async function begin() {
    if (await fasterseg.isolate()) return;
    const threads = Math.min(about.threads, fasterseg.mostThreads());
    const version = await fasterseg.openRuntime(threads);
    const many = threads === 1 ? "one thread" : `${threads} threads`;
    const why = threads < about.threads && !crossOriginIsolated
      ? "; several need localhost or https" : "";
    fasterseg.layOut(`ONNX Runtime Web ${version}, WebAssembly, ${many}${why}`);
    offerSamples();
    listen();
    if (location.protocol === "file:") {
      at("choose-network").hidden = false;
      say("Choose network.onnx to begin.");
    } else {
      await opened(await fasterseg.fetchedGraph());
    }
  }

  begin().catch((error) => say(`The network cannot be opened: ${error.message || error}`));
})();
