package meetings_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// second returns a pass that opens a second connection, under the identity of the first, # and a text: LiveKit allows
// that with any token (/rtc?publish=text).
func (w *world) second(p pass, text string) pass {
	w.T.Helper()
	to, err := url.Parse("http" + strings.TrimPrefix(w.liveKit.URL(), "ws"))
	require.NoError(w.T, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		query := r.Out.URL.Query()
		query.Set("publish", text)
		r.Out.URL.RawQuery = query.Encode()
	}, ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) }})
	w.T.Cleanup(proxy.Close)
	details := *p.details
	details.ServerURL = "ws" + strings.TrimPrefix(proxy.URL, "http")
	p.details = &details
	return p
}

// TestNobodyOpensASecondConnectionWithTheSameToken: neither people who may not be inside any more nor people who may.
func TestNobodyOpensASecondConnectionWithTheSameToken(t *testing.T) {
	t.Parallel()
	for name, turn := range map[string]func(*world, *person){
		"banned": func(w *world, c *person) {
			_, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(c.id), Ban: new(rooms.Forever),
			})
			require.NoError(w.T, err)
		},
		"removed": func(w *world, c *person) {
			_, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(c.id),
			})
			require.NoError(w.T, err)
		},
		"locked out": func(w *world, c *person) {
			c.room.Disconnect()
			w.lock()
		},
		"the meeting ended": func(w *world, _ *person) {
			_, err := w.End(w.Host(), w.Room.ID)
			require.NoError(w.T, err)
		},
		"inside": func(*world, *person) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.stays()
			c := w.counted(w.admitted(env.Guest(), "Mallory"))
			turn(w, c)
			w.isKeptOut(w.second(c.pass, "again"))
			w.isKeptOut(w.second(c.pass, strings.Repeat("x", 2000)))
			if name == "inside" {
				c.isThere()
				assert.Equal(t, 2, w.meeting().Inside)
			}
		})
	}
}

func TestSecondConnectionIsFoundAlsoWhenLiveKitsEventIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	p := w.admitted(env.Guest(), "Mallory")
	w.setLoses(true)
	again := w.enter(w.second(p, "again"))
	w.setLoses(false)
	w.runs()
	again.isRemoved()
	assert.Equal(t, 1, w.meeting().Inside)
}

func TestSecondConnectionOpensNoDeletedRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.token(env.Guest(), "Anna")
	_, err := w.DeleteRoom(w.Host(), w.Room.ID)
	require.NoError(t, err)
	w.isKeptOut(w.second(anna, "again"))
}
