package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/rooms"
)

// BenchmarkRoom asks for a room from servers without metrics, with them, and with traces too, in turn, so
// that whatever else the machine does falls on all alike. It reports each one's median, and what that is
// beside the first.
func BenchmarkRoom(b *testing.B) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	defer slog.SetDefault(before)
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	apps := []func(){
		roomQuery(b),
		roomQuery(b, "FOYER_INNER_ADDR=127.0.0.1:9090"),
		roomQuery(b, "FOYER_INNER_ADDR=127.0.0.1:9090", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL),
	}
	took := make([][]time.Duration, len(apps))
	for round := 0; b.Loop(); round++ {
		for i := range apps {
			i = (i + round) % len(apps)
			began := time.Now()
			apps[i]()
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, unit := range []string{"µs/plain", "µs/metrics", "µs/traces"} {
		b.ReportMetric(float64(median(took[i]).Nanoseconds())/1000, unit)
	}
	b.ReportMetric(float64(median(took[1]))/float64(median(took[0])), "metrics-ratio")
	b.ReportMetric(float64(median(took[2]))/float64(median(took[0])), "traces-ratio")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// roomQuery returns a function that asks a server of its own, in this process, for a room.
func roomQuery(b *testing.B, environ ...string) func() {
	b.Helper()
	a := openApp(b, "127.0.0.1:8080", environ...)
	user, err := a.accounts.SignIn(b.Context(), auth.Identity{Subject: "ada", Email: "ada@example.org", EmailVerified: true})
	require.NoError(b, err)
	room, err := a.rooms.Create(auth.NewContext(context.Background(), auth.Viewer{UserID: user.ID}),
		rooms.CreateInput{Name: "A room"})
	require.NoError(b, err)
	body, err := json.Marshal(object{
		"query":     `query Room($id: ID!) { room(id: $id) { id slug name accessLevel viewerRole viewerCanJoin } }`,
		"variables": object{"id": room.ID},
	})
	require.NoError(b, err)
	handler := a.routes()
	return func() {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/graphql", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if !strings.Contains(answer.Body.String(), room.Slug) {
			b.Fatal(answer.Body.String())
		}
	}
}
