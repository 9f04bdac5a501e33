package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
)

func TestHeaderTakesPrecedenceOverTheCookie(t *testing.T) {
	t.Parallel()
	onEach(t, usual, func(t *testing.T, w *sessions) {
		ada, bob := uuid.New(), uuid.New()
		adas, bobs, ended := w.signIn(ada), w.signIn(bob), w.signIn(bob)
		_, err := w.End(httptest.NewRecorder(), with(ended))
		require.NoError(t, err)
		i, people := newIssuer(t), &accounts{}
		b := bearer(auth.BearerIssuer{Issuer: i.URL})
		app := "Bearer " + i.key.sign(t, i.claims(audience))
		development := &auth.Credentials{Sessions: w.Sessions, SessionTokens: true}
		production := &auth.Credentials{Sessions: w.Sessions, Bearer: b, User: people.user}
		tests := []struct {
			name    string
			c       *auth.Credentials
			header  string
			cookie  string
			by      uuid.UUID
			refused bool
		}{
			{"neither", development, "", "", uuid.Nil, false},
			{"a session's token, for scripts", development, "Bearer " + adas.Value, "", ada, false},
			{"in lower case", development, "bearer " + adas.Value, "", ada, false},
			{"with more spaces", development, "BEARER   " + adas.Value + " ", "", ada, false},
			{"a cookie", production, "", bobs.Value, bob, false},
			{"both: the header", development, "Bearer " + adas.Value, bobs.Value, ada, false},
			{"a good header and a bad cookie", development, "Bearer " + adas.Value, ended.Value, ada, false},
			{"a cookie that has ended is nobody", production, "", ended.Value, uuid.Nil, false},
			{"a cookie of garbage is nobody", production, "", "garbage", uuid.Nil, false},
			{"a token that has ended", development, "Bearer " + ended.Value, "", uuid.Nil, true},
			{"a bad header is not made good by a cookie", production, "Bearer garbage", bobs.Value, uuid.Nil, true},
			{"a header of another scheme", development, "Basic YTpi", bobs.Value, uuid.Nil, true},
			{"no scheme", development, adas.Value, "", uuid.Nil, true},
			{"no token", development, "Bearer ", "", uuid.Nil, true},
			{"something after the token", development, "Bearer " + adas.Value + " more", "", uuid.Nil, true},
			{"a letter too many", development, "Bearer " + adas.Value + "x", "", uuid.Nil, true},
			{"a session's token outside development", production, "Bearer " + adas.Value, "", uuid.Nil, true},
			{"an issuer's token where none is known", development, app, "", uuid.Nil, true},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
				if test.header != "" {
					r.Header.Set("Authorization", test.header)
				}
				if test.cookie != "" {
					r.AddCookie(&http.Cookie{Name: adas.Name, Value: test.cookie})
				}
				viewer, err := test.c.FromRequest(r)
				assert.Equal(t, test.refused, fault.Is(err, fault.Unauthenticated), "%v", err)
				assert.Equal(t, test.refused, err != nil, "%v", err)
				assert.Equal(t, test.by, viewer.UserID)
				assert.Equal(t, viewer.SignedIn(), !viewer.ExpiresAt.IsZero())
			})
		}
		viewer, err := production.FromHeader(t.Context(), app)
		require.NoError(t, err)
		assert.Equal(t, people.ids["ada"], viewer.UserID)
	})
}

func TestContextWithoutAViewerReturnsNobody(t *testing.T) {
	t.Parallel()
	assert.Zero(t, auth.FromContext(context.Background()))
	assert.False(t, auth.FromContext(context.Background()).SignedIn())
	ada := auth.Viewer{UserID: uuid.New(), Address: "192.0.2.1", ExpiresAt: time.Now()}
	assert.Equal(t, ada, auth.FromContext(auth.NewContext(context.Background(), ada)))
}
