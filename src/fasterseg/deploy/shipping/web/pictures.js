// From a picture to the pixels that a network sees, and from its labels back to the picture's size:
// as fasterseg's own `predict --size` does it, to the pixel.
"use strict";

(() => {
  const MOST_SHOWN = 2560; // pixels of the longer side
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

  // What of a picture is shown: itself, or a large one at fewer pixels.
  function shownOf(image) {
    const scale = Math.min(1, MOST_SHOWN / Math.max(image.width, image.height));
    if (scale === 1) return image;
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    const [width, height] = [image.width, image.height].map((side) => Math.ceil(scale * side));
    return pixelsOf(canvas, width, height);
  }

  // (height, width, 3) bytes at a size, from ImageData: along each row and then down each column,
  // each rounded to whole numbers.
  function resampled(image, size) {
    const found = new Uint8Array(size.height * size.width * 3);
    const same = image.width === size.width && image.height === size.height;
    const across = weightsOf(image.width, size.width);
    const down = weightsOf(image.height, size.height);
    const rows = new Float32Array(image.height * size.width); // of one channel: photos are large
    for (let channel = 0; channel < 3; channel += 1) {
      if (same) {
        for (let i = 0; 3 * i < found.length; i += 1) {
          found[3 * i + channel] = image.data[4 * i + channel];
        }
        continue;
      }
      for (let y = 0; y < image.height; y += 1) {
        const start = 4 * y * image.width + channel;
        for (let x = 0; x < size.width; x += 1) {
          rows[y * size.width + x] = weighted(image.data, start, 4, across[x]);
        }
      }
      for (let y = 0; y < size.height; y += 1) {
        for (let x = 0; x < size.width; x += 1) {
          found[3 * (y * size.width + x) + channel] = weighted(rows, x, size.width, down[y]);
        }
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
    ...globalThis.fasterseg, decoded, pixelsOf, shownOf, resampled, nearest, overlaid, sharesOf,
  };
})();
