package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/telemetry"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

// BenchmarkRequests asks a server in this process for a room, and for the fifty who wait for it, over
// connections that are kept. Redis is a process of its own, SQLite is not. It reports what processor time a
// request takes in this process: what the client's side does, which allocates nothing, is part of it.
func BenchmarkRequests(b *testing.B) {
	before := slog.Default()
	slog.SetDefault(slog.New(telemetry.Logged(slog.NewJSONHandler(io.Discard, nil))))
	defer slog.SetDefault(before)
	a := openApp(b, "127.0.0.1:8080", "REDIS_URL="+env.StartRedis(b).URL(),
		"FOYER_LOBBY_CAPACITY=0", "FOYER_KNOCKS_PER_ADDRESS=0", "FOYER_KNOCKS_PER_ROOM=0",
		"FOYER_LISTS_PER_USER=0")
	server := httptest.NewServer(a.routes())
	b.Cleanup(server.Close)
	user, err := a.accounts.SignIn(b.Context(), auth.Identity{Subject: "ada", Email: "ada@example.org", EmailVerified: true})
	require.NoError(b, err)
	token, err := a.sessions.Start(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil), user.ID, "")
	require.NoError(b, err)
	host := auth.NewContext(context.Background(), auth.Viewer{UserID: user.ID})
	room, err := a.rooms.Create(host, rooms.CreateInput{Name: "A room"})
	require.NoError(b, err)
	for i := range 50 {
		name := fmt.Sprintf("Guest %d", i)
		_, err := a.lobby.RequestEntry(auth.NewContext(context.Background(), auth.Viewer{Address: "192.0.2.1"}),
			lobby.RequestEntryInput{RoomID: &room.ID, DisplayName: &name})
		require.NoError(b, err)
	}
	for _, request := range []struct{ name, query, more string }{
		{"room", "query Room($id:ID!){room(id:$id){id name slug accessLevel}}", ""},
		{"waiting", "query Waiting($id:ID!){room(id:$id){lobby{entries{id displayName}}}}",
			"Authorization: Bearer " + token + "\r\n"},
	} {
		b.Run(request.name, func(b *testing.B) {
			body, err := json.Marshal(object{"query": request.query, "variables": object{"id": room.ID}})
			require.NoError(b, err)
			const connections = 32
			b.SetParallelism(connections / runtime.GOMAXPROCS(0))
			asking := make(chan func(), connections)
			for range connections {
				asking <- asker(b, server.Listener.Addr().String(), request.more, body)
			}
			b.ResetTimer()
			began := processorTime()
			b.RunParallel(func(pb *testing.PB) {
				for ask := <-asking; pb.Next(); {
					ask()
				}
			})
			b.ReportMetric(float64((processorTime()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// asker returns a function that asks a server one and the same, which allocates nothing.
func asker(b *testing.B, addr, more string, body []byte) func() {
	conn, err := net.Dial("tcp", addr)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	request := fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"+
		"Accept: application/graphql-response+json, application/json\r\n"+
		"%sContent-Length: %d\r\n\r\n%s", more, len(body), body)
	_, err = conn.Write(request)
	require.NoError(b, err)
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	require.NoError(b, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(b, err)
	require.NotContains(b, string(text), "errors")
	buffer := make([]byte, 16<<10)
	return func() {
		_, err := conn.Write(request)
		require.NoError(b, err)
		n := 0
		for !complete(buffer[:n]) {
			more, err := conn.Read(buffer[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += more
		}
	}
}

// complete reports whether an answer is: so ours end, and no part of one does.
func complete(answer []byte) bool { return bytes.HasSuffix(answer, []byte("}}}")) }

func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
