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
)

// following is a subscription of roomStatus.
type following struct {
	t      testing.TB
	states <-chan *meetings.Status
	why    chan error
	last   *meetings.Status
}

func (w *world) follow(ctx context.Context, ticket *string) *following {
	w.t.Helper()
	f, err := w.tryFollow(ctx, ticket)
	require.NoError(w.t, err)
	return f
}

func (w *world) tryFollow(ctx context.Context, ticket *string) (*following, error) {
	f := &following{t: w.t, why: make(chan error, 1)}
	ctx, stop := context.WithCancel(ctx)
	var err error
	f.states, err = w.WatchStatus(ctx, meetings.WatchStatusInput{RoomID: w.room.ID, Ticket: ticket},
		func(err error) { f.why <- err })
	if err != nil {
		stop()
		return nil, err
	}
	w.t.Cleanup(func() {
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
		case <-time.After(soon):
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
		case <-time.After(soon):
			require.Fail(f.t, "it goes on", "the last was %+v", f.last)
		}
	}
}

func TestStatusShowsWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(guest(), "Anna"))
	host, member := w.follow(w.host(), nil), w.follow(as(w.member("Mia", roomaccess.RoleMEMBER)), nil)
	hers := w.follow(guest(), &anna.ticket)
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
	bob := w.counted(w.admitted(guest(), "Bob"))
	each(func(s *meetings.Status) bool { return s.ParticipantCount == 2 })
	w.knock(guest(), "Carl")
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
	anna := w.counted(w.admitted(guest(), "Anna"))
	host, hers := w.follow(w.host(), nil), w.follow(guest(), &anna.ticket)
	hers.until(func(s *meetings.Status) bool { return s.ParticipantCount == 1 })
	_, err := w.End(w.host(), w.room.ID)
	require.NoError(t, err)
	hers.until(func(s *meetings.Status) bool { return s.Ended })
	hers.ends()
	assert.True(t, hers.last.Ended, "the last state")
	assert.Empty(t, hers.why)
	host.until(func(s *meetings.Status) bool { return s.Ended && s.ParticipantCount == 0 })
	w.counted(w.token(w.host(), "Olga"))
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
			_, err := w.Remove(w.host(), meetings.RemoveInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(p.id), Ban: ptr(rooms.Forever),
			})
			require.NoError(w.t, err)
		}},
		"narrower": {fault.Forbidden, func(w *world, _ pass) { w.setAccess(room.AccessLevelRESTRICTED) }},
		"deleted": {fault.NotFound, func(w *world, _ pass) {
			_, err := w.DeleteRoom(w.host(), w.room.ID)
			require.NoError(w.t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
			w.counted(w.token(w.host(), "Olga"))
			anna := w.counted(w.token(guest(), "Anna"))
			hers := w.follow(guest(), &anna.ticket)
			hers.until(func(s *meetings.Status) bool { return s.ParticipantCount == 2 })
			c.do(w, anna.pass)
			hers.ends()
			if name == "deleted" && hers.last.Ended {
				return // the end of the meeting was seen first
			}
			requireKind(t, receive(t, hers.why), c.kind)
		})
	}
}

func TestStrangersCannotReadTheStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	waits := w.knock(guest(), "Waits")
	elsewhere := w.inNewRoom().admitted(guest(), "Anna")
	for name, c := range map[string]struct {
		ctx    context.Context
		ticket *string
		kind   fault.Kind
	}{
		"nobody":           {guest(), nil, fault.Unauthenticated},
		"a user":           {as(w.user("Ulla")), nil, fault.Forbidden},
		"who waits":        {guest(), &waits.Ticket, fault.Forbidden},
		"of another room":  {guest(), &elsewhere.ticket, fault.Invalid},
		"a forged ticket":  {guest(), ptr("forged"), fault.Invalid},
		"a user's forgery": {as(w.user("Udo")), ptr("forged"), fault.Invalid},
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
	w.counted(w.token(w.host(), "Olga"))
	anna := w.counted(w.token(guest(), "Anna"))
	w.setDeaf(true)
	lost := w.enter(w.token(guest(), "Lost"))
	w.eventually(func(t *assert.CollectT) { // LiveKit lists them a bit later
		people, err := w.rtc.Participants(context.Background(), w.room.ID.String())
		assert.NoError(t, err)
		assert.Len(t, people, 3)
	})
	require.NoError(t, w.db.Room.UpdateOne(w.room).SetAccessLevel(room.AccessLevelRESTRICTED).
		Exec(context.Background()))
	require.NoError(t, w.live.Touch(guest(), w.room.ID))
	_, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
		RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: ptr(true)},
	})
	require.NoError(t, err)
	anna.isRemoved()
	lost.isRemoved()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
}
