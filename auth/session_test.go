package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/test/env"
)

// usual are the settings of a normal server.
var usual = auth.SessionSettings{Lifetime: 12 * time.Hour, Idle: 4 * time.Hour}

// sessions are the Sessions of a server, which can make those of a second server on the same Redis.
type sessions struct {
	*auth.Sessions

	t        *testing.T
	redis    redis.UniversalClient
	settings auth.SessionSettings
}

func onEach(t *testing.T, settings auth.SessionSettings, test func(t *testing.T, w *sessions)) {
	t.Helper()
	env.OnEachRedis(t, func(t *testing.T, client redis.UniversalClient, prefix string) {
		settings := settings
		settings.KeyPrefix = prefix
		test(t, &sessions{auth.NewSessions(client, settings), t, client, settings})
	})
}

// another returns the Sessions of another server.
func (w *sessions) another() *auth.Sessions { return auth.NewSessions(w.redis, w.settings) }

// signIn signs a user in with a new browser, and returns its cookie.
func (w *sessions) signIn(userID uuid.UUID, cookies ...*http.Cookie) *http.Cookie {
	w.t.Helper()
	answer := httptest.NewRecorder()
	token, err := w.Start(answer, with(cookies...), userID, "id token")
	require.NoError(w.t, err)
	set := answer.Result().Cookies()
	require.Len(w.t, set, 1)
	require.Equal(w.t, token, set[0].Value)
	return set[0]
}

func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Header.Set("User-Agent", "Browser/1.0 \x00\u202e(Machine) "+strings.Repeat("é", 200))
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	return r
}

// as is the context of a request with a cookie.
func (w *sessions) as(cookie *http.Cookie) context.Context {
	w.t.Helper()
	viewer, err := w.Read(w.t.Context(), cookie.Value)
	require.NoError(w.t, err)
	return auth.NewContext(w.t.Context(), viewer)
}

func (w *sessions) ended(cookie *http.Cookie) {
	w.t.Helper()
	_, err := w.Read(w.t.Context(), cookie.Value)
	assert.True(w.t, fault.Is(err, fault.Unauthenticated), "%v", err)
}

func (w *sessions) keys() []string {
	w.t.Helper()
	var mu sync.Mutex
	var keys []string
	scan := func(ctx context.Context, node redis.Cmdable) error {
		found, err := node.Keys(ctx, w.settings.KeyPrefix+"*").Result()
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, found...)
		return err
	}
	if cluster, ok := w.redis.(*redis.ClusterClient); ok {
		require.NoError(w.t, cluster.ForEachMaster(w.t.Context(),
			func(ctx context.Context, node *redis.Client) error { return scan(ctx, node) }))
		return keys
	}
	require.NoError(w.t, scan(w.t.Context(), w.redis))
	return keys
}

func TestSessionSignsInOnEveryServer(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada := uuid.New()
		cookie := w.signIn(ada)
		viewer, err := w.another().Read(t.Context(), cookie.Value)
		require.NoError(t, err)
		assert.Equal(t, ada, viewer.UserID)
		assert.NotEqual(t, uuid.Nil, viewer.SessionID)
		assert.WithinDuration(t, time.Now().Add(usual.Lifetime), viewer.ExpiresAt, time.Minute)
		for _, key := range w.keys() {
			assert.NotContains(t, key, cookie.Value, "Redis does not know the token")
			assert.NotContains(t, key, viewer.SessionID.String())
			assert.Positive(t, w.redis.PTTL(t.Context(), key).Val(), "nothing stays for ever: %s", key)
		}
		assert.Len(t, w.keys(), 2)
	})
}

func TestScriptsAndOtherSitesCannotReadTheCookie(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		cookie := w.signIn(uuid.New())
		assert.Equal(t, "foyer_session", cookie.Name)
		assert.False(t, cookie.Secure, "there is no https on this machine")
		w.settings.Secure = true
		w.Sessions = w.another()
		cookie = w.signIn(uuid.New())
		assert.Equal(t, "__Host-foyer_session", cookie.Name)
		assert.True(t, cookie.Secure)
		assert.True(t, cookie.HttpOnly)
		assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		assert.Equal(t, "/", cookie.Path)
		assert.Empty(t, cookie.Domain, "no other host gets it")
		assert.InDelta(t, usual.Lifetime.Seconds(), cookie.MaxAge, 5)
	})
}

func TestSigningInEndsTheSessionThatTheBrowserHad(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada, bob := uuid.New(), uuid.New()
		first := w.signIn(ada)
		second := w.signIn(bob, first)
		assert.NotEqual(t, first.Value, second.Value)
		w.ended(first)
		assert.Equal(t, bob, auth.FromContext(w.as(second)).UserID)
		list, err := w.Of(w.as(w.signIn(ada)), ada)
		require.NoError(t, err)
		assert.Len(t, list, 1)

		chosen := &http.Cookie{Name: first.Name, Value: strings.Repeat("A", 43)}
		assert.NotEqual(t, chosen.Value, w.signIn(ada, chosen).Value, "no token is chosen by others")
	})
}

func TestUserSeesAndEndsOnlyTheirOwnSessions(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada, bob := uuid.New(), uuid.New()
		here, there, third, bobs := w.signIn(ada), w.signIn(ada), w.signIn(ada), w.signIn(bob)
		ctx := w.as(here)
		list, err := w.Of(ctx, ada)
		require.NoError(t, err)
		require.Len(t, list, 3)
		current := 0
		for _, session := range list {
			if w.Current(ctx, session) {
				current++
			}
			assert.WithinDuration(t, time.Now(), session.CreatedAt, time.Minute)
			assert.WithinDuration(t, time.Now(), session.LastSeenAt, time.Minute)
			assert.True(t, strings.HasPrefix(session.UserAgent, "Browser/1.0 (Machine) é"), session.UserAgent)
			assert.LessOrEqual(t, len(session.UserAgent), 150)
		}
		assert.Equal(t, 1, current)

		_, err = w.Of(ctx, bob)
		assert.True(t, fault.Is(err, fault.Forbidden), "%v", err)
		_, err = w.Of(t.Context(), uuid.Nil)
		assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
		_, err = w.Revoke(ctx, auth.FromContext(w.as(bobs)).SessionID)
		assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
		_, err = w.Revoke(t.Context(), auth.FromContext(w.as(bobs)).SessionID)
		assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)

		id := auth.FromContext(w.as(there)).SessionID
		revoked, err := w.Revoke(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, id, revoked.ID)
		w.ended(there)
		_, err = w.Revoke(ctx, id)
		assert.True(t, fault.Is(err, fault.NotFound), "%v", err)

		others, err := w.RevokeOthers(ctx)
		require.NoError(t, err)
		assert.Len(t, others, 1)
		w.ended(third)
		assert.Equal(t, ada, auth.FromContext(w.as(here)).UserID)
		assert.Equal(t, bob, auth.FromContext(w.as(bobs)).UserID)
	})
}

func TestUserHasAtMostAHundredSessions(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada := uuid.New()
		first := w.signIn(ada)
		var last *http.Cookie
		for range 100 {
			last = w.signIn(ada)
		}
		w.ended(first)
		list, err := w.Of(w.as(last), ada)
		require.NoError(t, err)
		assert.Len(t, list, 100)
	})
}

func TestSigningOutDeletesTheSession(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		cookie := w.signIn(uuid.New())
		answer := httptest.NewRecorder()
		idToken, err := w.End(answer, with(cookie))
		require.NoError(t, err)
		assert.Equal(t, "id token", idToken)
		set := answer.Result().Cookies()
		require.Len(t, set, 1)
		assert.Equal(t, -1, set[0].MaxAge)
		w.ended(cookie)
		assert.Empty(t, w.keys())
		idToken, err = w.End(httptest.NewRecorder(), with(cookie))
		require.NoError(t, err, "twice is fine")
		assert.Empty(t, idToken)
		_, err = w.End(httptest.NewRecorder(), with())
		assert.NoError(t, err)
	})
}

func TestSessionEndsWhenItIsOldAndWhenItIsIdle(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]auth.SessionSettings{
		"old":  {Lifetime: 8 * time.Second, Idle: time.Hour},
		"idle": {Lifetime: time.Hour, Idle: 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, settings, func(t *testing.T, w *sessions) {
				ada, begin := uuid.New(), time.Now()
				used, unused := w.signIn(ada), w.signIn(ada)
				for time.Since(begin) < min(settings.Idle+time.Second, settings.Lifetime/2) {
					w.as(used)
					time.Sleep(50 * time.Millisecond) // time passes between requests
				}
				if name == "idle" {
					env.Eventually(t, func(c *assert.CollectT) {
						w.as(used)
						_, err := w.Read(t.Context(), unused.Value)
						assert.True(c, fault.Is(err, fault.Unauthenticated), "%v", err)
					})
					list, err := w.Of(w.as(used), ada)
					require.NoError(t, err)
					assert.Len(t, list, 1)
					return
				}
				env.Eventually(t, func(c *assert.CollectT) {
					_, err := w.Read(t.Context(), used.Value)
					assert.True(c, fault.Is(err, fault.Unauthenticated), "%v", err)
				})
				assert.GreaterOrEqual(t, time.Since(begin), settings.Lifetime)
			})
		})
	}
}

// A request that began before its session was revoked must not restore it.
func TestConcurrentUseDoesNotRestoreARevokedSession(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada := uuid.New()
		here, there := w.signIn(ada), w.signIn(ada)
		ctx, id := w.as(here), auth.FromContext(w.as(there)).SessionID
		var users sync.WaitGroup
		revoked := make(chan struct{})
		for range 8 {
			users.Go(func() {
				for last := false; !last; {
					select {
					case <-revoked:
						last = true
					default:
					}
					_, err := w.Read(t.Context(), there.Value)
					assert.True(t, err == nil || fault.Is(err, fault.Unauthenticated), "%v", err)
				}
			})
		}
		_, err := w.Revoke(ctx, id)
		require.NoError(t, err)
		close(revoked)
		users.Wait()
		w.ended(there)
	})
}

// betweenWrites runs a function once, after the first write of a sign-in.
type betweenWrites struct {
	redis.UniversalClient

	once sync.Once
	run  func()
}

func (b *betweenWrites) Set(
	ctx context.Context, key string, value any, expiration time.Duration,
) *redis.StatusCmd {
	defer b.once.Do(b.run)
	return b.UniversalClient.Set(ctx, key, value, expiration)
}

func (b *betweenWrites) TxPipelined(
	ctx context.Context, f func(redis.Pipeliner) error,
) ([]redis.Cmder, error) {
	defer b.once.Do(b.run)
	return b.UniversalClient.TxPipelined(ctx, f)
}

// Otherwise a user could not revoke a stranger's session that was created while they listed theirs.
func TestSessionThatStartsDuringAListingIsListedLater(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada := uuid.New()
		here := w.signIn(ada)
		elsewhere := auth.NewSessions(&betweenWrites{UniversalClient: w.redis, run: func() {
			_, err := w.Of(w.as(here), ada)
			assert.NoError(t, err)
		}}, w.settings)
		token, err := elsewhere.Start(httptest.NewRecorder(), with(), ada, "")
		require.NoError(t, err)
		others, err := w.RevokeOthers(w.as(here))
		require.NoError(t, err)
		assert.Len(t, others, 1)
		_, err = w.Read(t.Context(), token)
		assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
	})
}

func TestSessionIsListedAlthoughLaterOnesAreShorter(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada := uuid.New()
		w.signIn(ada)
		w.settings.Lifetime = time.Hour
		w.Sessions = w.another()
		w.signIn(ada)
		index := w.settings.KeyPrefix + "sessions:" + ada.String()
		left := w.redis.PTTL(t.Context(), index).Val()
		assert.Greater(t, left, usual.Lifetime-time.Minute)
		assert.Less(t, left, usual.Lifetime+2*time.Minute)
	})
}
