// What was measured, record by record, in the browser's own database: a reload or a crash loses
// nothing that was written.
"use strict";

(() => {
  const DATABASE = "fasterseg-kits";
  const STORE = "journal";

  const answered = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  async function database() {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(STORE, { autoIncrement: true });
      store.createIndex("kit", "kit");
    };
    return answered(request);
  }

  // The journal of a kit in this browser.
  class Journal {
    constructor(opened, kit, records) {
      this.opened = opened;
      this.kit = kit;
      this.records = records;
    }

    static async of(kit) {
      const opened = await database();
      const index = opened.transaction(STORE).objectStore(STORE).index("kit");
      const rows = await answered(index.getAll(IDBKeyRange.only(kit)));
      return new Journal(opened, kit, rows.map((row) => row.record));
    }

    // Once this is done, the record outlives the page.
    async append(record) {
      const change = this.opened.transaction(STORE, "readwrite", { durability: "strict" });
      const ended = new Promise((done, failed) => {
        change.oncomplete = done;
        change.onabort = () => failed(change.error);
      });
      change.objectStore(STORE).add({ kit: this.kit, record });
      await ended;
      this.records.push(record);
    }

    all(kind, key = null) {
      return this.records.filter((one) => one.is === kind && (key === null || one.key === key));
    }

    first(kind, key = null) {
      return this.all(kind, key)[0];
    }

    async forget() {
      const store = this.opened.transaction(STORE, "readwrite").objectStore(STORE);
      const keys = await answered(store.index("kit").getAllKeys(IDBKeyRange.only(this.kit)));
      await Promise.all(keys.map((key) => answered(store.delete(key))));
      this.records = [];
    }
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, Journal };
})();
