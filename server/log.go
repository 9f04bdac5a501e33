package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"foyer/ent/database"
	"foyer/internal/mail"
	"foyer/internal/telemetry"
)

func newLogger(c *config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked with the configuration
	options := &slog.HandlerOptions{Level: level}
	if c.development() {
		return slog.New(telemetry.Logged(slog.NewTextHandler(os.Stderr, options)))
	}
	return slog.New(telemetry.Logged(slog.NewJSONHandler(os.Stderr, options)))
}

// redisLogger is where the Redis client says what it does about failing connections. Whoever made a
// call hears of its failure anyway.
type redisLogger struct{}

func (redisLogger) Printf(ctx context.Context, format string, args ...any) {
	slog.DebugContext(ctx, "redis: "+fmt.Sprintf(format, args...))
}

// logMail is what becomes of an e-mail in development mode without an SMTP server.
func logMail(ctx context.Context, m mail.Message) error {
	slog.InfoContext(ctx, "an e-mail, not sent since FOYER_SMTP_URL is not set",
		"to", m.To, "subject", m.Subject, "text", m.Text)
	return nil
}

func parseLevel(text string) error { return new(slog.Level).UnmarshalText([]byte(text)) }

// greet says in one block where things are and, in development mode, what to try.
func greet(out io.Writer, c *config, addr, inner string, hasPage bool) {
	base := "http://" + addr
	fmt.Fprintln(out)
	if hasPage {
		fmt.Fprintf(out, "  Page      %s\n", base)
	} else {
		fmt.Fprintln(out, "  Page      not built: make build does that, and make run")
	}
	fmt.Fprintf(out, "  GraphQL   %s/graphql (POST, and WebSocket: graphql-transport-ws)\n", base)
	if c.GraphiQL != nil && *c.GraphiQL {
		fmt.Fprintf(out, "  GraphiQL  %s/graphiql\n", base)
	}
	fmt.Fprintf(out, "  LiveKit   %s\n", c.LiveKitPublicURL)
	fmt.Fprintf(out, "  Database  %s\n", databaseName(c.DatabaseURL))
	if inner != "" {
		fmt.Fprintf(out, "  Inner     http://%s (metrics, profiles, health)\n", inner)
	}
	if c.RedisURL == "" {
		fmt.Fprintln(out, "  Redis     in this process: waiting guests are forgotten when it ends")
	}
	if !c.development() {
		return
	}
	fmt.Fprintf(out, `
DEVELOPMENT MODE, since FOYER_SECRET is not set: whoever reaches this address signs in as anybody.
`)
	if hasPage {
		fmt.Fprintf(out, "Open %s in a browser: sign in with one click, and make a room.\n\n", base)
		return
	}
	fmt.Fprintf(out, `In a shell: sign in, make a room, and knock at it (each line uses the one before):

%s

`, strings.Join(firstSteps(base), "\n"))
}

func databaseName(url string) string {
	if path, ok := strings.CutPrefix(url, database.SQLite("")); ok {
		return path + " (SQLite)"
	}
	return "PostgreSQL"
}

// firstSteps are three shell commands that show what Foyer does without its page.
func firstSteps(base string) []string {
	const post = `curl -s -H 'content-type: application/json'`
	return []string{
		`TOKEN=$(` + post + ` ` + base + `/dev/login -d '{"name":"Ada","email":"ada@example.org"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')`,
		`ROOM=$(` + post + ` -H "authorization: Bearer $TOKEN" ` + base + `/graphql -d '{"query":"mutation { createRoom(input: {name: \"My first room\"}) { room { id slug } } }"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')`,
		post + ` ` + base + `/graphql -d "{\"query\":\"mutation { requestEntry(input: {roomId: \\\"$ROOM\\\", displayName: \\\"Guest\\\"}) { ticket entry { id status } } }\"}"`,
	}
}
