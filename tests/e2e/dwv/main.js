// Loads whole instances as dwv does, and returns the pixels that it would draw.

import { App, AppOptions, createView, Index } from "dwv";

const PATIENCE_MS = 10000;

window.show = (works) => Promise.all(works.map(shown));

// Colour as dwv converts it, RGBA; grey as it is stored, since a window would hide differences. In base64.
async function shown({ url, headers }) {
  try {
    const { meta, image } = await Promise.race([loaded(url, headers), givenUp()]);
    const [columns, rows] = image.getGeometry().getSize().getValues();
    if (image.getPhotometricInterpretation().startsWith("MONOCHROME")) {
      const values = image.getBuffer();
      return { sampleBytes: values.BYTES_PER_ELEMENT, pixels: await base64(values) };
    }
    const picture = new ImageData(columns, rows);
    createView(meta, image).generateImageData(picture, new Index([0, 0, 0]));
    return { sampleBytes: 1, pixels: await base64(picture.data) };
  } catch (problem) {
    return { problem: String(problem?.error ?? problem) };
  }
}

function loaded(url, headers) {
  const options = new AppOptions();
  options.viewOnFirstLoadItem = false;
  const app = new App();
  app.init(options);
  return new Promise((resolve, reject) => {
    app.addEventListener("load", ({ dataid }) => resolve(app.getData(dataid)));
    app.addEventListener("error", reject);
    app.loadURLs([url], { requestHeaders: Object.entries(headers).map(([name, value]) => ({ name, value })) });
  });
}

function givenUp() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error("no image came")), PATIENCE_MS));
}

async function base64(values) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const reader = new FileReader();
  reader.readAsDataURL(new Blob([bytes]));
  await new Promise((resolve) => (reader.onload = resolve));
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

window.ready = true;
