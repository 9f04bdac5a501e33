package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// node runs a script of test/env/node and returns each line that it prints, which is JSON. Output on its standard error
// fails the test.
func node(t *testing.T, script string, args ...string) <-chan object {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	command.Dir = "../env/node"
	command.Stderr = complaints{t}
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start(), "the tests need Node: tools/setup.sh")
	said, ended := make(chan object), make(chan struct{})
	t.Cleanup(func() { <-ended }) // errors of the script belong to this test
	go func() {
		defer close(ended)
		defer close(said)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			var line object
			if assert.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text()) {
				select {
				case said <- line:
				case <-t.Context().Done():
				}
			}
		}
		if err := command.Wait(); t.Context().Err() == nil {
			assert.NoError(t, err)
		}
	}()
	return said
}

type complaints struct{ t *testing.T }

func (c complaints) Write(text []byte) (int, error) {
	c.t.Errorf("node: %s (is `npm ci` done in test/env/node?)", text)
	return len(text), nil
}

func TestServerPassesEveryAuditOfGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	passed := 0
	for audit := range node(t, "audit.mjs", s.url+"/graphql") {
		assert.Equal(t, "ok", audit["status"], "%v", audit)
		passed++
	}
	assert.Equal(t, 61, passed)
}

func TestGuestIsAdmittedOverServerSentEvents(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	guest := s.knock(roomID, "Gus Guest")
	said := node(t, "sse.mjs", s.url+"/graphql", watchEntry, toJSON(t, object{"ticket": guest.ticket}))
	status := func(line object) string { return text(line, "next.data.entry.status") }

	require.Equal(t, "WAITING", status(env.Receive(t, said)))
	s.must(host, admitEntry, decision(roomID, guest))
	admitted := env.Receive(t, said)
	require.Equal(t, "ADMITTED", status(admitted), "%v", admitted)
	assert.Equal(t, roomID, text(admitted, "next.data.entry.connectionDetails.roomName"))
	assert.NotEmpty(t, at(admitted, "next.data.entry.connectionDetails.participantToken"))
}

func TestSSEClientLearnsWhyItIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, refused := range map[string]struct{ query, variables, code string }{
		"ticket of nobody": {watchEntry, `{"ticket": "nonsense"}`, "INVALID"},
		"no host":          {watchLobby, `{"roomId": "6c0d5c1e-5d5c-4d0c-8b38-7ad2cbd6fb5a"}`, "UNAUTHENTICATED"},
		"unknown field":    {`subscription { nothing }`, `{}`, "INVALID"},
		"no document":      {`subscription {`, `{}`, "INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := node(t, "sse.mjs", s.url+"/graphql", refused.query, refused.variables)
			answer := env.Receive(t, said)
			errs, _ := at(answer, "next.errors").([]any)
			require.Len(t, errs, 1, "%v", answer)
			assert.Equal(t, refused.code, text(errs[0], "extensions.code"))
			assert.Equal(t, object{"complete": true}, env.Receive(t, said))
		})
	}
}
