// GraphiQL for Foyer: with this server's cookie, subscriptions over a WebSocket, and an example of each
// operation. It copies the values of a response (a room's id, a ticket) into the variables of the examples
// that are opened after it, so that a person can click through each flow.
"use strict";

const h = React.createElement;
const url = new URL("/graphql", location.href).href;

// known has the values from earlier responses, by the name of the variable.
const known = {};

// asGuest sends requests without the cookie, as a person who is not signed in.
let asGuest = false;

async function fetcher({ query, variables, operationName }, { headers = {} } = {}) {
  const { kind, name } = operationOf(query, operationName);
  const operation = { query, variables, operationName: name };
  if (kind === "subscription") return watch(operation, headers);
  const response = await fetch(url, {
    method: "POST",
    credentials: asGuest ? "omit" : "same-origin",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...headers },
    body: JSON.stringify(operation),
  });
  const answer = await response.json();
  if (name !== "IntrospectionQuery") learn(answer.data);
  return answer;
}

// operationOf returns the operation of a document with the given name, or the first: GraphiQL may still have
// the name from the tab before.
function operationOf(query, wanted) {
  const operations = [...query.matchAll(/^\s*(query|mutation|subscription)\b[ \t]*(\w*)/gm)]
    .map(([, kind, name]) => ({ kind, name: name || undefined }));
  return operations.find(({ name }) => name === wanted) ?? operations[0] ?? {};
}

// watch yields the results of a subscription over its own WebSocket. Both end when the reader stops.
async function* watch(operation, headers) {
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization");
  const client = graphqlWs.createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: authorization ? { Authorization: authorization[1] } : {},
    retryAttempts: Infinity,
    shouldRetry: () => true,
  });
  try {
    for await (const state of client.iterate(operation)) {
      learn(state.data);
      yield state;
    }
  } finally {
    client.dispose();
  }
}

// ids names the variable for the id of an object, by the field of the object.
const ids = {
  room: "roomId", entry: "entryId", entries: "entryId", participants: "participantId", user: "userId",
  bans: "banId", recording: "recordingId", recordings: "recordingId", sessions: "sessionId",
};

// learn stores values that later operations may need.
function learn(value, field) {
  if (Array.isArray(value)) return value.forEach((one) => learn(one, field));
  if (value === null || typeof value !== "object") return;
  for (const [name, inside] of Object.entries(value)) {
    if (typeof inside === "string" && ["ticket", "participantId", "slug"].includes(name)) known[name] = inside;
    learn(inside, ["edges", "node"].includes(name) ? field : name); // a node has the name of its list
  }
  if (ids[field] && typeof value.id === "string") known[ids[field]] = value.id;
}

// filled returns an example's variables with the known values.
function filled(variables) {
  if (!variables) return "";
  const fill = (name, value) => (typeof value === "string" && value === "" && known[name]) || value;
  return JSON.stringify(JSON.parse(variables, fill), null, 2);
}

function Examples({ groups, viewer }) {
  const { addTab, queryEditor, variableEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
  const [guest, setGuest] = React.useState(asGuest);
  const open = ({ query, variables }) => {
    addTab();
    setTimeout(() => { // after the new tab exists
      queryEditor.setValue(query);
      variableEditor.setValue(filled(variables));
      queryEditor.focus();
    });
  };
  const choose = (event) => {
    asGuest = event.target.checked;
    setGuest(asGuest);
  };
  return h("section", { "aria-label": "Examples" },
    h("div", { className: "graphiql-doc-explorer-title" }, "Examples"),
    viewer
      ? h("p", null, `Signed in as ${viewer.fullName || viewer.email}. `, h("a", { href: "/logout" }, "Sign out"))
      : h("p", null, h("a", { href: "/login?returnTo=/graphiql" }, "Sign in"), " to be a host."),
    h("label", null, h("input", { type: "checkbox", checked: guest, onChange: choose }),
      " Send as a guest, without my sign-in"),
    groups.map(({ name, examples }) => h("div", { key: name },
      h("h3", null, name),
      h("ul", null, examples.map((example) => h("li", { key: example.name },
        h("button", { type: "button", onClick: () => open(example) }, example.name)))))));
}

// Icon is the icon of the examples in the sidebar. It clicks itself, because the panel is closed at first.
function Icon() {
  const icon = React.useRef(null);
  React.useEffect(() => icon.current.closest("button").click(), []);
  return h("svg", { ref: icon, viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", strokeWidth: 1.5 },
    h("path", { d: "M5 4h14v16H5zM8 8h8M8 12h8M8 16h5" }));
}

async function start() {
  const [groups, answer] = await Promise.all([
    fetch("/graphiql/examples.json").then((response) => response.json()),
    fetcher({ query: "query Viewer { viewer { fullName email } }" }),
  ]);
  const viewer = answer.data?.viewer;
  const plugin = {
    title: "Examples",
    icon: Icon,
    content: () => h(Examples, { groups, viewer }),
  };
  const welcome = "# Foyer's API. Choose an example on the left, or write an operation here.\n\n" +
    "query Viewer {\n  viewer {\n    id\n    fullName\n  }\n}\n";
  ReactDOM.createRoot(document.getElementById("graphiql")).render(
    h(GraphiQL, { fetcher, plugins: [plugin], defaultQuery: welcome,
      defaultEditorToolsVisibility: "variables", shouldPersistHeaders: false }));
}

start();
