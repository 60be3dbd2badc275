// From a picture to the pixels that a network sees, and from its labels back to the picture's size:
// as fasterseg's own `predict --size` does it, to the pixel.
"use strict";

(() => {
  const ROUNDED_UP_FROM = Math.fround(0.5013); // beside halves, which are frequent

  // What a picture's file holds, upright, without a change of its colours, as ImageData.
  async function decoded(file) {
    const bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none",
    });
    const found = pixelsOf(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    return found;
  }

  // What is transparent shows black.
  function pixelsOf(source, width, height) {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
    context.drawImage(source, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  // (height, width, 3) bytes at a size, from ImageData.
  function resampled(image, size) {
    const planes = [0, 1, 2].map((channel) => planeOf(image, channel));
    const found = new Uint8Array(size.height * size.width * 3);
    const across = weightsOf(image.width, size.width);
    const down = weightsOf(image.height, size.height);
    planes.forEach((plane, channel) => {
      const same = image.width === size.width && image.height === size.height;
      const wanted = same ? plane : resized(plane, image, size, across, down);
      for (let i = 0; i < wanted.length; i += 1) found[3 * i + channel] = wanted[i];
    });
    return found;
  }

  function planeOf(image, channel) {
    const plane = new Float32Array(image.width * image.height);
    for (let i = 0; i < plane.length; i += 1) plane[i] = image.data[4 * i + channel];
    return plane;
  }

  // Along each row and then down each column, each rounded to whole numbers.
  function resized(plane, image, size, across, down) {
    const rows = new Float32Array(image.height * size.width);
    for (let y = 0; y < image.height; y += 1) {
      for (let x = 0; x < size.width; x += 1) {
        rows[y * size.width + x] = weighted(plane, y * image.width, 1, across[x]);
      }
    }
    const found = new Float32Array(size.height * size.width);
    for (let y = 0; y < size.height; y += 1) {
      for (let x = 0; x < size.width; x += 1) {
        found[y * size.width + x] = weighted(rows, x, size.width, down[y]);
      }
    }
    return found;
  }

  function weighted(values, start, step, { first, weights }) {
    let sum = 0;
    for (let i = 0; i < weights.length; i += 1) {
      sum += values[start + (first + i) * step] * weights[i];
    }
    return Math.floor(Math.fround(Math.fround(sum) + ROUNDED_UP_FROM));
  }

  // What each pixel counts in each new one: a triangle over the area that it stands for.
  function weightsOf(extent, wanted) {
    const step = extent / wanted;
    const reach = Math.max(step, 1);
    return Array.from({ length: wanted }, (_, place) => {
      const centre = (place + 0.5) * step;
      const first = Math.max(0, Math.trunc(centre - reach + 0.5));
      const end = Math.min(extent, Math.trunc(centre + reach + 0.5));
      const weights = Float64Array.from({ length: end - first }, (__, i) => (
        Math.max(0, 1 - Math.abs((first + i - centre + 0.5) * (1 / reach)))
      ));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return { first, weights: weights.map((weight) => weight * (1 / sum)) };
    });
  }

  // Labels at another size: each pixel's nearest, on the picture's grid.
  function nearest(labels, size, wanted) {
    const rows = placesOf(size.height, wanted.height);
    const columns = placesOf(size.width, wanted.width);
    const found = new labels.constructor(wanted.height * wanted.width);
    for (let y = 0; y < wanted.height; y += 1) {
      for (let x = 0; x < wanted.width; x += 1) {
        found[y * wanted.width + x] = labels[rows[y] * size.width + columns[x]];
      }
    }
    return found;
  }

  const placesOf = (extent, wanted) => Uint32Array.from(
    { length: wanted }, (_, i) => Math.floor(((2 * i + 1) * extent) / (2 * wanted)),
  );

  // The picture with the classes' colours over it, as ImageData; an opacity of 1 hides the picture.
  function overlaid(image, labels, colours, opacity) {
    const found = new ImageData(image.width, image.height);
    for (let i = 0; i < labels.length; i += 1) {
      const colour = colours[labels[i]];
      for (let channel = 0; channel < 3; channel += 1) {
        const at = 4 * i + channel;
        found.data[at] = image.data[at] * (1 - opacity) + colour[channel] * opacity;
      }
      found.data[4 * i + 3] = 255;
    }
    return found;
  }

  // Each class's share of all pixels.
  function sharesOf(labels, classes) {
    const counts = new Float64Array(classes);
    for (const label of labels) counts[label] += 1;
    return counts.map((count) => count / labels.length);
  }

  globalThis.fasterseg = {
    ...globalThis.fasterseg, decoded, pixelsOf, resampled, nearest, overlaid, sharesOf,
  };
})();
