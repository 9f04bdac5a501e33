package apps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts/apps"
	"foyer/auth"
	"foyer/ent"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

const (
	secret  = "a secret of at least 32 bytes, for tests"
	address = "192.0.2.1"
	adas    = "ada@example.org"
)

// world is Tokens and a Registry on a database of the test's own.
type world struct {
	*env.World
	*apps.Registry

	tokens *apps.Tokens
}

func newWorld(
	t *testing.T, db *ent.Client, rdb redis.UniversalClient, change func(*apps.Settings),
) *world {
	t.Helper()
	w := env.EmptyWorld(t, env.Setup{DB: db, Redis: rdb})
	settings := apps.Settings{Secret: secret, TTL: 10 * time.Minute}
	if change != nil {
		change(&settings)
	}
	tokens, err := apps.NewTokens(db, rdb, w.People, settings)
	require.NoError(t, err)
	return &world{w, apps.NewRegistry(db), tokens}
}

// onEach runs a test in an empty world on each database.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		rdb, _ := env.Embedded(t)
		test(t, newWorld(t, db, rdb, nil))
	})
}

// app makes an application for example.org, and returns a request of it.
func (w *world) app(t *testing.T, scopes ...string) (*ent.Application, apps.Request) {
	t.Helper()
	if scopes == nil {
		scopes = []string{"rooms:create", "rooms:list"}
	}
	app, secret, err := w.Create(t.Context(), apps.Registration{
		Name: "Portal", EmailDomains: []string{"example.org"}, Scopes: scopes,
	})
	require.NoError(t, err)
	return app, apps.Request{
		ClientID: app.ClientID, Secret: secret, GrantType: "client_credentials", User: adas,
		Address: address,
	}
}

func (w *world) issue(t *testing.T, r apps.Request) string {
	t.Helper()
	token, err := w.tokens.Issue(t.Context(), r)
	require.NoError(t, err)
	return token.AccessToken
}

func TestApplicationActsForAUserOfItsDomainWithItsScopes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		ada, err := w.People.SignIn(t.Context(), auth.Identity{
			Subject: "ada", Email: adas, EmailVerified: true, FullName: "Ada",
		})
		require.NoError(t, err)
		before := time.Now().Truncate(time.Second)
		token, err := w.tokens.Issue(t.Context(), request)
		require.NoError(t, err)
		assert.Equal(t, 10*time.Minute, token.ExpiresIn)
		assert.Equal(t, []string{"rooms:create", "rooms:list"}, token.Scopes)
		viewer, err := w.tokens.Read(t.Context(), token.AccessToken)
		require.NoError(t, err)
		assert.Equal(t, ada.ID, viewer.UserID)
		assert.Equal(t, app.ID, viewer.Application)
		assert.True(t, viewer.IsApplication())
		assert.Equal(t, []auth.Scope{auth.RoomsCreate, auth.RoomsList}, viewer.Scopes)
		assert.WithinRange(t, viewer.ExpiresAt, before.Add(10*time.Minute), time.Now().Add(10*time.Minute))
		used := w.DB.Application.GetX(t.Context(), app.ID).LastUsedAt
		require.NotNil(t, used)
		assert.WithinRange(t, *used, before, time.Now())
	})
}

func TestNewUserOfAnApplicationLaterFindsWhatItDidForThem(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		_, request := w.app(t)
		viewer, err := w.tokens.Read(t.Context(), w.issue(t, request))
		require.NoError(t, err)
		assert.Nil(t, w.DB.User.GetX(t.Context(), viewer.UserID).Subject)
		_, err = w.Rooms.Create(auth.NewContext(t.Context(), viewer), rooms.CreateInput{Name: "Lesson"})
		require.NoError(t, err)
		ada, err := w.People.SignIn(t.Context(), auth.Identity{
			Subject: "ada", Email: adas, EmailVerified: true, FullName: "Ada",
		})
		require.NoError(t, err)
		mine, err := w.Rooms.List(env.As(ada), nil, nil)
		require.NoError(t, err)
		require.Len(t, mine.Edges, 1)
		assert.Equal(t, "Lesson", mine.Edges[0].Node.Name)
	})
}

func TestRevocationEndsTokensInUseImmediately(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		_, other := w.app(t)
		token, others := w.issue(t, request), w.issue(t, other)
		_, err := w.tokens.Read(t.Context(), token)
		require.NoError(t, err)
		require.NoError(t, w.Revoke(t.Context(), app.ClientID))
		_, err = w.tokens.Read(t.Context(), token)
		env.AssertFault(t, fault.Unauthenticated, err)
		_, err = w.tokens.Read(t.Context(), others)
		require.NoError(t, err)
		require.NoError(t, w.Revoke(t.Context(), app.ClientID), "twice is fine")
		_, err = w.Rotate(t.Context(), app.ClientID, time.Hour)
		env.AssertFault(t, fault.Conflict, err)

		w.DB.Application.DeleteOneID(app.ID).ExecX(t.Context())
		_, err = w.tokens.Read(t.Context(), token)
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestRemovedScopeEndsForTokensInUse(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		token := w.issue(t, request)
		app.Update().SetScopes([]string{"rooms:list", "rooms:delete"}).ExecX(t.Context())
		viewer, err := w.tokens.Read(t.Context(), token)
		require.NoError(t, err)
		assert.Equal(t, []auth.Scope{auth.RoomsList}, viewer.Scopes, "and no new one comes to it")
	})
}

func TestApplicationWithInvalidInputIsRefused(t *testing.T) {
	t.Parallel()
	good := apps.Registration{
		Name: "Portal", EmailDomains: []string{"example.org"}, Scopes: []string{"rooms:list"},
	}
	tests := map[string]func(*apps.Registration){
		"no name":           func(r *apps.Registration) { r.Name = " " },
		"a long name":       func(r *apps.Registration) { r.Name = strings.Repeat("a", 101) },
		"a name of lines":   func(r *apps.Registration) { r.Name = "a\nb" },
		"a name of bytes":   func(r *apps.Registration) { r.Name = "\xff" },
		"no domain":         func(r *apps.Registration) { r.EmailDomains = nil },
		"an empty domain":   func(r *apps.Registration) { r.EmailDomains = []string{""} },
		"a host":            func(r *apps.Registration) { r.EmailDomains = []string{"localhost"} },
		"a trailing dot":    func(r *apps.Registration) { r.EmailDomains = []string{"example.org."} },
		"an @":              func(r *apps.Registration) { r.EmailDomains = []string{"@example.org"} },
		"a wild card":       func(r *apps.Registration) { r.EmailDomains = []string{"*.example.org"} },
		"a Kelvin sign":     func(r *apps.Registration) { r.EmailDomains = []string{"\u212aelvin.example"} },
		"a hundred and one": func(r *apps.Registration) { r.EmailDomains = make([]string, 101) },
		"no scope":          func(r *apps.Registration) { r.Scopes = nil },
		"an unknown scope":  func(r *apps.Registration) { r.Scopes = []string{"rooms:list", "rooms:admit"} },
	}
	onEach(t, func(t *testing.T, w *world) {
		for name, spoil := range tests {
			in := good
			spoil(&in)
			_, _, err := w.Create(t.Context(), in)
			assert.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
		}
		assert.Zero(t, w.DB.Application.Query().CountX(t.Context()))
		in := good
		in.EmailDomains = []string{"Example.ORG", "example.org", "b.example", "Café.example", "xn--caf-dma.example"}
		app, secret, err := w.Create(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, []string{"b.example", "example.org", "xn--caf-dma.example"}, app.EmailDomains)
		stored := w.DB.Application.GetX(t.Context(), app.ID)
		assert.NotContains(t, string(stored.SecretHash), secret)
		assert.NotContains(t, stored.String(), secret)
		assert.Len(t, stored.SecretHash, 32)
		for _, id := range []string{"", "nobody", "\x00", uuid.NewString()} {
			env.AssertFault(t, fault.NotFound, w.Revoke(t.Context(), id))
			_, err := w.Rotate(t.Context(), id, 0)
			env.AssertFault(t, fault.NotFound, err)
		}
	})
}

func TestTokenRequestsAreLimitedByAddressAndByClient(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		limited := func(address, client int) *world {
			return newWorld(t, env.SQLite(t), rdb, func(s *apps.Settings) {
				s.KeyPrefix, s.PerAddress, s.PerClient = prefix+uuid.NewString(), address, client
			})
		}
		ask := func(w *world, r apps.Request) fault.Kind {
			_, err := w.tokens.Issue(t.Context(), r)
			if err == nil {
				return ""
			}
			if fault.Is(err, fault.RateLimited) {
				assert.Positive(t, fault.Of(err).Details["retryAfter"])
			}
			return fault.Of(err).Kind
		}

		w := limited(2, 0)
		_, good := w.app(t)
		bad := good
		bad.Secret = "x"
		assert.Equal(t, fault.Unauthenticated, ask(w, bad))
		assert.Equal(t, fault.Unauthenticated, ask(w, bad))
		assert.Equal(t, fault.RateLimited, ask(w, bad))
		assert.Equal(t, fault.RateLimited, ask(w, good))
		good.Address = "192.0.2.2"
		assert.Empty(t, ask(w, good), "from elsewhere")

		w = limited(0, 1)
		_, good = w.app(t)
		_, other := w.app(t)
		bad = good
		bad.Secret = "x"
		for range 3 {
			assert.Equal(t, fault.Unauthenticated, ask(w, bad), "nobody uses up what another may ask for")
		}
		assert.Empty(t, ask(w, good))
		assert.Equal(t, fault.RateLimited, ask(w, good))
		assert.Empty(t, ask(w, other))
	})
}
