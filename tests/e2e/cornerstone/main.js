// Loads one image as a viewer does, by Cornerstone3D's own loader, and tells what came when.

import { cache, init, ProgressiveRetrieveImages } from "@cornerstonejs/core";
import loader from "@cornerstonejs/dicom-image-loader";

const SHOWN_ROWS = 480;
const PATIENCE_MS = 10000;

let authorization = "";

// The loader's range mode asks by fetch, and asks nobody for headers: a key has to be added here.
const plainFetch = window.fetch.bind(window);
window.fetch = (url, options = {}) =>
  plainFetch(url, { ...options, headers: { ...options.headers, Authorization: authorization } });

await init();
loader.init({
  maxWebWorkers: 1,
  wasmBasePath: "./",
  beforeSend: () => ({ Authorization: authorization }),
});

window.setKey = (key) => {
  authorization = `Bearer ${key}`;
};

// Returns each image that could be shown, in the order in which they came: milliseconds, size, SHA-256 of its pixels.
window.load = async ({ url, metadata, stages, retrieveOptions, title }) => {
  cache.purgeCache();
  document.getElementById("pictures").replaceChildren();
  const imageId = `wadors:${url}`;
  loader.wadors.metaDataManager.add(imageId, metadata);
  const begun = performance.now();
  const came = [];
  const problems = [];
  const listener = {
    successCallback: (_, image) => came.push({ milliseconds: performance.now() - begun, image }),
    errorCallback: (_, last, reason) => problems.push(String(reason)),
    getLoaderImageOptions: () => ({ preScale: { enabled: false } }),
  };
  await new ProgressiveRetrieveImages({ stages, retrieveOptions }).loadImages([imageId], listener);
  if (problems.length) {
    throw new Error(problems.join("; "));
  }
  return Promise.all(came.map((one) => described(one, title)));
};

async function described({ milliseconds, image }, title) {
  const pixels = image.getPixelData();
  show(image, pixels, `${title}: ${image.columns} × ${image.rows} after ${milliseconds.toFixed(0)} ms`);
  return {
    milliseconds,
    rows: image.rows,
    columns: image.columns,
    quality: image.imageQualityStatus,
    transferSyntax: image.transferSyntaxUID,
    sha256: await sha256(pixels),
  };
}

async function sha256(pixels) {
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function show(image, pixels, caption) {
  const canvas = Object.assign(document.createElement("canvas"), { width: image.columns, height: image.rows });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(image.columns, image.rows);
  for (let at = 0; at < pixels.length; at++) {
    const grey = Math.max(0, Math.min(255, pixels[at] >> 4));
    picture.data.set([grey, grey, grey, 255], 4 * at);
  }
  context.putImageData(picture, 0, 0);
  canvas.style.height = `${SHOWN_ROWS}px`;
  canvas.style.imageRendering = "pixelated";
  const figure = document.createElement("figure");
  figure.style.margin = "0";
  figure.append(canvas, Object.assign(document.createElement("figcaption"), { textContent: caption }));
  document.getElementById("pictures").append(figure);
}

// Each image as the loader hands it to a viewport, colour converted: size, samples a pixel, and the pixels in base64.
window.decode = (works) => Promise.all(works.map(decoded));

async function decoded({ url, metadata }) {
  const imageId = `wadors:${url}`;
  // That of a multi-frame image is looked up by the bare path of its first frame.
  for (const key of [imageId, imageId.split("?")[0]]) {
    loader.wadors.metaDataManager.add(key, { ...metadata });
  }
  try {
    const options = { preScale: { enabled: false }, useRGBA: false };
    const image = await Promise.race([loader.wadors.loadImage(imageId, options).promise, givenUp()]);
    const pixels = image.getPixelData();
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    const sampleBytes = pixels.BYTES_PER_ELEMENT;
    const { rows, columns, transferSyntaxUID } = image;
    const samples = pixels.length / (rows * columns);
    return { rows, columns, samples, sampleBytes, transferSyntaxUID, pixels: await base64(bytes) };
  } catch (problem) {
    return { problem: String(problem.error ?? problem) };
  }
}

// The loader never answers when its worker fails to start a decoder.
function givenUp() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error("no image came")), PATIENCE_MS));
}

async function base64(bytes) {
  const reader = new FileReader();
  reader.readAsDataURL(new Blob([bytes]));
  await new Promise((resolve) => (reader.onload = resolve));
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

window.ready = true;
