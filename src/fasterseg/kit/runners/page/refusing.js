// What ends a measurement with a sentence: what, where, why, and what to do next.
"use strict";

(() => {
  class Refusal extends Error {
    constructor(what, { where = "", why = "", next = "" }) {
      super(what);
      this.parts = { where, why, next };
    }
  }

  const reasonOf = (error) => String(error?.message || error).split("\n")[0].slice(0, 200);

  globalThis.fasterseg = { ...globalThis.fasterseg, Refusal, reasonOf };
})();
