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
	// statusInterval is the shortest time between two reads of a status.
	statusInterval = 250 * time.Millisecond
	// rereadAfter is the pause before a status is read again after a failure.
	rereadAfter = time.Second
	// readTimeout bounds one read of a status.
	readTimeout = 5 * time.Second
)

// Status is what happens in a room, as people with access see it.
type Status struct {
	ParticipantCount int
	// LobbyCount is how many wait, for hosts; nil for others.
	LobbyCount *int
	// Recording reports whether the meeting is being recorded, or is about to be.
	Recording bool
	// RecordingStatus and RecordingMode are those of the recording that is not final; nil when none is.
	RecordingStatus *recording.Status
	RecordingMode   *recording.Mode
	// RecordingNotice is the text for people who are recorded, if any.
	RecordingNotice *string
	// Locked reports whether only hosts may enter.
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

// WatchStatusInput names a room, and a ticket for it.
type WatchStatusInput struct {
	RoomID uuid.UUID
	// Ticket is required of people without a role in the room.
	Ticket *string
}

// WatchStatus sends what happens in a room, now and after every change, to people with a role in it and to people who
// may be in its meeting. It ends with ctx, with the viewer's right (it calls why with the reason), and with the meeting
// that a ticket is for.
func (s *Service) WatchStatus(
	ctx context.Context, in WatchStatusInput, why func(error),
) (<-chan *Status, error) {
	meeting, list, stop := s.live.WatchMeeting(in.RoomID)
	status, err := s.status(ctx, in)
	if err != nil {
		stop()
		return nil, err
	}
	w := &statusWatch{Service: s, in: in, meeting: meeting, list: list, why: why}
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

// statusWatch is one viewer's subscription to one room.
type statusWatch struct {
	*Service

	in            WatchStatusInput
	meeting, list <-chan struct{}
	why           func(error)
	// over: the last state was the last one.
	over bool
}

// next returns the status when it differs from the last one, or nil when there will be none.
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
		list = nil // it is for hosts only
	}
	select {
	case <-w.meeting:
		return true
	case <-list:
		return true
	case <-ctx.Done():
		return false
	}
}

// last returns the last status for a viewer who has lost their right: that their meeting has ended, if that is the
// reason; otherwise nil, and it calls why.
func (w *statusWatch) last(ctx context.Context, seen *Status, err error) *Status {
	w.over = true
	if seen.Ended && w.in.Ticket != nil {
		return nil // they know
	}
	meeting, errMeeting := w.live.Meeting(ctx, w.in.RoomID)
	if errMeeting == nil && meeting.Over && w.in.Ticket != nil {
		return &Status{Ended: true, Version: meeting.Version + meeting.ListVersion}
	}
	w.why(err)
	return nil
}

// status returns what happens in a room, to people with access.
func (s *Service) status(ctx context.Context, in WatchStatusInput) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	standing, err := s.rooms.ViewerStanding(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	room := standing.Room
	host, err := s.mayReadStatus(ctx, standing, in.Ticket)
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

// mayReadStatus fails unless the viewer has a role in a room, or a ticket with which they may be in its meeting. It
// reports whether they are a host.
func (s *Service) mayReadStatus(
	ctx context.Context, standing *ent.RoomStanding, ticket *string,
) (host bool, err error) {
	if standing.Role == "" && ticket != nil {
		_, err = s.lobby.TicketHolder(ctx, standing.Room, *ticket)
		return false, err
	}
	return rooms.IsHost(standing.Role), rooms.Permit(ctx, standing, rooms.ReadStatus)
}
