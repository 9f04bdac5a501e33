package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/test/env"
)

func TestLifeEndsWithTheSessionOnEveryServer(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		elsewhere := w.another()
		env.Run(t, w.Sessions.Run)
		env.Run(t, elsewhere.Run)
		ada := uuid.New()
		here, there := w.signIn(ada), w.signIn(ada)
		kept, freeKept := elsewhere.Life(w.as(here))
		defer freeKept()
		ended, freeEnded := elsewhere.Life(w.as(there))
		defer freeEnded()
		second, freeSecond := elsewhere.Life(w.as(there))
		freeSecond()
		assert.Error(t, second.Err())
		assert.NoError(t, ended.Err())
		_, err := w.RevokeOthers(w.as(here))
		require.NoError(t, err)
		select {
		case <-ended.Done():
		case <-time.After(env.Soon):
			require.Fail(t, "it lives on")
		}
		assert.NoError(t, kept.Err())

		_, err = w.End(httptest.NewRecorder(), with(here))
		require.NoError(t, err)
		select {
		case <-kept.Done():
		case <-time.After(env.Soon):
			require.Fail(t, "it lives on")
		}
	})
}

// No message is published when a key expires, or when Redis loses all its data.
func TestLifeEndsWithoutAMessage(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		env.Run(t, w.Sessions.Run)
		life, free := w.Life(w.as(w.signIn(uuid.New())))
		defer free()
		for _, key := range w.keys() {
			require.NoError(t, w.redis.Del(t.Context(), key).Err())
		}
		select {
		case <-life.Done():
		case <-time.After(env.Soon):
			require.Fail(t, "it lives on")
		}
	})
}

func TestLifeWithoutASessionEndsWithTheCredential(t *testing.T) {
	t.Parallel()
	s := auth.NewSessions(nil, usual)
	guest, free := s.Life(t.Context())
	free()
	assert.NoError(t, guest.Err(), "a guest has none")
	begin := time.Now()
	app, free := s.Life(auth.NewContext(t.Context(), auth.Viewer{
		UserID: uuid.New(), ExpiresAt: begin.Add(50 * time.Millisecond),
	}))
	defer free()
	<-app.Done()
	assert.GreaterOrEqual(t, time.Since(begin), 50*time.Millisecond)
}

func TestOutageOfRedisSignsNobodyOut(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	s := auth.NewSessions(server.Client(t), usual)
	w := &sessions{s, t, server.Client(t), usual}
	env.Run(t, s.Run)
	cookie := w.signIn(uuid.New())
	ctx := w.as(cookie)
	life, free := s.Life(ctx)
	defer free()
	server.Stop(t)
	c := &auth.Credentials{Sessions: s}
	viewer, err := c.FromRequest(with(cookie))
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	assert.Zero(t, viewer)
	answer := httptest.NewRecorder()
	_, err = s.End(answer, with(cookie))
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = s.Start(answer, with(), uuid.New(), "")
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = s.Of(ctx, auth.FromContext(ctx).UserID)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	assert.Empty(t, answer.Result().Cookies())
	_, err = c.FromRequest(with())
	assert.NoError(t, err, "who shows nothing needs no Redis")
	_, err = c.FromRequest(with(&http.Cookie{Name: cookie.Name, Value: "nonsense"}))
	assert.NoError(t, err, "nor who shows nonsense")
	server.Start(t)
	env.Eventually(t, func(collect *assert.CollectT) {
		viewer, err := c.FromRequest(with(cookie))
		assert.NoError(collect, err)
		assert.Equal(collect, auth.FromContext(ctx).UserID, viewer.UserID)
	})
	assert.NoError(t, life.Err())
}
