// What was measured as the file that is carried back.
"use strict";

(() => {
  const SCHEMA = "fasterseg/kit-measured/1";

  // The content of measured.json, from a journal that is complete.
  function measured(kit, journal) {
    const { content } = kit;
    const { device, runtime } = journal.first("conditions");
    const floor = journal.first("floor");
    const groups = journal.all("group");
    const canaries = groups.map((one) => one.canary_ns);
    const timed = {};
    for (const [, group] of [...fasterseg.quietest(groups)].sort(([one], [other]) => one - other)) {
      for (const [key, found] of Object.entries(group.timed)) {
        timed[key] = { ...found, canary_ns: group.canary_ns };
      }
    }
    const promised = Object.fromEntries(content.promised.map((key) => [key, {
      ...fasterseg.promisedBy(journal.all("window", key), content.promise, content.reference_ns),
      sha256: kit.sha256(kit.items.get(key).file),
    }]));
    return {
      kit: kit.digest,
      runner: "index.html",
      device,
      runtime,
      floor_ns: floor.floor_ns,
      canary_ns: canaries.length ? fasterseg.whole(fasterseg.paceOf(canaries)) : floor.canary_ns,
      clock_ns: floor.clock_ns,
      timed,
      promised,
      labels: Object.fromEntries(journal.all("labels").map((one) => [one.key, one.labels])),
      unquiet: fasterseg.disturbed(groups).length,
    };
  }

  function measuredFile(kit, journal) {
    const content = measured(kit, journal);
    return JSON.stringify({ schema: SCHEMA, digest: fasterseg.digestOfValue(content), content });
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, measured, measuredFile };
})();
