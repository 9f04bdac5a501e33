package main

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// errorOf returns the code of a message that is the error of an operation, and its id.
func errorOf(t testing.TB, message object) (id, code string) {
	t.Helper()
	require.Equal(t, "error", message["type"], "%v", message)
	return text(message, "id"), text(message["payload"].([]any)[0], "extensions.code")
}

// followMore asks for so many more operations of one kind on a socket, and returns the message that comes after
// their first states.
func (k *socket) followMore(n int, query string, variables object) {
	k.t.Helper()
	for i := range n {
		k.send(object{"type": "subscribe", "id": "more " + strconv.Itoa(i),
			"payload": object{"query": query, "variables": variables}})
		require.Equal(k.t, "next", k.receive()["type"])
	}
}

func TestPersonFollowsSoManyLobbiesAndCallsAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host, other := s.login("Olga Owner"), s.login("Otto Owner")
	room := object{"roomId": s.room(host, object{})}
	const most = 50
	first := s.subscribe(host, watchLobby, room)
	first.next()
	first.followMore(most/2-1, watchLobby, room)
	second := s.subscribe(host, watchStatus, room)
	second.next()
	second.followMore(most/2-1, watchStatus, room)

	assert.Equal(t, "RATE_LIMITED", s.subscribe(host, watchLobby, room).refused())
	assert.Equal(t, "RATE_LIMITED", s.subscribe(host, watchStatus, room).refused())
	s.subscribe(other, watchLobby, object{"roomId": s.room(other, object{})}).next()
	second.send(object{"type": "complete", "id": "1"})
	eventually(t, func(c *assert.CollectT) {
		again := s.subscribe(host, watchLobby, room)
		defer again.conn.Close()
		assert.Equal(c, "next", again.receive()["type"])
	})
}

func TestGuestsSocketHasRoomForWhatAGuestAsks(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	const most = 10
	k := s.subscribe("", watchEntry, object{"ticket": s.knock(roomID, "Guest 0").ticket})
	k.next()
	for i := range most {
		k.send(object{"type": "subscribe", "id": strconv.Itoa(i + 2), "payload": object{
			"query": watchEntry, "variables": object{"ticket": s.knock(roomID, "Guest").ticket}}})
		if i < most-1 {
			k.receive()
		}
	}
	id, code := errorOf(t, k.receive())
	assert.Equal(t, "RATE_LIMITED", code)
	assert.Equal(t, strconv.Itoa(most+1), id)
	signedIn := s.subscribe(host, watchStatus, object{"roomId": roomID})
	signedIn.next()
	signedIn.followMore(2*most, watchStatus, object{"roomId": roomID})
}

// TestDocsGuestWhoIsReplacedDoesNotComeBack, for it would replace another page, which came back as well.
func TestDocsGuestWhoIsReplacedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for _, client := range []string{"urql", "apollo", "relay"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			roomID := s.room(s.login("Olga Owner"), object{})
			said := node(t, writeScript(t, `
				import { WebSocket } from "ws";
				import { enter } from "./guest.mjs";
				globalThis.WebSocket ??= WebSocket;
				const [client, url, roomId] = process.argv.slice(2);
				const { connect } = await import("./" + client + ".mjs");
				const store = new Map();
				const tickets = { getItem: (k) => store.get(k), setItem: (k, v) => store.set(k, v) };
				const show = () => console.log(JSON.stringify({ ticket: store.get(roomId) }));
				await enter(connect({ url }), { roomId, displayName: "Anna", tickets, show }).catch((e) =>
					console.log(JSON.stringify({ code: e.code, reason: e.reason, message: e.message })));
				process.exit(0);`), client, s.url+"/graphql", roomID)
			receive(t, said)
			ticket := receive(t, said)
			for range 8 {
				s.subscribe("", watchEntry, ticket).next()
			}
			last := receive(t, said)
			assert.Equal(t, "CONFLICT", last["code"], "%v", last)
			assert.Equal(t, "REPLACED", last["reason"])
			assert.Contains(t, last["message"], "too many places")
			assert.Nil(t, receive(t, said))
		})
	}
}
