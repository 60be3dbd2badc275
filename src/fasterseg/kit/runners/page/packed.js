// The kit: its manifest and files, each as it was packed, and the numbers that graphs read.
"use strict";

(() => {
  const { Refusal, reasonOf, sha256, digestOfValue } = globalThis.fasterseg;
  const SCHEMA = "fasterseg/kit/1";
  const PATTERN = 65536; // so many numbers, over and over, are what a graph reads
  const COPY_AGAIN = "copy the whole kit to this file server once more, then load the page anew";

  const damaged = (name, why) => new Refusal("a file of the kit is missing or was damaged", {
    where: name, why, next: COPY_AGAIN,
  });

  async function bytesOfFile(name) {
    try {
      const answer = await fetch(name, { cache: "no-cache" });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    } catch (error) {
      throw damaged(name, reasonOf(error));
    }
  }

  // The manifest's content, its digest, and what is asked of it.
  async function readKit() {
    const text = new TextDecoder().decode(await bytesOfFile("manifest.json"));
    let told;
    try {
      told = JSON.parse(text);
    } catch (error) {
      throw damaged("manifest.json", reasonOf(error));
    }
    if (told?.schema !== SCHEMA) {
      throw damaged("manifest.json", `it is a ${told?.schema}, and this page reads ${SCHEMA}`);
    }
    const digest = digestOfValue(told.content);
    if (told.digest !== digest) {
      throw damaged("manifest.json", "its content does not have the digest that it carries");
    }
    return kitOf(told.content, digest);
  }

  function kitOf(content, digest) {
    const items = new Map(content.items.map((item) => [item.key, item]));
    return {
      content,
      digest,
      items,
      groups: [...content.groups, ...content.network_groups],
      // Groups of networks come after those of blocks.
      timer: (number) => content[number < content.groups.length ? "blocks_timer" : "networks_timer"],
      labelled: content.images.length
        ? content.items.filter((item) => item.role === "file").map((item) => item.key) : [],
      sha256: (name) => content.files[name].sha256,
      read: (name) => readFile(content, name),
    };
  }

  async function readFile(content, name) {
    const bytes = await bytesOfFile(name);
    if (sha256(bytes) !== `sha256:${content.files[name].sha256}`) {
      throw damaged(name, "its digest is not the one that the manifest has");
    }
    return bytes;
  }

  const state = (index) => Math.imul(index, 2654435761) >>> 0;
  const FILLS = {
    bytes: (index) => state(index) >>> 24,
    numbers: (index) => state(index) / 2 ** 31 - 1,
    features: (index) => Math.max(0, state(index) / 2 ** 31 - 1),
  };
  const TYPES = { uint8: Uint8Array, int8: Int8Array, float32: Float32Array };

  // Always the same numbers: noise of an image, both signs, or rectified ones (half are zero).
  function filled(shape, type, fill) {
    if (!TYPES[type] || !FILLS[fill]) {
      throw new Refusal("this kit has numbers that no browser computes with", {
        where: `${type}, ${fill}`, why: "WebAssembly computes in float32",
        next: "pack a kit for onnxruntime-web in float32",
      });
    }
    const number = type === "int8" ? FILLS.bytes : FILLS[fill];
    const pattern = TYPES[type].from({ length: PATTERN }, (_, index) => number(index));
    const numbers = new TYPES[type](shape.reduce((product, length) => product * length, 1));
    for (let at = 0; at < numbers.length; at += PATTERN) {
      numbers.set(pattern.subarray(0, Math.min(PATTERN, numbers.length - at)), at);
    }
    return numbers;
  }

  const inputsOf = (item) => Object.fromEntries(item.inputs.map(({ name, shape, type, fill }) => (
    [name, new globalThis.ort.Tensor(type, filled(shape, type, fill), shape)]
  )));

  globalThis.fasterseg = { ...globalThis.fasterseg, readKit, kitOf, filled, inputsOf };
})();
