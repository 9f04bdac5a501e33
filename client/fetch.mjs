// Foyer with fetch only. Subscriptions are server-sent events: EventSource cannot POST, fetch can.
export function connect({ url, token = async () => null }) {
  async function post(accept, query, variables, signal) {
    const bearer = await token();
    return fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept,
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal,
    });
  }
  return {
    async ask(query, variables) {
      const response = await post("application/graphql-response+json", query, variables);
      return response.json();
    },
    watch(query, variables, sink) {
      const stop = new AbortController();
      const open = () => post("text/event-stream", query, variables, stop.signal);
      follow(open, sink, stop.signal).catch(sink.error);
      return () => stop.abort();
    },
  };
}

// follow passes each event of a subscription to the sink, and connects again when the stream breaks. A
// stream that ends sends `complete`. The first event after a new connection is the whole state.
async function follow(open, { next, complete }, stopped) {
  for (let failures = 0; !stopped.aborted; failures++) {
    try {
      const response = await open();
      if (response.status >= 500) throw new Error(`status ${response.status}`);
      if (!response.ok) return next(await response.json());
      for await (const { event, data } of events(response.body)) {
        failures = 0;
        if (event === "next") next(JSON.parse(data));
        if (event === "complete") return complete();
      }
    } catch (error) {
      if (stopped.aborted) return;
    }
    await sleep(Math.min(500 * 2 ** failures, 8_000) + Math.random() * 500);
  }
}

// events yields the events of a stream until it ends or is silent for too long: Foyer sends a heartbeat
// every 20 seconds.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const silence = setTimeout(() => reader.cancel(), 45_000);
    const { value, done } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").map((line) => line.match(/^(\w*): ?(.*)$/).slice(1));
      yield Object.fromEntries(lines);
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
