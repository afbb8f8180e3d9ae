// What the tests of docs/browsers.md have a page do. The manual's code is radgate.js beside it.
import * as radgate from "./radgate.js";

const AsyncFunction = (async () => {}).constructor;
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

// Run the manual's example; of the first small and the first whole frame the data come too.
window.example = async (source, token, study, wish) => {
  const shown = [];
  const draw = ({ data, ...frame }) => {
    const first = !shown.some((earlier) => earlier.complete === frame.complete);
    shown.push({ ...frame, data: first ? toBase64(data) : "" });
  };
  const scrolledTo = () => (shown.length === 1 ? wish : undefined);
  const names = { token, study, draw, scrolledTo, ...radgate };
  await new AsyncFunction(...Object.keys(names), source)(...Object.values(names));
  return shown;
};

// The frames of a gRPC-Web answer: flags, and the length of a message or the text of trailers.
window.frames = async (server, method, body) => {
  const answer = await fetch(`${server.url}/radgate.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.key}`, "content-type": "application/grpc-web+proto" },
    body: fromBase64(body),
  });
  const frames = [];
  for await (const [flags, data] of radgate.framesOf(answer.body))
    frames.push([flags, flags < 128 ? data.length : new TextDecoder().decode(data)]);
  return frames;
};

// How a view fails.
window.failure = async (server, study) => {
  try {
    for await (const _ of radgate.viewFrames(server, study));
  } catch (error) {
    return { name: error.name, message: error.message, status: error.status };
  }
};

// Leave a view, and wish until its server has forgotten it; the status of the last wish.
window.leave = async (server, study, series) => {
  let left;
  for await (const frame of radgate.viewFrames(server, study, 0, 0)) {
    left = frame.viewId;
    break;
  }
  for (;;) {
    try {
      await radgate.prioritize(server, left, series);
    } catch (error) {
      return error.status;
    }
  }
};

window.store = (server, files) => radgate.store(server, files.map(fromBase64));
window.ready = true;
