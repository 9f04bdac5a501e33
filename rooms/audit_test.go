package rooms_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/auditevent"
	"foyer/ent/database"
	"foyer/rooms"
	"foyer/test/env"
)

// TestSilentDatabaseDoesNotDelayHosts: an act has happened, so its host gets an answer although the database does not
// answer and no connection breaks.
func TestSilentDatabaseDoesNotDelayHosts(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(env.PostgresURL(t))
	require.NoError(t, err)
	proxies := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	line := toxiproxy.NewProxy(proxies, t.Name(), here, address.Host)
	require.NoError(t, line.Start())
	t.Cleanup(line.Stop)
	address.Host = line.Listen
	db, err := database.Open(address.String(), 2)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	w := newWorld(t, db.Client, usual)
	olga := w.User("Olga")
	room := w.NewRoom(olga, "A room")
	_, err = line.Toxics.AddToxicJson(strings.NewReader(`{"type": "timeout", "attributes": {"timeout": 0}}`))
	require.NoError(t, err)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		w.WriteAudit(env.As(olga), room.ID, rooms.Act{Action: auditevent.ActionLOCK})
	}()
	select {
	case <-recorded:
	case <-time.After(time.Minute):
		t.Error("the host still waits")
		line.Stop() // this also ends the wait
		<-recorded
	}
}

// TestConcurrentActsAreAllStored, except those in a deleted room, which do not stop the others.
func TestConcurrentActsAreAllStored(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga, gone := w.User("Olga"), uuid.New()
		room := w.NewRoom(olga, "A room")
		const hosts, acts = 20, 5
		var group sync.WaitGroup
		for i := range hosts {
			group.Go(func() {
				for j := range acts {
					w.WriteAudit(env.As(olga), gone, rooms.Act{Action: auditevent.ActionLOCK})
					w.WriteAudit(env.As(olga), room.ID,
						rooms.Act{Action: auditevent.ActionLOCK, Detail: fmt.Sprint(i, " ", j)},
						rooms.Act{Action: auditevent.ActionUNLOCK, Detail: fmt.Sprint(i, " ", j)})
				}
			})
		}
		group.Wait()
		stored := map[string]int{}
		for _, event := range w.DB.AuditEvent.Query().AllX(t.Context()) {
			assert.Equal(t, room.ID, event.RoomID)
			assert.Equal(t, "Olga", event.ActorName)
			stored[string(event.Action)+event.Detail]++
		}
		assert.Len(t, stored, 2*hosts*acts)
		for what, n := range stored {
			assert.Equal(t, 1, n, what)
		}
	})
}

func TestAdmissionHoldsUntilAHostEndsIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		room, other := w.NewRoom(olga, "A room"), w.NewRoom(olga, "Another room")
		anna, bob := rooms.Person{ID: uuid.New(), Name: "Anna"}, rooms.Person{ID: uuid.New(), Name: "Bob"}
		act := func(action auditevent.Action, target rooms.Person) {
			w.WriteAudit(env.As(olga), room.ID, rooms.Act{Action: action, Target: target})
			time.Sleep(time.Millisecond) // the clock may not be finer
		}
		admitted := func(since time.Time) (names []string) {
			found, err := w.Admissions(t.Context(), room.ID, since, anna.ID, bob.ID)
			require.NoError(t, err)
			for _, a := range found {
				names = append(names, a.Name)
			}
			return names
		}
		begin := time.Now().Add(-time.Second)
		assert.Empty(t, admitted(begin))
		act(auditevent.ActionADMIT, anna)
		act(auditevent.ActionADMIT, rooms.Person{ID: uuid.New(), Name: "Carl"})
		act(auditevent.ActionUPDATE_PARTICIPANT, anna)
		assert.Equal(t, []string{"Anna"}, admitted(begin))
		assert.Empty(t, admitted(time.Now()))
		elsewhere, err := w.Admissions(t.Context(), other.ID, begin, anna.ID)
		require.NoError(t, err)
		assert.Empty(t, elsewhere)
		for _, end := range []auditevent.Action{
			auditevent.ActionDENY, auditevent.ActionREMOVE, auditevent.ActionBAN, auditevent.ActionRETURN_TO_LOBBY,
		} {
			act(end, bob)
			assert.Equal(t, []string{"Anna"}, admitted(begin), end)
			act(end, anna)
			assert.Empty(t, admitted(begin), end)
			act(auditevent.ActionADMIT, anna)
			assert.Equal(t, []string{"Anna"}, admitted(begin))
		}
		act(auditevent.ActionEND_MEETING, rooms.Person{})
		assert.Empty(t, admitted(begin))
	})
}

// TestActOnAPersonWithAnyNameIsStored, together with the acts of others: nobody has checked the names of phones and
// streams.
func TestActOnAPersonWithAnyNameIsStored(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		room := w.NewRoom(olga, "A room")
		names := []string{
			strings.Repeat("é", 5000), "a caller\x00", "two\nlines", "\u202eturned", "\xff\xfe", "", "Anna",
		}
		acts := make([]rooms.Act, len(names))
		for i, name := range names {
			acts[i] = rooms.Act{Action: auditevent.ActionREMOVE, Target: rooms.Person{ID: uuid.New(), Name: name}}
		}
		w.WriteAudit(env.As(olga), room.ID, acts...)
		stored, err := w.Audit(env.As(olga), room.ID, nil, nil)
		require.NoError(t, err)
		assert.Equal(t, len(names), stored.TotalCount)
		for _, e := range stored.Edges {
			assert.LessOrEqual(t, len(e.Node.TargetName), 256)
			assert.NotContains(t, e.Node.TargetName, "\u202e")
		}
	})
}
