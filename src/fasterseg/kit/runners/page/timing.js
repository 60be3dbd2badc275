// The protocol of a measurement, as run.py of a kit has it: nanoseconds, in whole numbers.
"use strict";

(() => {
  const { median, percentile } = globalThis.fasterseg;
  const STEADY_WITHIN = 0.03; // a canary within so much of its pace is that of a quiet device
  const CANARY_SAMPLES = 5; // so often it is timed between two visits of a group,
  const CANARY_NS = 50e6; // unless that takes so long
  const MOST_TRIES = 3; // so often a group is measured in all, while its canary is off its pace
  const LONG_NS = 200e6; // what takes longer is warmed up once
  const STEPS = 100; // a sample lasts so many steps of the clock: one is below 1 % of it
  const MOST_CALLS = 1 << 16;

  // The smallest step of the clock that is seen, in nanoseconds: browsers make it coarse.
  function clockStep(now = () => performance.now()) {
    const steps = [];
    let last = now();
    while (steps.length < 200) {
      const next = now();
      if (next > last) steps.push(next - last);
      last = next;
    }
    return Math.max(1, Math.round(Math.min(...steps) * 1e6));
  }

  // Says how long a call takes.  A sample is of as many calls as the clock's step asks for, which is
  // found out once for each call and kept.
  function stopwatch(stepNs, now = () => performance.now()) {
    const counts = new Map();

    async function sample(call, count) {
      const start = now();
      for (let done = 0; done < count; done += 1) await call();
      return (now() - start) * 1e6;
    }

    async function countFor(call) {
      let count = 1;
      for (;;) {
        const spent = await sample(call, count);
        if (spent >= STEPS * stepNs || count >= MOST_CALLS) return count;
        const wanted = spent > 4 * stepNs ? (1.2 * count * STEPS * stepNs) / spent : 4 * count;
        count = Math.min(MOST_CALLS, Math.max(count + 1, Math.ceil(wanted)));
      }
    }

    return async (call) => {
      if (!counts.has(call)) counts.set(call, await countFor(call));
      const count = counts.get(call);
      return { count, ns: (await sample(call, count)) / count };
    };
  }

  const pause = () => new Promise((done) => setTimeout(done)); // so that the page stays usable

  // All times of each call, and the canary's median beside them.  Calls are visited in turn, so that
  // drift of the device hits all alike, and the canary between.
  async function timedInTurn(calls, canary, timer, watch) {
    const found = new Map();
    const canaries = [];
    for (const [key, call] of calls) {
      found.set(key, { times: [], spent: 0, isLong: await warmedUp(call, timer, watch) });
    }
    for (let visit = 1; visit <= timer.visits; visit += 1) {
      await pause();
      canaries.push(...await beats(canary, watch));
      for (const [key, call] of calls) {
        const one = found.get(key);
        if (timer.visits > 1 && !one.isLong) await call(); // the others have used the caches
        while (!hasEnough(one, timer, visit / timer.visits)) {
          const { count, ns } = await watch(call);
          one.times.push(ns);
          one.spent += count * ns;
        }
        await pause();
      }
    }
    canaries.push(...await beats(canary, watch));
    const times = [...found].map(([key, one]) => [key, one.times]);
    return { times: new Map(times), canaryNs: whole(median(canaries)) };
  }

  // Make the calls that do not count; whether they take long.
  async function warmedUp(call, timer, watch) {
    let isLong = false;
    for (let done = 0; done < timer.warmup_runs; done += 1) {
      if (done === 0) isLong = (await watch(call)).ns >= LONG_NS;
      else if (!isLong) await call();
    }
    return isLong;
  }

  const beats = (canary, watch) => several(canary, watch, CANARY_SAMPLES, CANARY_NS);

  // The times of a call, after one that does not count: so many samples, or fewer that take so
  // long.  What takes long is called once, and that counts.
  async function several(call, watch, samples, mostNs) {
    const first = await watch(call);
    if (first.ns >= LONG_NS) return [first.ns];
    const found = [];
    let spent = 0;
    do {
      const { count, ns } = await watch(call);
      found.push(ns);
      spent += count * ns;
    } while (found.length < samples && spent < mostNs);
    return found;
  }

  const hasEnough = ({ times, spent }, timer, share) => (
    times.length >= share * timer.runs && spent >= share * timer.nanoseconds
  );

  const whole = (number) => Math.max(1, Math.round(number));

  // Median, 95th percentile and median distance from the median; the samples.
  function summary(times) {
    const middle = median(times);
    return {
      median_ns: whole(middle),
      p95_ns: Math.max(whole(middle), whole(percentile(times, 95))),
      spread_ns: Math.round(median(times.map((one) => Math.abs(one - middle)))),
      runs: times.length,
    };
  }

  const isSteady = (canary, pace) => Math.abs(canary / pace - 1) <= STEADY_WITHIN;

  // The canary's time on a quiet device: the median of what is near the lower quartile.
  function paceOf(canaries) {
    const ordered = Float64Array.from(canaries).sort();
    const quarter = ordered[Math.floor((ordered.length - 1) / 4)];
    return median(ordered.filter((one) => isSteady(one, quarter)));
  }

  // As many samples of what is promised and of what keeps the beat, in turn.
  async function oneWindow(call, beat, queries, watch) {
    const times = [];
    const paces = [];
    for (let done = 0; done < queries; done += 1) {
      times.push((await watch(call)).ns);
      paces.push((await watch(beat)).ns);
      if (done % 16 === 15) await pause();
    }
    return {
      median_ns: whole(median(times)),
      p95_ns: whole(percentile(times, 95)),
      beat_ns: whole(median(paces)),
    };
  }

  // The windows in which what ran beside kept its pace.
  function counting(windows) {
    const pace = paceOf(windows.map((one) => one.beat_ns));
    return windows.filter((one) => isSteady(one.beat_ns, pace));
  }

  function wantsMore(windows, promise) {
    if (windows.length < promise.windows) return true;
    return windows.length < promise.most && counting(windows).length < promise.needed;
  }

  // What is promised: medians over windows, at the pace of a reference that takes `knownNs`.
  function promisedBy(windows, promise, knownNs) {
    const steady = counting(windows);
    const chosen = promise.needed ? steady : windows;
    const beat = median(chosen.map((one) => one.beat_ns));
    const known = knownNs || beat;
    const at = (name) => median(chosen.map((one) => (one[name] * known) / one.beat_ns));
    const [middle, late] = [at("median_ns"), at("p95_ns")];
    const far = windows.map((one) => (
      Math.abs((one.median_ns * known) / one.beat_ns / middle - 1)
    ));
    return {
      median_ns: whole(middle),
      p95_ns: Math.max(whole(middle), whole(late)),
      windows: windows.length,
      queries: promise.queries,
      steady_windows: promise.needed
        ? steady.length : far.filter((one) => one <= STEADY_WITHIN).length,
      spread_ppm: Math.round(Math.max(...far) * 1e6),
      pace_ppm: whole((beat / known) * 1e6),
    };
  }

  const distance = (one, pace) => Math.abs(one.canary_ns / pace - 1);

  // Of each group the measurement whose canary was nearest to its pace, by number.
  function quietest(records) {
    const pace = records.length ? paceOf(records.map((one) => one.canary_ns)) : 1;
    const found = new Map();
    for (const one of records) {
      const known = found.get(one.group);
      if (!known || distance(one, pace) < distance(known, pace)) found.set(one.group, one);
    }
    return found;
  }

  // The numbers of the groups whose canary never kept its pace.
  function disturbed(records) {
    const pace = records.length ? paceOf(records.map((one) => one.canary_ns)) : 1;
    return [...quietest(records)].filter(([, one]) => distance(one, pace) > STEADY_WITHIN)
      .map(([number]) => number).sort((one, other) => one - other);
  }

  // The group to measure next: what was not yet, then what was disturbed; null at the end.
  function nextGroup(count, records) {
    const tries = Array.from({ length: count }, (_, number) => (
      records.filter((one) => one.group === number).length
    ));
    const fresh = tries.indexOf(0);
    if (fresh >= 0) return fresh;
    const again = disturbed(records).filter((number) => tries[number] < MOST_TRIES);
    again.sort((one, other) => tries[one] - tries[other] || one - other);
    return again.length ? again[0] : null;
  }

  globalThis.fasterseg = {
    ...globalThis.fasterseg, clockStep, stopwatch, several, timedInTurn, summary, paceOf, oneWindow,
    wantsMore, promisedBy, quietest, disturbed, nextGroup, whole,
  };
})();
