package meetings_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// following is a subscription of roomStatus.
type following struct {
	t      testing.TB
	states <-chan *meetings.Status
	why    chan error
	last   *meetings.Status
}

func (w *world) follow(ctx context.Context, ticket *string) *following {
	w.T.Helper()
	f, err := w.tryFollow(ctx, ticket)
	require.NoError(w.T, err)
	return f
}

func (w *world) tryFollow(ctx context.Context, ticket *string) (*following, error) {
	f := &following{t: w.T, why: make(chan error, 1)}
	ctx, stop := context.WithCancel(ctx)
	var err error
	f.states, err = w.WatchStatus(ctx, meetings.WatchStatusInput{RoomID: w.Room.ID, Ticket: ticket},
		func(err error) { f.why <- err })
	if err != nil {
		stop()
		return nil, err
	}
	w.T.Cleanup(func() {
		stop()
		for range f.states {
		}
	})
	return f, nil
}

// until returns the first state that is as wanted; versions rise.
func (f *following) until(wanted func(*meetings.Status) bool) *meetings.Status {
	f.t.Helper()
	for {
		select {
		case status, open := <-f.states:
			require.True(f.t, open, "the subscription ended after %+v", f.last)
			if f.last != nil {
				require.Greater(f.t, status.Version, f.last.Version)
			}
			if f.last = status; wanted(status) {
				return status
			}
		case <-time.After(env.Soon):
			require.Fail(f.t, "nothing came", "the last was %+v", f.last)
		}
	}
}

// ends waits for the end of the subscription.
func (f *following) ends() {
	f.t.Helper()
	for {
		select {
		case status, open := <-f.states:
			if !open {
				return
			}
			f.last = status
		case <-time.After(env.Soon):
			require.Fail(f.t, "it goes on", "the last was %+v", f.last)
		}
	}
}

func TestStatusShowsWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	host, member := w.follow(w.Host(), nil), w.follow(env.As(w.NewMember("Mia", roomaccess.RoleMEMBER)), nil)
	hers := w.follow(env.Guest(), &anna.ticket)
	all := []*following{host, member, hers}
	each := func(wanted func(*meetings.Status) bool) {
		t.Helper()
		for _, f := range all {
			f.until(wanted)
		}
	}
	each(func(s *meetings.Status) bool {
		return s.ParticipantCount == 1 && !s.Locked && !s.Recording && !s.Ended
	})
	bob := w.counted(w.admitted(env.Guest(), "Bob"))
	each(func(s *meetings.Status) bool { return s.ParticipantCount == 2 })
	w.knock(env.Guest(), "Carl")
	host.until(func(s *meetings.Status) bool { return *s.LobbyCount == 1 })
	w.lock()
	each(func(s *meetings.Status) bool { return s.Locked })
	w.unlock()
	each(func(s *meetings.Status) bool { return !s.Locked })
	w.hears(recording(w, "EG_1", true))
	each(func(s *meetings.Status) bool { return s.Recording })
	over := recording(w, "EG_1", false)
	over.Kind = livekit.EgressEnded
	w.hears(over)
	each(func(s *meetings.Status) bool { return !s.Recording })
	bob.room.Disconnect()
	each(func(s *meetings.Status) bool { return s.ParticipantCount == 1 })
	for _, f := range []*following{member, hers} {
		assert.Nil(t, f.last.LobbyCount, "who waits is for hosts")
	}
	assert.Equal(t, 1, *host.last.LobbyCount)
}

func TestStatusOfAGuestEndsWithTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	host, hers := w.follow(w.Host(), nil), w.follow(env.Guest(), &anna.ticket)
	hers.until(func(s *meetings.Status) bool { return s.ParticipantCount == 1 })
	_, err := w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	hers.until(func(s *meetings.Status) bool { return s.Ended })
	hers.ends()
	assert.True(t, hers.last.Ended, "the last state")
	assert.Empty(t, hers.why)
	host.until(func(s *meetings.Status) bool { return s.Ended && s.ParticipantCount == 0 })
	w.counted(w.token(w.Host(), "Olga"))
	host.until(func(s *meetings.Status) bool { return !s.Ended && s.ParticipantCount == 1 })
}

func TestStatusEndsWithTheRightToReadIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind fault.Kind
		do   func(*world, pass)
	}{
		"removed":  {fault.Forbidden, func(w *world, p pass) { w.remove(p) }},
		"returned": {fault.Forbidden, func(w *world, p pass) { w.returnToLobby(p) }},
		"banned": {fault.Forbidden, func(w *world, p pass) {
			_, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Ban: new(rooms.Forever),
			})
			require.NoError(w.T, err)
		}},
		"narrower": {fault.Forbidden, func(w *world, _ pass) { w.setAccess(room.AccessLevelRESTRICTED) }},
		"deleted": {fault.NotFound, func(w *world, _ pass) {
			_, err := w.DeleteRoom(w.Host(), w.Room.ID)
			require.NoError(w.T, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
			w.counted(w.token(w.Host(), "Olga"))
			anna := w.counted(w.token(env.Guest(), "Anna"))
			hers := w.follow(env.Guest(), &anna.ticket)
			hers.until(func(s *meetings.Status) bool { return s.ParticipantCount == 2 })
			c.do(w, anna.pass)
			hers.ends()
			if name == "deleted" && hers.last.Ended {
				return // the end of the meeting was seen first
			}
			env.RequireFault(t, c.kind, env.Receive(t, hers.why))
		})
	}
}

func TestStrangersCannotReadTheStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	waits := w.knock(env.Guest(), "Waits")
	elsewhere := w.inNewRoom().admitted(env.Guest(), "Anna")
	for name, c := range map[string]struct {
		ctx    context.Context
		ticket *string
		kind   fault.Kind
	}{
		"nobody":           {env.Guest(), nil, fault.Unauthenticated},
		"a user":           {env.As(w.User("Ulla")), nil, fault.Forbidden},
		"who waits":        {env.Guest(), &waits.Ticket, fault.Forbidden},
		"of another room":  {env.Guest(), &elsewhere.ticket, fault.Invalid},
		"a forged ticket":  {env.Guest(), new("forged"), fault.Invalid},
		"a user's forgery": {env.As(w.User("Udo")), new("forged"), fault.Invalid},
	} {
		_, err := w.tryFollow(c.ctx, c.ticket)
		require.Error(t, err, name)
		assert.Equal(t, c.kind, fault.Of(err).Kind, name)
	}
}

// TestComparisonMakesUpForLostEvents: an event was lost, and a change of the rules has not reached the meeting.
func TestComparisonMakesUpForLostEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	w.counted(w.token(w.Host(), "Olga"))
	anna := w.counted(w.token(env.Guest(), "Anna"))
	w.setDeaf(true)
	lost := w.enter(w.token(env.Guest(), "Lost"))
	env.Eventually(w.T, func(t *assert.CollectT) { // LiveKit lists them a bit later
		people, err := w.livekit.Participants(context.Background(), w.Room.ID.String())
		assert.NoError(t, err)
		assert.Len(t, people, 3)
	})
	require.NoError(t, w.DB.Room.UpdateOne(w.Room).SetAccessLevel(room.AccessLevelRESTRICTED).
		Exec(context.Background()))
	require.NoError(t, w.live.Touch(env.Guest(), w.Room.ID))
	_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: new(true)},
	})
	require.NoError(t, err)
	anna.isRemoved()
	lost.isRemoved()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
}
