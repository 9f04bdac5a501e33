package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const (
	docs          = "../../docs"
	clientsFolder = "../../client"
	nodeModules   = "../env/node/node_modules"
)

// guestClients are the clients in client/, by the first argument of try.mjs.
var guestClients = []string{"urql", "apollo", "relay", "fetch", "poll"}

// TestDocsShowTheClientsThatAreTested: two pages show every file of client/, word for word.
func TestDocsShowTheClientsThatAreTested(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(clientsFolder + "/*.mjs")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```js title=\"client/([^\"\n]+)\"\n(.*?)```\n")
	shown := map[string]string{}
	for _, name := range []string{"clients.md", "client-libraries.md"} {
		page, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err)
		for _, m := range block.FindAllStringSubmatch(string(page), -1) {
			shown[m[1]] = m[2]
		}
	}
	assert.Len(t, shown, len(files), "files that the pages show")
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(text), shown[filepath.Base(file)], file)
	}
}

// TestDocsClientsAreAdmitted: each client in client/, run by Node, gets into a room.
func TestDocsClientsAreAdmitted(t *testing.T) {
	t.Parallel()
	folder := clientsIn(t)
	s := startServer(t)
	host := s.login("Olga Owner")
	for _, name := range guestClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := s.roomWithSlug(host)
			guest := startGuest(t, folder, name, s.url, room.slug)
			guest.waits()
			s.must(host, admitEntry, decision(room.id, guest.request()))
			guest.isAdmittedTo(room.id)
		})
	}
}

// TestDocsClientsSurviveADeploy: the server stops while guests wait, another replaces it, and its decisions arrive.
func TestDocsClientsSurviveADeploy(t *testing.T) {
	t.Parallel()
	folder := clientsIn(t)
	withoutSecondNet(t, folder)
	environ := append(shared(t), "FOYER_LOBBY_GRACE=10m")
	before := startServer(t, environ...)
	host := before.login("Olga Owner")
	room := before.roomWithSlug(host)
	guests := map[string]*guest{}
	for _, name := range guestClients {
		guests[name] = startGuest(t, folder, name, before.url, room.slug)
	}
	for _, guest := range guests {
		guest.waits()
	}
	require.NoError(t, before.stop())
	time.Sleep(2 * time.Second) // for a while every connection is refused
	after := startServer(t, append(environ, "FOYER_ADDR="+strings.TrimPrefix(before.url, "http://"))...)
	require.Equal(t, before.url, after.url)
	after.must(host, `mutation($id: ID!) { admitAllEntries(input: {roomId: $id}) { entries { id } } }`,
		object{"id": room.id})
	for name, guest := range guests {
		t.Log(name)
		guest.isAdmittedTo(room.id)
	}
}

// TestDocsClientsGetALostPlaceBack: the server dies, and its lobby is lost. The page asks again with its ticket, and
// the guest keeps the entry.
func TestDocsClientsGetALostPlaceBack(t *testing.T) {
	t.Parallel()
	folder, data := clientsIn(t), "FOYER_DATA="+t.TempDir() // the rooms stay; lobby and sessions were in memory
	before := startServer(t, data)
	host := before.login("Olga Owner")
	room := before.roomWithSlug(host)
	guests := map[string]*guest{}
	for _, name := range guestClients {
		guests[name] = startGuest(t, folder, name, before.url, room.slug)
	}
	for _, guest := range guests {
		guest.waits()
	}
	before.kill()
	after := startServer(t, data, "FOYER_ADDR="+strings.TrimPrefix(before.url, "http://"))
	host = after.login("Olga Owner")
	for name, guest := range guests {
		t.Log(name)
		for !after.waitsFor(host, room, guest.request().id) {
			require.Equal(t, "WAITING", text(guest.next(), "status"))
		}
		after.must(host, admitEntry, decision(room.id, guest.request()))
		guest.isAdmittedTo(room.id)
	}
}

// waitsFor reports whether a host sees a guest.
func (s *server) waitsFor(host string, room place, id string) bool {
	s.t.Helper()
	data := s.must(host, `query($id: ID!) { room(id: $id) { lobby { entries { id } } } }`,
		object{"id": room.id})
	for _, entry := range at(data, "room.lobby.entries").([]any) {
		if text(entry, "id") == id {
			return true
		}
	}
	return false
}

// TestDocsSocketAsksForANewTokenWhenOneIsRefused: after 4403 it reconnects with the next token.
func TestDocsSocketAsksForANewTokenWhenOneIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	anna := s.knock(s.room(s.login("Olga Owner"), object{}), "Anna")
	script := writeScript(t, `
		import { WebSocket } from "ws";
		import { createSocket } from "./socket.mjs";
		import { ENTRY } from "./guest.mjs";
		globalThis.WebSocket ??= WebSocket;
		const [url, ticket] = process.argv.slice(2);
		const tokens = ["has ended", null];
		const socket = createSocket({ url, token: async () => tokens.shift() });
		socket.on("closed", ({ code }) => console.log(JSON.stringify({ code })));
		for await (const { data } of socket.iterate({ query: ENTRY, variables: { ticket } })) {
			console.log(JSON.stringify(data));
			break;
		}`)
	said := node(t, script, s.url+"/graphql", anna.ticket)
	assert.Equal(t, "4403", text(env.Receive(t, said), "code"))
	assert.Equal(t, "WAITING", text(env.Receive(t, said), "entry.status"))
	assert.Equal(t, "1000", text(env.Receive(t, said), "code"))
}

// TestDocsClientsReportARefusedToken over HTTP, where the status is 401.
func TestDocsClientsReportARefusedToken(t *testing.T) {
	t.Parallel()
	said := node(t, writeScript(t, `
		import { WebSocket } from "ws";
		import { ROOM } from "./guest.mjs";
		globalThis.WebSocket ??= WebSocket;
		const url = process.argv[2];
		for (const name of ["urql", "apollo", "relay", "fetch"]) {
			const { connect } = await import("./" + name + ".mjs");
			const { errors } = await connect({ url, token: async () => "has ended" }).ask(ROOM, { slug: "a" });
			console.log(JSON.stringify(errors[0].extensions));
		}`), startServer(t).url+"/graphql")
	for range 4 {
		assert.Equal(t, "UNAUTHENTICATED", text(env.Receive(t, said), "code"))
	}
	assert.Nil(t, env.Receive(t, said))
}

// TestDocsGuestIgnoresOlderStates: a late state does not replace a newer one.
func TestDocsGuestIgnoresOlderStates(t *testing.T) {
	t.Parallel()
	said := node(t, writeScript(t, `
		import { enter } from "./guest.mjs";
		const entry = (status, version) => ({ entry: { status, version } });
		const foyer = {
			ask: async () => ({ data: { requestEntry: { ticket: "t", ...entry("WAITING", 5) } } }),
			watch(query, variables, { next }) {
				const states = [entry("ENDED", 4), entry("WAITING", 5), entry("DENIED", 6)];
				setTimeout(() => states.forEach((data) => next({ data })));
				return () => {};
			},
		};
		const show = (state) => console.log(JSON.stringify(state));
		await enter(foyer, { roomId: "r", tickets: { getItem() {}, setItem() {} }, show });`))
	for _, status := range []string{"WAITING", "WAITING", "DENIED"} {
		assert.Equal(t, status, text(env.Receive(t, said), "status"))
	}
	assert.Nil(t, env.Receive(t, said))
}

// TestDocsManifestIsEnough: a server that accepts only the documents of client/ serves the clients, which send them
// unchanged, and accepts a hash instead of a document.
func TestDocsManifestIsEnough(t *testing.T) {
	t.Parallel()
	folder := clientsIn(t)
	printed, err := exec.Command("node", filepath.Join(folder, "manifest.mjs")).Output()
	require.NoError(t, err)
	documents := map[string]string{}
	require.NoError(t, json.Unmarshal(printed, &documents))
	manifest := filepath.Join(t.TempDir(), "documents.json")
	require.NoError(t, os.WriteFile(manifest, printed, 0o600))

	environ := shared(t)
	hosts := startServer(t, environ...)
	guests := startServer(t, append(environ, "FOYER_TRUSTED_DOCUMENTS="+manifest)...)
	host := hosts.login("Olga Owner")
	for _, name := range []string{"relay", "fetch"} {
		room := hosts.roomWithSlug(host)
		guest := startGuest(t, folder, name, guests.url, room.slug)
		guest.waits()
		hosts.must(host, admitEntry, decision(room.id, guest.request()))
		guest.isAdmittedTo(room.id)
	}
	assert.Equal(t, "INVALID", guests.ask("", `{ viewer { id } }`, nil).code())
	room := hosts.roomWithSlug(host)
	for hash, document := range documents {
		if strings.HasPrefix(document, "query") {
			var a response
			guests.post("/graphql", "", `{"variables": {"slug": "`+room.slug+`"}, "extensions":
				{"persistedQuery": {"version": 1, "sha256Hash": "`+hash+`"}}}`, &a)
			assert.Equal(t, room.id, text(a.Data, "room.id"))
		}
	}
}

// place is a room that guests ask to enter.
type place struct{ id, slug string }

func (s *server) roomWithSlug(host string) place {
	s.t.Helper()
	data := s.must(host, createRoom, object{"input": object{"name": "A room"}})
	return place{text(data, "createRoom.room.id"), text(data, "createRoom.room.slug")}
}

// clientsIn copies client/ to where Node finds the packages that it imports.
func clientsIn(t *testing.T) string {
	t.Helper()
	modules, err := filepath.Abs(nodeModules)
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(modules, "relay-runtime"),
		"the packages of test/env/node are not there: make test, or npm ci in that folder, installs them")
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(clientsFolder)))
	require.NoError(t, os.Symlink(modules, filepath.Join(folder, "node_modules")))
	return folder
}

// withoutSecondNet makes a guest's page fail with its subscription, where it would ask again: the client has to
// reconnect by itself.
func withoutSecondNet(t *testing.T, folder string) {
	t.Helper()
	file, net := filepath.Join(folder, "guest.mjs"), "error: () => resolve(),"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), net)
	torn := strings.Replace(string(text), net, "error: (e) => { console.error(e); process.exit(1); },", 1)
	require.NoError(t, os.WriteFile(file, []byte(torn), 0o600))
}

// writeScript writes a script beside the clients and returns its path.
func writeScript(t *testing.T, text string) string {
	t.Helper()
	script := filepath.Join(clientsIn(t), "script.mjs")
	require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
	return script
}

// guest is a client of client/ in its own process.
type guest struct {
	t    *testing.T
	said <-chan object // each state that the guest is shown; closed when the process ends
	last object
}

// startGuest makes a client ask to enter a room.
func startGuest(t *testing.T, folder, client, url, slug string) *guest {
	t.Helper()
	script := filepath.Join(folder, "try.mjs")
	return &guest{t: t, said: node(t, script, client, url+"/graphql", slug, "Grace")}
}

// next returns the next state that the guest is shown.
func (g *guest) next() object {
	g.t.Helper()
	g.last = env.Receive(g.t, g.said)
	require.NotNil(g.t, g.last, "the client ended")
	return g.last
}

// waits expects the status WAITING twice: from requestEntry and then from the subscription.
func (g *guest) waits() {
	g.t.Helper()
	for range 2 {
		require.Equal(g.t, "WAITING", text(g.next(), "status"))
	}
}

func (g *guest) request() request { return request{id: text(g.last, "id")} }

// isAdmittedTo expects an admission with connection details, and the end of the client.
func (g *guest) isAdmittedTo(roomID string) {
	g.t.Helper()
	entry, version := text(g.last, "id"), at(g.last, "version").(float64)
	for text(g.next(), "status") == "WAITING" {
	}
	assert.Equal(g.t, "ADMITTED", text(g.last, "status"))
	assert.Equal(g.t, entry, text(g.last, "id"), "the place was kept")
	assert.Greater(g.t, at(g.last, "version"), version)
	assert.Equal(g.t, roomID, text(g.last, "connectionDetails.roomName"))
	assert.Equal(g.t, "Grace", text(g.last, "connectionDetails.participantName"))
	assert.Regexp(g.t, `^ws://`, text(g.last, "connectionDetails.serverUrl"))
	assert.Regexp(g.t, `^eyJ`, text(g.last, "connectionDetails.participantToken"))
	assert.Nil(g.t, env.Receive(g.t, g.said), "the client ends by itself")
}
