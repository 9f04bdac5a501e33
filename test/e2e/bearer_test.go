package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// issuer is an issuer of tokens that Foyer accepts.
type issuer struct {
	t    *testing.T
	url  string
	key  *ecdsa.PrivateKey
	away atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	i := &issuer{t: t, key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if i.away.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1"}}})
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// start starts Foyer with settings that accept the issuer's tokens.
func (i *issuer) start(environ ...string) *server {
	return startServer(i.t, append([]string{
		"FOYER_BEARER_ISSUERS=" + i.url + " " + i.url + "/keys", "FOYER_BEARER_AUDIENCE=foyer-api",
		"FOYER_OIDC_LEEWAY=1ms",
	}, environ...)...)
}

func (i *issuer) token(subject string, lasting time.Duration) string {
	i.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": i.url, "sub": subject, "aud": "foyer-api", "name": "Robot " + subject,
		"exp": float64(time.Now().Add(lasting).UnixMilli()) / 1000,
	})
	token.Header["kid"] = "1"
	text, err := token.SignedString(i.key)
	require.NoError(i.t, err)
	return text
}

func TestProgramSignsInWithATokenOfItsIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := i.start()
	robot, other := i.token("robot", time.Hour), i.token("other", time.Hour)
	assert.Equal(t, "Robot robot", text(s.must(robot, `{ viewer { fullName } }`, nil), "viewer.fullName"))
	roomID := s.room(robot, object{})
	s.subscribe(robot, watchLobby, object{"roomId": roomID}).until("lobby.totalCount", "0")
	again := i.token("robot", 2*time.Hour)
	s.subscribe(again, watchLobby, object{"roomId": roomID}).until("lobby.totalCount", "0")
	assert.Equal(t, "FORBIDDEN", s.subscribe(other, watchLobby, object{"roomId": roomID}).refused())
	assert.Empty(t, at(s.must(robot, mySessions, nil), "viewer.sessions"), "a token is no session")
	assert.Equal(t, "UNAUTHENTICATED", s.ask(robot[:len(robot)-4]+"AAAA", `{ viewer { id } }`, nil).code())

	short := s.subscribe(i.token("robot", 10*time.Second), watchLobby, object{"roomId": roomID})
	short.until("lobby.totalCount", "0")
	assert.Equal(t, 4403, short.closed(), "its socket ends with the token")
}

func TestUnreachableIssuerIsNotBlamedOnTheProgram(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.away.Store(true)
	s := i.start()
	robot := i.token("robot", time.Hour)
	var answer response
	assert.Equal(t, http.StatusServiceUnavailable, s.post("/graphql", robot, `{"query": "{viewer{id}}"}`, &answer))
	assert.Equal(t, "UNAVAILABLE", answer.code())
	conn, _, err := (&websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}).
		Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.NoError(t, err)
	defer conn.Close()
	k := &socket{t, conn}
	k.send(object{"type": "connection_init", "payload": object{"Authorization": "Bearer " + robot}})
	assert.Equal(t, websocket.CloseTryAgainLater, k.closed(), "its client comes back")
	i.away.Store(false)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Empty(c, s.ask(robot, `{ viewer { id } }`, nil).Errors)
	})
}
