// What stands in the page: picture, legend, times, facts.
"use strict";

(() => {
  const { about } = globalThis.fasterseg;
  const LAST = 256; // pictures that the quantiles are of
  const times = [];
  const at = (id) => document.getElementById(id);
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const ms = (value) => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
  const rows = [];

  const say = (text) => { at("status").textContent = text; };

  function element(name, properties = {}, children = []) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // A swatch is drawn: a style of its own in an element would need looser rules for the page.
  function swatch([red, green, blue]) {
    const name = "http://www.w3.org/2000/svg";
    const drawn = document.createElementNS(name, "svg");
    const square = document.createElementNS(name, "rect");
    drawn.setAttribute("class", "swatch");
    drawn.setAttribute("aria-hidden", "true");
    for (const side of ["width", "height"]) square.setAttribute(side, "14");
    square.setAttribute("fill", `rgb(${red}, ${green}, ${blue})`);
    drawn.append(square);
    return drawn;
  }

  function layOut(runtime) {
    at("title").textContent = about.name;
    document.title = `${about.name} in the browser`;
    about.names.forEach((name, label) => {
      const share = element("td", { className: "number", textContent: "–" });
      const head = element("th", { scope: "row" }, [swatch(about.colours[label]), name]);
      rows.push({ row: element("tr", {}, [head, share]), share });
    });
    at("legend").replaceChildren(...rows.map(({ row }) => row));
    at("promised").textContent = about.promisedMs === null ? "–" : ms(about.promisedMs);
    at("promise").textContent = about.promise;
    at("window").textContent = String(LAST);
    const facts = { ...about.facts, "Computed by": runtime };
    at("facts").replaceChildren(...Object.entries(facts).flatMap(([name, text]) => (
      [element("dt", { textContent: name }), element("dd", { textContent: text })]
    )));
  }

  function draw(image, labels) {
    const canvas = at("shown");
    const painted = fasterseg.overlaid(image, labels, about.colours, at("opacity").value / 100);
    if (canvas.width !== image.width) canvas.width = image.width;
    if (canvas.height !== image.height) canvas.height = image.height;
    canvas.getContext("2d").putImageData(painted, 0, 0);
  }

  // The legend, and the same in words beside the picture.
  function tell(name, labels) {
    const shares = fasterseg.sharesOf(labels, about.names.length);
    rows.forEach(({ row, share }, label) => {
      share.textContent = percent(shares[label]);
      row.className = shares[label] ? "" : "absent";
    });
    const largest = [...shares.keys()].filter((label) => shares[label] >= 0.005)
      .sort((one, other) => shares[other] - shares[one]);
    const words = largest.map((label) => `${about.names[label]} ${percent(shares[label])}`);
    at("shown").setAttribute("aria-label", `${name}, labelled: ${words.join(", ")}`);
    at("caption").textContent = `${name}: ${words.slice(0, 4).join(", ")}`;
    return words;
  }

  function tellTime(value) {
    times.push(value);
    if (times.length > LAST) times.shift();
    const p95 = fasterseg.percentile(times, 95);
    at("median").textContent = ms(fasterseg.median(times));
    at("p95").textContent = ms(p95);
    at("timed").textContent = String(times.length);
    if (about.promisedHere) at("p95").className = p95 <= about.promisedMs ? "good" : "bad";
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, at, say, element, layOut, draw, tell, tellTime, ms };
})();
