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

func TestAllBadCredentialsGetTheSameErrorForTheSameWork(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		_, good := w.app(t)
		_, other := w.app(t)
		_, revoked := w.app(t)
		require.NoError(t, w.Revoke(t.Context(), revoked.ClientID))
		_, ended := w.app(t)
		_, err := w.Rotate(t.Context(), ended.ClientID, 0)
		require.NoError(t, err)
		tests := map[string]apps.Request{
			"an unknown client":            {ClientID: "foyer_app_" + strings.Repeat("a", 26), Secret: good.Secret},
			"a wrong secret":               {ClientID: good.ClientID, Secret: good.Secret + "x"},
			"another's secret":             {ClientID: good.ClientID, Secret: other.Secret},
			"no secret":                    {ClientID: good.ClientID},
			"no client":                    {Secret: good.Secret},
			"nothing":                      {},
			"a revoked client":             {ClientID: revoked.ClientID, Secret: revoked.Secret},
			"a revoked one's wrong secret": {ClientID: revoked.ClientID, Secret: "x"},
			"a secret that has ended":      {ClientID: ended.ClientID, Secret: ended.Secret},
			"a client of another case":     {ClientID: strings.ToUpper(good.ClientID), Secret: good.Secret},
			"NUL":                          {ClientID: good.ClientID + "\x00", Secret: good.Secret},
			"invalid UTF-8":                {ClientID: "\xff", Secret: "\xff"},
			"a pattern":                    {ClientID: "%", Secret: good.Secret},
			"a client of a kilobyte":       {ClientID: strings.Repeat("a", 1000), Secret: good.Secret},
		}
		hashes := w.tokens.CountHashes()
		messages := map[string]bool{}
		for name, request := range tests {
			// Other faults are not revealed without valid credentials.
			for _, r := range []apps.Request{request, {
				ClientID: request.ClientID, Secret: request.Secret, Address: address,
				GrantType: "client_credentials", User: adas,
			}} {
				hashes.Store(0)
				_, err := w.tokens.Issue(t.Context(), r)
				env.AssertFault(t, fault.Unauthenticated, err)
				assert.EqualValues(t, 1, hashes.Load(), name)
				assert.Empty(t, fault.Of(err).Details, name)
				messages[err.Error()] = true
			}
		}
		assert.Len(t, messages, 1)
		hashes.Store(0)
		w.issue(t, good)
		assert.EqualValues(t, 1, hashes.Load(), "as many as for good ones")
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

func TestBothSecretsAreValidDuringTheOverlap(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, old := w.app(t)
		reads := func(token string) error {
			_, err := w.tokens.Read(t.Context(), token)
			return err
		}
		next := old
		first := w.issue(t, old)
		var err error
		next.Secret, err = w.Rotate(t.Context(), app.ClientID, time.Hour)
		require.NoError(t, err)
		second, third := w.issue(t, old), w.issue(t, next)
		for _, token := range []string{first, second, third} {
			assert.NoError(t, reads(token))
		}
		// The overlap ends.
		w.DB.Application.UpdateOneID(app.ID).
			SetPreviousSecretEndsAt(time.Now().Add(-time.Second)).ExecX(t.Context())
		_, err = w.tokens.Issue(t.Context(), old)
		env.AssertFault(t, fault.Unauthenticated, err)
		env.AssertFault(t, fault.Unauthenticated, reads(first))
		env.AssertFault(t, fault.Unauthenticated, reads(second))
		assert.NoError(t, reads(third))
		w.issue(t, next)

		last := next
		last.Secret, err = w.Rotate(t.Context(), app.ClientID, time.Hour)
		require.NoError(t, err)
		_, err = w.tokens.Issue(t.Context(), old)
		env.AssertFault(t, fault.Unauthenticated, err)
		env.AssertFault(t, fault.Unauthenticated, reads(first))
		assert.NoError(t, reads(third), "that of the secret before")
		w.issue(t, next)
		w.issue(t, last)

		_, err = w.Rotate(t.Context(), app.ClientID, 0)
		require.NoError(t, err)
		for _, r := range []apps.Request{old, next, last} {
			_, err = w.tokens.Issue(t.Context(), r)
			env.AssertFault(t, fault.Unauthenticated, err)
		}
		env.AssertFault(t, fault.Unauthenticated, reads(third))
	})
}

func TestConcurrentRotationsLeaveASecretThatSomebodyKnows(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		secrets := make(chan string, 10)
		for range cap(secrets) {
			go func() {
				secret, err := w.Rotate(t.Context(), app.ClientID, 0)
				if err != nil {
					env.AssertFault(t, fault.Conflict, err)
				}
				secrets <- secret
			}()
		}
		good := 0
		list := []string{}
		for range cap(secrets) {
			list = append(list, <-secrets)
		}
		for _, secret := range list {
			request.Secret = secret
			if _, err := w.tokens.Issue(t.Context(), request); err == nil {
				good++
			}
		}
		assert.Equal(t, 1, good)
	})
}

func TestUserMustBelongToADomainOfTheApplication(t *testing.T) {
	t.Parallel()
	tests := map[string]fault.Kind{
		"ada@example.org":                         "",
		"ADA@EXAMPLE.ORG":                         "",
		"ada+rooms@Example.org":                   "",
		"ada@xn--caf-dma.example":                 "",
		"ada@example.com":                         fault.Forbidden,
		"ada@sub.example.org":                     fault.Forbidden,
		"ada@notexample.org":                      fault.Forbidden,
		"ada@example.org.evil.example":            fault.Forbidden,
		"ada@org":                                 fault.Forbidden,
		"ada@[127.0.0.1]":                         fault.Forbidden,
		`"ada@example.org"@evil.example`:          fault.Invalid,
		"ada@example.org.":                        fault.Invalid,
		"ada@example.org@evil.example":            fault.Invalid,
		"ada@evil.example(@example.org)":          fault.Invalid,
		"ada@evil.example (example.org)":          fault.Invalid,
		"Ada <ada@example.org>":                   fault.Invalid,
		"<ada@example.org>":                       fault.Invalid,
		"ada@evil.example,bob@example.org":        fault.Invalid,
		" ada@example.org":                        fault.Invalid,
		"ada@example.org\n":                       fault.Invalid,
		"ada@example.org\x00":                     fault.Invalid,
		"ada@ｅxample.org":                         fault.Invalid, // a full-width e
		"ada@exampLe.or\u212a":                    fault.Invalid, // the Kelvin sign, a k in lower case
		"ada@café.example":                        "",            // the same as xn--caf-dma.example
		"ada@CAFÉ.example":                        "",
		"ada@caf\u212a.example":                   fault.Invalid,
		"ädä@example.org":                         fault.Invalid,
		"@example.org":                            fault.Invalid,
		"example.org":                             fault.Invalid,
		"":                                        fault.Invalid,
		strings.Repeat("a", 255) + "@example.org": fault.Invalid,
	}
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		app.Update().SetEmailDomains([]string{"example.org", "xn--caf-dma.example"}).ExecX(t.Context())
		for email, want := range tests {
			request.User = email
			_, err := w.tokens.Issue(t.Context(), request)
			if want == "" {
				assert.NoError(t, err, "%q", email)
				continue
			}
			if assert.Error(t, err, "%q", email) {
				assert.Equal(t, want, fault.Of(err).Kind, "%q: %v", email, err)
			}
		}
		assert.Equal(t, 3, w.DB.User.Query().CountX(t.Context()), "nobody was made who is refused")

		app.Update().SetEmailDomains([]string{apps.AnyDomain}).ExecX(t.Context())
		request.User = "ada@anywhere.example"
		w.issue(t, request)
		app.Update().SetEmailDomains([]string{}).ExecX(t.Context())
		_, err := w.tokens.Issue(t.Context(), request)
		env.AssertFault(t, fault.Forbidden, err)
	})
}

func TestTokenHasTheRequestedScopesOfTheApplication(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		_, request := w.app(t, "rooms:create", "rooms:list", "rooms:update")
		for asked, want := range map[string]string{
			"":                                   "rooms:create rooms:list rooms:update",
			"   ":                                "rooms:create rooms:list rooms:update",
			"rooms:list":                         "rooms:list",
			"rooms:update rooms:list rooms:list": "rooms:list rooms:update",
		} {
			request.Scope = asked
			token, err := w.tokens.Issue(t.Context(), request)
			require.NoError(t, err)
			assert.Equal(t, want, strings.Join(token.Scopes, " "))
			viewer, err := w.tokens.Read(t.Context(), token.AccessToken)
			require.NoError(t, err)
			assert.Len(t, viewer.Scopes, len(token.Scopes))
		}
		for _, asked := range []string{
			"rooms:delete", "rooms:list rooms:delete", "rooms", "*", "ROOMS:LIST", "rooms:list,rooms:create",
		} {
			request.Scope = asked
			_, err := w.tokens.Issue(t.Context(), request)
			env.AssertFault(t, fault.Invalid, err)
			assert.Equal(t, "invalid_scope", fault.Of(err).Details["error"])
		}
		request.Scope = ""
		for grant, name := range map[string]any{
			"": nil, "password": "unsupported_grant_type", "Client_Credentials": "unsupported_grant_type",
		} {
			request.GrantType = grant
			_, err := w.tokens.Issue(t.Context(), request)
			env.AssertFault(t, fault.Invalid, err)
			assert.Equal(t, name, fault.Of(err).Details["error"], grant)
		}
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
