// Asking the API: one answer over HTTP, or a live stream of states by server-sent events.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;
const SILENCE = 40000; // the server says something every 12 s
const HIDDEN = 30000; // a browser has six connections for a site: a tab that nobody sees gives its one back

export async function ask(address, query, variables = {}) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

// Calls onState with the data of each state, and onChange with "live" or "waiting"; onRefusal gets error codes and may
// return true to end the stream for good. Returns the function that ends it.
export function follow(address, query, { variables = {}, onState, onChange = () => {}, onRefusal = () => false }) {
  let lastId = "";
  let failures = 0;
  let current = null;
  let timer = 0;

  async function connect() {
    timer = 0;
    const attempt = (current = new AbortController());
    try {
      await read(attempt);
    } catch {
      // Whatever broke, the answer is the same: once more, a little later.
    }
    if (current === attempt) again();
  }

  async function read(attempt) {
    let watchdog = setTimeout(() => attempt.abort(), SILENCE);
    try {
      const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
      if (lastId) headers["Last-Event-ID"] = lastId;
      const body = JSON.stringify({ query, variables });
      const response = await fetch(address, { method: "POST", headers, body, signal: attempt.signal, cache: "no-store" });
      if (!response.ok || !response.body) return;
      onChange("live"); // who brings the id of the newest state is told nothing until there is a newer one
      const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let isOpen = true; isOpen; ) {
        const { value, done } = await lines.read();
        clearTimeout(watchdog);
        watchdog = setTimeout(() => attempt.abort(), SILENCE);
        const events = (rest + (value ?? "")).split("\n\n");
        rest = events.pop();
        isOpen = !done && events.every(receive);
        if (isOpen) failures = 0;
      }
      attempt.abort();
    } finally {
      clearTimeout(watchdog);
    }
  }

  // Returns whether the stream goes on after this event.
  function receive(event) {
    const fields = Object.fromEntries(event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]));
    if (fields.event === "complete") return false;
    if (fields.event !== "next") return true;
    const result = JSON.parse(fields.data);
    if (result.errors) {
      if (onRefusal(result.errors.map((error) => error.extensions?.code))) stop();
      return false;
    }
    lastId = fields.id ?? "";
    onState(result.data);
    return true;
  }

  function again() {
    onChange("waiting");
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
    timer = setTimeout(connect, longest / 2 + (Math.random() * longest) / 2);
  }

  function pause() {
    const attempt = current;
    current = null;
    clearTimeout(timer);
    timer = 0;
    attempt?.abort();
  }

  function resume() {
    if (current || timer) {
      if (!timer) return;
      clearTimeout(timer);
    }
    failures = 0;
    connect();
  }

  function stop() {
    document.removeEventListener("visibilitychange", onVisibility);
    pause();
  }

  let hiding = 0;
  function onVisibility() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(pause, HIDDEN);
    else resume();
  }

  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("online", resume);
  connect();
  return stop;
}
