// How much is done, and how long the rest will take as what was done took.
"use strict";

(() => {
  // The seconds that each part is expected to take, about, by its name.
  function expected(kit, records) {
    const { promise } = kit.content;
    const network = networkSeconds(kit, records);
    const parts = new Map();
    kit.groups.forEach((keys, number) => {
      const timer = kit.timer(number);
      parts.set(`group ${number}`, keys.length * (1e-3 * timer.runs + 1e-9 * timer.nanoseconds));
    });
    for (const key of kit.content.promised) {
      for (let number = 0; number < promise.windows; number += 1) {
        parts.set(`window ${number} ${key}`, 2 * promise.queries * network);
      }
    }
    for (const key of kit.labelled) parts.set(`labels ${key}`, kit.content.images.length * network);
    return parts;
  }

  // About how long a network takes: as the reference, or those that were timed.
  function networkSeconds(kit, records) {
    const first = kit.content.groups.length;
    const timed = records.filter((one) => one.is === "group" && one.group >= first)
      .flatMap((one) => Object.values(one.timed).map((times) => times.median_ns));
    const known = kit.content.reference_ns || (timed.length ? fasterseg.median(timed) : 200e6);
    return 1e-9 * known;
  }

  const nameOf = (record) => ({
    group: () => `group ${record.group}`,
    window: () => `window ${record.number} ${record.key}`,
    labels: () => `labels ${record.key}`,
  }[record.is]?.());

  // The share that is done, and a sentence; `seconds` were spent on what was done since `begun`.
  function progress(kit, records, begun, seconds) {
    const parts = expected(kit, records);
    const done = new Set(records.map(nameOf).filter((name) => parts.has(name)));
    const before = new Set(records.slice(0, begun).map(nameOf));
    const total = sum(parts.values());
    const finished = sum([...done].map((name) => parts.get(name)));
    const gained = sum([...done].filter((name) => !before.has(name)).map((name) => parts.get(name)));
    const text = `${done.size} of ${parts.size} measured`;
    const left = (total - finished) * (gained ? seconds / gained : 0);
    return { share: finished / total, text: left ? `${text}, about ${inWords(left)} left` : text };
  }

  const sum = (numbers) => [...numbers].reduce((total, number) => total + number, 0);

  function inWords(seconds) {
    if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, progress, inWords };
})();
