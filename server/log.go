package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"foyer/ent/database"
	"foyer/internal/telemetry"
	"foyer/server/config"
)

func newLogger(c *config.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Telemetry.LogLevel)) // config.Load has checked it
	options := &slog.HandlerOptions{Level: level}
	if c.Development() {
		return slog.New(telemetry.Logged(slog.NewTextHandler(os.Stderr, options)))
	}
	return slog.New(telemetry.Logged(slog.NewJSONHandler(os.Stderr, options)))
}

// greet prints where things are and, in development mode, what to try.
func greet(out io.Writer, c *config.Config, addr, admin string, hasPage bool) {
	base := "http://" + addr
	fmt.Fprintln(out)
	if hasPage {
		fmt.Fprintf(out, "  Page      %s\n", base)
	} else {
		fmt.Fprintln(out, "  Page      not built: make build does that, and make run")
	}
	fmt.Fprintf(out, "  GraphQL   %s/graphql (POST, and WebSocket: graphql-transport-ws)\n", base)
	if c.Server.GraphiQL != nil && *c.Server.GraphiQL {
		fmt.Fprintf(out, "  GraphiQL  %s/graphiql\n", base)
	}
	fmt.Fprintf(out, "  LiveKit   %s\n", c.LiveKit.PublicURL)
	fmt.Fprintf(out, "  Database  %s\n", databaseName(c.Database.URL))
	if admin != "" {
		fmt.Fprintf(out, "  Inner     http://%s (metrics, profiles, health)\n", admin)
	}
	if c.Redis.URL == "" {
		fmt.Fprintln(out, "  Redis     in this process: waiting guests are forgotten when it ends")
	}
	if !c.Development() {
		return
	}
	fmt.Fprintf(out, `
DEVELOPMENT MODE, because FOYER_SECRET is not set: everybody who reaches this address can sign in as anybody.
`)
	if hasPage {
		fmt.Fprintf(out, "Open %s in a browser: sign in as anybody, and create a room.\n\n", base)
		return
	}
	fmt.Fprintf(out, `In a shell: sign in, create a room, and ask to enter (each line uses the one before):

%s

`, strings.Join(firstSteps(base), "\n"))
}

func databaseName(url string) string {
	if path, ok := strings.CutPrefix(url, database.SQLite("")); ok {
		return path + " (SQLite)"
	}
	return "PostgreSQL"
}

// firstSteps are three shell commands that show Foyer without its page.
func firstSteps(base string) []string {
	const post = `curl -s -H 'content-type: application/json'`
	return []string{
		`TOKEN=$(` + post + ` ` + base + `/dev/login -d '{"name":"Ada","email":"ada@example.org"}'` +
			` | sed 's/.*"token":"\([^"]*\)".*/\1/')`,
		`ROOM=$(` + post + ` -H "authorization: Bearer $TOKEN" ` + base + `/graphql -d '{"query":"mutation { ` +
			`createRoom(input: {name: \"My first room\"}) { room { id slug } } }"}'` +
			` | sed 's/.*"id":"\([^"]*\)".*/\1/')`,
		post + ` ` + base + `/graphql -d "{\"query\":\"mutation { requestEntry(input: {roomId: \\\"$ROOM\\\", ` +
			`displayName: \\\"Guest\\\"}) { ticket entry { id status } } }\"}"`,
	}
}
