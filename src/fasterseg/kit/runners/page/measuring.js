// One kit in this browser: everything that is finished is in the journal, all else is measured.
"use strict";

(() => {
  const { Refusal, reasonOf } = globalThis.fasterseg;
  const FLOOR_WARMUP = 20;
  const FLOOR_SAMPLES = 200;
  const CANARY_SAMPLES = 50; // so often, and for so long at most, it is timed by itself
  const ALONE_NS = 2e9;

  class Measuring {
    // `tell` is called with the journal's records whenever there is another.
    constructor(kit, journal, tell) {
      Object.assign(this, { kit, journal, tell });
      this.clockNs = fasterseg.clockStep();
      this.watch = fasterseg.stopwatch(this.clockNs);
    }

    async everything() {
      const { content } = this.kit;
      if (this.journal.first("ended")) return;
      await this.openAll();
      await this.withCalls([content.canary], async ([[, canary]]) => {
        this.canary = canary;
        await this.floor();
        await this.groups();
        for (const key of content.promised) await this.promise(key);
      });
      for (const key of this.kit.labelled) await this.labels(key);
      await this.append({ is: "ended" });
    }

    async append(record) {
      await this.journal.append(record);
      this.tell(this.journal.records);
    }

    // Open every graph once: one that does not run here is told before the first hour.
    async openAll() {
      if (this.journal.first("opened")) return;
      for (const key of this.kit.items.keys()) await this.withCalls([key], async () => {});
      await this.append({ is: "opened" });
    }

    // Do something with calls that run an item each once; their sessions are closed afterwards.
    async withCalls(keys, work) {
      const sessions = [];
      try {
        const calls = [];
        for (const key of keys) {
          const session = await this.opened(key);
          sessions.push(session);
          calls.push([key, await this.callOf(key, session)]);
        }
        return await work(calls);
      } finally {
        await Promise.all(sessions.map((session) => session.release()));
      }
    }

    async callOf(key, session) {
      const inputs = fasterseg.inputsOf(this.kit.items.get(key));
      const call = () => session.run(inputs);
      await this.telling(key, call);
      return call;
    }

    async opened(key) {
      const item = this.kit.items.get(key);
      if (!item.file || item.tail) {
        throw new Refusal("this kit is for Python", {
          where: key, why: "what makes labels of its logits is a Python file",
          next: "python3 run.py, or pack a kit for onnxruntime-web with target.tail=graph",
        });
      }
      const graph = await this.kit.read(item.file);
      return this.telling(key, () => fasterseg.openSession(graph));
    }

    async telling(key, work) {
      try {
        return await work();
      } catch (error) {
        throw new Refusal("a graph of this kit does not run here", {
          where: `${this.kit.items.get(key).file} (${key})`, why: reasonOf(error),
          next: "close other pages and load this one anew; or take another browser",
        });
      }
    }

    // What the clock says of a call that does as good as nothing, and the canary by itself.
    async floor() {
      if (this.journal.first("floor")) return;
      await this.withCalls([this.kit.content.floor], async ([[, floor]]) => {
        for (let done = 0; done < FLOOR_WARMUP; done += 1) await floor();
        const samples = async (call, count) => fasterseg.whole(
          fasterseg.median(await fasterseg.several(call, this.watch, count, ALONE_NS)),
        );
        await this.append({
          is: "floor",
          clock_ns: this.clockNs,
          floor_ns: await samples(floor, FLOOR_SAMPLES),
          canary_ns: await samples(this.canary, CANARY_SAMPLES),
        });
      });
    }

    // All groups, and those once more that were disturbed.
    async groups() {
      for (;;) {
        const records = this.journal.all("group");
        const number = fasterseg.nextGroup(this.kit.groups.length, records);
        if (number === null) return;
        await this.inFront(() => this.group(number));
      }
    }

    async group(number) {
      const timer = this.kit.timer(number);
      const { times, canaryNs } = await this.withCalls(this.kit.groups[number], (calls) => (
        fasterseg.timedInTurn(calls, this.canary, timer, this.watch)
      ));
      const timed = [...times].map(([key, found]) => [key, fasterseg.summary(found)]);
      return { is: "group", group: number, canary_ns: canaryNs, timed: Object.fromEntries(timed) };
    }

    // A browser slows down what nobody looks at: what was measured then is measured again.
    async inFront(work) {
      for (;;) {
        while (document.hidden) {
          await new Promise((seen) => {
            document.addEventListener("visibilitychange", seen, { once: true });
          });
        }
        let left = false;
        const notice = () => { left = true; };
        document.addEventListener("visibilitychange", notice);
        const record = await work();
        document.removeEventListener("visibilitychange", notice);
        if (!left) {
          await this.append(record);
          return;
        }
      }
    }

    // The windows of what is promised, by turns with the reference, or else the canary.
    async promise(key) {
      const { promise, reference } = this.kit.content;
      const windows = () => this.journal.all("window", key);
      if (!fasterseg.wantsMore(windows(), promise)) return;
      await this.withCalls(reference ? [key, reference] : [key], async ([[, call], beside]) => {
        const beat = beside ? beside[1] : this.canary;
        for (let done = 0; done < promise.warmup_runs; done += 1) {
          await call();
          await beat();
        }
        while (fasterseg.wantsMore(windows(), promise)) {
          const number = windows().length;
          await this.inFront(async () => ({
            is: "window", key, number,
            ...await fasterseg.oneWindow(call, beat, promise.queries, this.watch),
          }));
        }
      });
    }

    // What a file says of each image of the kit.
    async labels(key) {
      if (this.journal.first("labels", key)) return;
      const session = await this.opened(key);
      const found = [];
      for (const { file, height, width } of this.kit.content.images) {
        const image = new ort.Tensor("uint8", await this.kit.read(file), [1, height, width, 3]);
        const output = await this.telling(key, async () => (
          (await session.run({ [session.inputNames[0]]: image }))[session.outputNames[0]]
        ));
        found.push(await this.packed(key, output, height * width));
      }
      await session.release();
      await this.append({ is: "labels", key, labels: found });
    }

    async packed(key, output, pixels) {
      if (output.data.length !== pixels || output.type.startsWith("float")) {
        throw new Refusal("a file of this kit gives no labels", {
          where: key, why: `its output is ${output.type} ${output.dims.join(" x ")}`,
          next: "pack a kit of files that were exported with --output labels",
        });
      }
      const labels = Uint8Array.from(output.data, Number);
      const stream = new Blob([labels]).stream().pipeThrough(new CompressionStream("deflate"));
      const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
      return base64(bytes);
    }
  }

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return btoa(text);
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, Measuring };
})();
