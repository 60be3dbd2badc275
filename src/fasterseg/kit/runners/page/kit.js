// The page itself: reads the kit, measures what the journal lacks, offers the file.
"use strict";

(() => {
  const { Refusal } = globalThis.fasterseg;
  const at = (id) => document.getElementById(id);
  const say = (text) => { at("status").textContent = text; };
  const told = (dl, pairs) => dl.replaceChildren(...Object.entries(pairs).flatMap(([name, text]) => (
    [["dt", name], ["dd", text]].map(([tag, content]) => (
      Object.assign(document.createElement(tag), { textContent: content })
    ))
  )));

  // The runtime, on as many threads as the kit is for: another number is another target.
  async function openRuntime(kit) {
    const { backend, threads } = kit.content.target;
    const next = "open it on localhost or over https; or pack a kit with --set target.threads=1";
    if (backend !== "onnxruntime-web") {
      throw new Refusal("this kit is for another runtime", {
        where: `target.backend ${backend}`, why: "a page has ONNX Runtime Web alone",
        next: "python3 run.py; or pack a kit with --set target.backend=onnxruntime-web",
      });
    }
    if (threads > fasterseg.mostThreads()) {
      const why = crossOriginIsolated
        ? `this browser has ${fasterseg.mostThreads()}`
        : "a page that came over plain http has one thread";
      throw new Refusal(`this kit is for ${threads} threads`, { where: location.origin, why, next });
    }
    const version = await fasterseg.openRuntime(threads);
    return {
      name: "onnxruntime-web", version, provider: "wasm", threads,
      precision: kit.content.target.precision,
    };
  }

  // Resumed under the same conditions, or not at all.
  async function begin(kit, journal, runtime) {
    const device = await fasterseg.deviceFacts();
    const stored = journal.first("conditions");
    if (!stored) {
      await journal.append({ is: "conditions", device, runtime });
      return device;
    }
    const known = { ...stored.device, ...stored.runtime };
    const changed = Object.entries({ ...device, ...runtime })
      .filter(([name, value]) => known[name] !== value)
      .map(([name, value]) => `${name} was ${known[name]} and is ${value}`);
    if (changed.length) {
      throw new Refusal("what was measured here before was measured otherwise", {
        where: "this browser", why: changed.join("; "),
        next: "start this page as it was then, or forget it and measure anew",
      });
    }
    return device;
  }

  function show(kit, device, runtime) {
    const { content } = kit;
    const { height, width, classes, threads } = content.target;
    at("title").textContent = `Kit: ${content.name}`;
    document.title = `${content.name}: a kit that measures this device`;
    told(at("facts"), {
      Kit: `${content.items.length} graphs, ${kit.digest.slice(7, 19)}`,
      Target: `images of ${height} × ${width}, ${classes} classes`,
      Runtime: `ONNX Runtime Web ${runtime.version}, WebAssembly, ${
        threads === 1 ? "one thread" : `${threads} threads`}`,
      Browser: device.language,
      System: `${device.system}, ${device.cores} cores`,
      Clock: `steps of ${(fasterseg.clockStep() / 1000).toFixed(1)} µs`,
    });
  }

  function teller(kit, journal) {
    const [begun, start] = [journal.records.length, performance.now()];
    return (records) => {
      const seconds = (performance.now() - start) / 1000;
      const { share, text } = fasterseg.progress(kit, records, begun, seconds);
      at("done").value = share;
      at("told").textContent = text;
    };
  }

  function offer(kit, journal) {
    const text = fasterseg.measuredFile(kit, journal);
    const file = new Blob([text], { type: "application/json" });
    at("download").href = URL.createObjectURL(file);
    at("download").hidden = false;
    at("done").value = 1;
    say("All is measured. Download measured.json and carry it back: fasterseg kit read measured.json.");
  }

  function refused(error) {
    say(error.message);
    if (!(error instanceof Refusal)) console.error(error);
    const parts = { What: error.message, Where: error.parts?.where, Why: error.parts?.why,
      "What to do": error.parts?.next };
    told(at("reasons"), Object.fromEntries(Object.entries(parts).filter(([, text]) => text)));
    at("refused").hidden = false;
  }

  async function measure(kit, journal) {
    at("start").disabled = true;
    say(journal.all("group").length ? "Resumed." : "Measuring …");
    const awake = await navigator.wakeLock?.request("screen").catch(() => null);
    try {
      const tell = teller(kit, journal);
      tell(journal.records);
      await new fasterseg.Measuring(kit, journal, tell).everything();
      offer(kit, journal);
    } catch (error) {
      refused(error);
    } finally {
      await awake?.release();
    }
  }

  async function alone(kit, work) {
    if (!navigator.locks) return work(); // over plain http a browser has none
    return navigator.locks.request(kit.digest, { ifAvailable: true }, (lock) => {
      if (lock) return work();
      throw new Refusal("another page measures this kit already", {
        where: "this browser", why: "two at once would disturb each other",
        next: "close the other page, then load this one anew",
      });
    });
  }

  async function open() {
    if (await fasterseg.isolate()) return;
    const kit = await fasterseg.readKit();
    await alone(kit, async () => {
      const journal = await fasterseg.Journal.of(kit.digest);
      at("anew").disabled = !journal.records.length;
      at("anew").addEventListener("click", async () => {
        await journal.forget();
        location.reload();
      });
      const runtime = await openRuntime(kit);
      show(kit, await begin(kit, journal, runtime), runtime);
      at("anew").disabled = false;
      if (!journal.first("opened")) {
        say("Ready to measure.");
        at("start").disabled = false;
        await new Promise((click) => at("start").addEventListener("click", click, { once: true }));
      }
      await measure(kit, journal);
    });
  }

  if (location.protocol === "file:") {
    refused(new Refusal("this page needs a file server", {
      where: "opened from a disk", why: "there a browser lets it read no file of the kit",
      next: "python3 -m http.server in this folder, then http://localhost:8000",
    }));
  } else {
    open().catch(refused);
  }
})();
