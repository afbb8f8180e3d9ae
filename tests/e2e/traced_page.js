// What instrumentation of a browser does (as OpenTelemetry's): each request of the page tells its place in the page's
// trace, and the page remembers when it began and ended. `page` is {trace_id, span_id} of the page's own span.
function traceRequests(page) {
  const spans = (window.tracedRequests = []);
  const ours = (url) => new URL(url, location.href).pathname.startsWith("/dicom-web/");
  const now = () => performance.timeOrigin + performance.now();
  const begin = (method, url) => {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const span_id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const path = new URL(url, location.href).pathname;
    const span = { span_id, method: method.toUpperCase(), path, start_ms: now(), end_ms: null, status: 0 };
    spans.push(span);
    return span;
  };
  const end = (span, status) => Object.assign(span, { end_ms: now(), status });
  const traceparent = (span) => `00-${page.trace_id}-${span.span_id}-01`;

  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.asksFor = [method, url];
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...body) {
    if (ours(this.asksFor[1])) {
      const span = begin(...this.asksFor);
      this.setRequestHeader("traceparent", traceparent(span));
      this.addEventListener("loadend", () => end(span, this.status));
    }
    return send.call(this, ...body);
  };

  const plainFetch = window.fetch;
  window.fetch = async (resource, options = {}) => {
    const request = new Request(resource, options);
    if (!ours(request.url)) return plainFetch(resource, options);
    const span = begin(request.method, request.url);
    request.headers.set("traceparent", traceparent(span));
    const answer = await plainFetch(request);
    end(span, answer.status);
    return answer;
  };
}
