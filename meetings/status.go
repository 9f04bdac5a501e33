package meetings

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/rooms"
)

const (
	// statusInterval is how often a status is read again at most.
	statusInterval = 250 * time.Millisecond
	// rereadAfter is the pause before a status is read again that could not be.
	rereadAfter = time.Second
	// readTimeout bounds one look at a status.
	readTimeout = 5 * time.Second
)

// Status is what happens in a room, as people in it see it.
type Status struct {
	ParticipantCount int
	// LobbyCount is how many wait; nil for who is no host.
	LobbyCount *int
	// Recording reports whether the call is being recorded, or is about to be.
	Recording bool
	// RecordingStatus and RecordingMode are those of the recording that is not final; nil when none is.
	RecordingStatus *recording.Status
	RecordingMode   *recording.Mode
	// RecordingNotice is what people are told while they are recorded, if anything.
	RecordingNotice *string
	// Locked reports whether nobody enters but hosts.
	Locked bool
	// Ended: the meeting is over, and no other has begun.
	Ended   bool
	Version int
}

// same reports whether two statuses show the same.
func (s *Status) same(other *Status) bool {
	a, b := *s, *other
	a.Version, b.Version = 0, 0
	a.LobbyCount, b.LobbyCount = nil, nil
	a.RecordingStatus, b.RecordingStatus = nil, nil
	a.RecordingMode, b.RecordingMode = nil, nil
	a.RecordingNotice, b.RecordingNotice = nil, nil
	return a == b && count(s.LobbyCount) == count(other.LobbyCount) &&
		equal(s.RecordingStatus, other.RecordingStatus) && equal(s.RecordingMode, other.RecordingMode) &&
		equal(s.RecordingNotice, other.RecordingNotice)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func count(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}

// WatchStatusInput names a room, and who in it wants to know.
type WatchStatusInput struct {
	RoomID uuid.UUID
	// Ticket is that of somebody without a role in the room.
	Ticket *string
}

// WatchStatus sends what happens in a room, now and after every change, to those with a role in it and
// to who has been let in, until ctx ends, the viewer may no longer know (of that end it tells why), or
// the meeting ends to which a ticket let him in.
func (s *Service) WatchStatus(
	ctx context.Context, in WatchStatusInput, why func(error),
) (<-chan *Status, error) {
	call, list, stop := s.live.WatchMeeting(in.RoomID)
	status, err := s.status(ctx, in)
	if err != nil {
		stop()
		return nil, err
	}
	w := &statusWatch{Service: s, in: in, call: call, list: list, why: why}
	states := make(chan *Status)
	go func() {
		defer close(states)
		defer stop()
		for status != nil {
			select {
			case states <- status:
				status = w.next(ctx, status)
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// statusWatch is one viewer's look at one room.
type statusWatch struct {
	*Service

	in         WatchStatusInput
	call, list <-chan struct{}
	why        func(error)
	// over: what was sent last is the end.
	over bool
}

// next returns the status when it differs from what the viewer last saw, or nil when there will be none.
func (w *statusWatch) next(ctx context.Context, seen *Status) *Status {
	pause := statusInterval
	for !w.over {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if pause == statusInterval && !w.wait(ctx, seen) {
			return nil
		}
		status, err := w.status(ctx, w.in)
		switch {
		case refused(err) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid):
			return w.last(ctx, seen, err)
		case err != nil && ctx.Err() == nil:
			slog.DebugContext(ctx, "cannot read a status; trying again", "room", w.in.RoomID, "err", err)
			pause = rereadAfter
		case err == nil && !status.same(seen):
			return status
		default:
			pause = statusInterval
		}
	}
	return nil
}

// wait returns when there may be something new, and false when ctx ends.
func (w *statusWatch) wait(ctx context.Context, seen *Status) bool {
	list := w.list
	if seen.LobbyCount == nil {
		list = nil // it is none of his business
	}
	select {
	case <-w.call:
		return true
	case <-list:
		return true
	case <-ctx.Done():
		return false
	}
}

// last returns what a viewer who may no longer know sees in the end: that his meeting has ended, if
// that is why; otherwise nothing, and he is told why.
func (w *statusWatch) last(ctx context.Context, seen *Status, err error) *Status {
	w.over = true
	if seen.Ended && w.in.Ticket != nil {
		return nil // he knows
	}
	meeting, errMeeting := w.live.Meeting(ctx, w.in.RoomID)
	if errMeeting == nil && meeting.Over && w.in.Ticket != nil {
		return &Status{Ended: true, Version: meeting.Version + meeting.ListVersion}
	}
	w.why(err)
	return nil
}

// status returns what happens in a room, to who may know.
func (s *Service) status(ctx context.Context, in WatchStatusInput) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	standing, err := s.rooms.ViewerStanding(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	room := standing.Room
	host, err := s.mayFollow(ctx, standing, in.Ticket)
	if err != nil {
		return nil, err
	}
	meeting, err := s.live.Meeting(ctx, room.ID)
	if err != nil {
		return nil, err
	}
	status := &Status{
		ParticipantCount: meeting.Inside, Recording: meeting.Recording, Locked: room.LockedAt != nil,
		Ended: meeting.Over, Version: meeting.Version + meeting.ListVersion,
	}
	if host {
		status.LobbyCount = &meeting.Waiting
	}
	current, err := s.recordings.Current(ctx, room.ID)
	if err != nil {
		return nil, err
	}
	if current != nil {
		status.Recording = true
		status.RecordingStatus, status.RecordingMode = &current.Status, &current.Mode
		status.RecordingNotice = current.Notice
	}
	return status, nil
}

// mayFollow fails unless the viewer has a role in a room, or a ticket that has let him in; it reports
// whether he is a host.
func (s *Service) mayFollow(
	ctx context.Context, standing *ent.RoomStanding, ticket *string,
) (host bool, err error) {
	if standing.Role == "" && ticket != nil {
		_, err = s.lobby.Caller(ctx, standing.Room, *ticket)
		return false, err
	}
	return rooms.IsHost(standing.Role), rooms.Permit(ctx, standing, rooms.ReadStatus)
}
