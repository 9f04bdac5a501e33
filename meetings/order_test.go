package meetings_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// inNewRoom is the same world in another room.
func (w *world) inNewRoom() *world {
	w.T.Helper()
	made, err := w.Rooms.Create(w.Host(), rooms.CreateInput{Name: "Another room"})
	require.NoError(w.T, err)
	return w.in(made)
}

func (w *world) in(r *ent.Room) *world {
	return &world{
		World: w.In(r), Service: w.Service, live: w.live, lobby: w.lobby, livekit: w.livekit, liveKit: w.liveKit,
	}
}

// news is an event about a person who is what their token says.
func (w *world) news(kind livekit.Kind, p pass, connection string) *livekit.Event {
	join := livekit.Join{
		Room: w.Room.ID.String(), Identity: p.id, Name: "Anna", Sources: w.livekit.DefaultSources(), Data: true,
	}
	return &livekit.Event{
		ID: uuid.NewString(), Kind: kind, Room: w.Room.ID.String(),
		Participant: &livekit.Participant{
			Identity: livekit.IdentityOf(p.id), Kind: livekit.Person, SID: connection, Name: "Anna",
			Attributes: w.livekit.Attributes(join), JoinedAt: time.Now(), Permission: w.livekit.Permission(join), Active: true,
		},
	}
}

func (w *world) hears(events ...*livekit.Event) {
	w.T.Helper()
	for _, e := range events {
		require.NoError(w.T, w.ReceiveEvent(context.Background(), e))
	}
}

// permutations runs f with every order of some values.
func permutations[T any](values []T, f func([]T)) {
	if len(values) == 0 {
		f(nil)
		return
	}
	for i := range values {
		rest := slices.Delete(slices.Clone(values), i, i+1)
		permutations(rest, func(order []T) { f(append([]T{values[i]}, order...)) })
	}
}

// TestEventsInAnyOrderCountTheSame: somebody came, lost their connection, and came again. LiveKit sends each event
// twice, the second time under the same id.
func TestEventsInAnyOrderCountTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	for _, stays := range []bool{true, false} {
		permutations([]int{0, 1, 2, 3}, func(order []int) {
			w := w.inNewRoom()
			anna := w.token(env.Guest(), "Anna")
			first := time.Now()
			events := []*livekit.Event{
				w.news(livekit.ParticipantJoined, anna, "PA_1"), w.news(livekit.ParticipantLeft, anna, "PA_1"),
				w.news(livekit.ParticipantJoined, anna, "PA_2"), w.news(livekit.ParticipantAborted, anna, "PA_2"),
			}
			events[2].Participant.JoinedAt = first.Add(time.Second)
			events[0].Participant.JoinedAt = first
			for _, i := range order {
				if i != 3 || !stays {
					w.hears(events[i], events[i])
				}
			}
			assert.Equal(t, stays, w.meeting().Inside == 1, "%v", order)
		})
	}
}

// after waits until the clock is past the last change of something that carries it as its version, and
// returns the time.
func after(version int) time.Time {
	for time.Now().UnixMilli() <= int64(version) {
	}
	return time.Now()
}

// TestEndConcernsOnlyThatMeeting: everybody left, others came to the lobby, and only then the meeting was over.
func TestEndConcernsOnlyThatMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	old := w.admitted(env.Guest(), "Old")
	w.hears(w.news(livekit.ParticipantJoined, old, "PA_1"))
	oldWaits := w.knock(env.Guest(), "Old waits")
	oldHeld := w.admitted(env.Guest(), "Old held")
	_, err := w.ReturnToLobby(w.Host(), meetings.ParticipantInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(oldHeld.id),
	})
	require.NoError(t, err)
	require.NoError(t, w.live.Restrict(env.Guest(), w.Room.ID, old.id,
		live.Restrictions{Name: new("Old name")}))
	_ = after(w.meeting().ListVersion + 5)
	w.hears(w.news(livekit.ParticipantLeft, old, "PA_1"))
	_ = after(w.meeting().Version + 5) // what follows is later by a millisecond at least

	waits := w.knock(env.Guest(), "Waits")
	anna := w.admitted(env.Guest(), "Anna")
	held := w.admitted(env.Guest(), "Held")
	_, err = w.ReturnToLobby(w.Host(), meetings.ParticipantInput{RoomID: w.Room.ID,
		ParticipantID: livekit.IdentityOf(held.id)})
	require.NoError(t, err)
	require.NoError(t, w.live.Restrict(env.Guest(), w.Room.ID, anna.id,
		live.Restrictions{Name: new("Given name")}))
	_, err = w.lobby.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: new("Soon")})
	require.NoError(t, err)
	w.lock()
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))

	w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over && w.meeting().ClosedAt.IsZero()) })

	assert.Equal(t, []string{"Waits", "Held"}, w.waiting())
	assert.Equal(t, live.Ended, w.entry(oldWaits).Status)
	assert.Equal(t, "Soon", *w.entry(waits).Message)
	standings, err := w.lobby.Judge(env.Guest(), w.Room, anna.id, held.id, old.id, oldHeld.id)
	require.NoError(t, err)
	assert.NoError(t, standings[0].Refused, "the admission is valid")
	assert.Equal(t, "Given name", standings[0].Join.Name)
	env.RequireFault(t, fault.LobbyRequired, standings[1].Refused)
	env.RequireFault(t, fault.LobbyRequired, standings[2].Refused)
	assert.False(t, standings[2].Renamed)
	r, err := w.Rooms.ByID(env.Guest(), w.Room.ID)
	require.NoError(t, err)
	assert.NotNil(t, r.LockedAt)
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	assert.Len(t, bans.Edges, 1)
}

// entry is that of a request, as its guest sees it.
func (w *world) entry(of *lobby.Request) *live.Entry {
	w.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	states, err := w.lobby.WatchEntry(ctx, of.Ticket)
	require.NoError(w.T, err)
	return <-states
}

func recording(w *world, egress string, records bool) *livekit.Event {
	status := livekit.EgressStarting
	if records {
		status = livekit.EgressActive
	}
	return &livekit.Event{
		ID: uuid.NewString(), Kind: livekit.EgressUpdated, Room: w.Room.ID.String(),
		Egress: &livekit.Egress{ID: egress, Room: w.Room.ID.String(), Status: status},
	}
}

// TestRecordingIsShownWhateverTheOrderOfEvents: an egress starts, records and ends; another goes on.
func TestRecordingIsShownWhateverTheOrderOfEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	permutations([]int{0, 1, 2}, func(order []int) {
		w := w.inNewRoom()
		id := "EG_" + fmt.Sprint(order)
		started, records, ended := recording(w, id, false), recording(w, id, true), recording(w, id, false)
		started.Kind, ended.Kind = livekit.EgressStarted, livekit.EgressEnded
		events := []*livekit.Event{started, records, ended}
		seen := false
		for _, i := range order {
			w.hears(events[i])
			seen = seen || w.meeting().Recording
		}
		assert.False(t, w.meeting().Recording, "%v", order)
		assert.Equal(t, slices.Index(order, 1) < slices.Index(order, 2), seen, "%v", order)
		other := recording(w, "EG_other"+id, true)
		w.hears(other, other, events[2])
		assert.True(t, w.meeting().Recording)
	})
}

func TestEventsOfOtherRoomsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.token(env.Guest(), "Anna")
	before := w.meeting().Version
	for _, name := range []string{
		"", "abc-defg-hij", uuid.NewString(), w.Room.ID.String() + "x",
		fmt.Sprintf("{%s}", w.Room.ID), fmt.Sprintf("urn:uuid:%s", w.Room.ID),
	} {
		for _, kind := range []livekit.Kind{
			livekit.RoomStarted, livekit.RoomFinished, livekit.ParticipantJoined, livekit.ParticipantLeft, livekit.EgressUpdated,
		} {
			e := w.news(kind, anna, "PA_1")
			e.Room = name
			w.hears(e)
		}
	}
	for _, kind := range []livekit.Kind{"track_published", "something_new", ""} {
		w.hears(w.news(kind, anna, "PA_1"))
	}
	nobody := w.news(livekit.ParticipantJoined, anna, "PA_1")
	nobody.Participant = nil
	w.hears(nobody)
	assert.Equal(t, before, w.meeting().Version)
	assert.Zero(t, w.meeting().Inside)
}
