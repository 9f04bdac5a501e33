package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	// endedFor is how long the end of a connection is remembered, and an event: longer than LiveKit repeats events.
	endedFor = 10 * time.Minute
	// passOutlives is how long somebody who left the meeting may return with the token that LiveKit has renewed for
	// them.
	passOutlives = time.Hour
)

// Connection is a participant's connection to LiveKit.
type Connection struct {
	// ID is LiveKit's.
	ID    string
	Since time.Time
}

// CountIn counts a participant who has joined. It does not count a connection that is known to have ended, or that a
// later one has replaced. It takes two round trips.
func (s *Service) CountIn(
	ctx context.Context, roomID, identity uuid.UUID, connection Connection,
) error {
	err := s.do(ctx, joinedScript, roomID, identity.String(), connection.ID,
		connection.Since.UnixMilli())
	if err != nil {
		return err
	}
	return s.noteMeeting(ctx, roomID)
}

// IsInside reports whether a participant counts as inside by this connection.
func (s *Service) IsInside(ctx context.Context, roomID, identity uuid.UUID, connection string) (bool, error) {
	by, err := s.rdb.HGet(ctx, s.inside(roomID), identity.String()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, unavailable(err)
	}
	sid, _, _ := strings.Cut(by, " ")
	return sid == connection, nil
}

// CountOut counts the end of a connection. An admission, which does not run out in the meeting, is valid for its full
// time from now on.
func (s *Service) CountOut(ctx context.Context, roomID, identity uuid.UUID, connection string) error {
	return s.do(ctx, leftScript, roomID, identity.String(), connection,
		endedFor.Milliseconds(), passOutlives.Milliseconds(), s.settings.AdmittedFor.Milliseconds())
}

// Align counts exactly the participants whom LiveKit lists as inside, each by their connection. It changes nothing when
// the meeting has changed since that version. The state of the meeting, and the passes of these people, are kept for
// another day. It takes two round trips unless the list is empty.
func (s *Service) Align(
	ctx context.Context, roomID uuid.UUID, version int, listed map[uuid.UUID]Connection,
) error {
	args := []any{fmt.Sprint(version)}
	for identity, connection := range listed {
		args = append(args, identity.String(), connection.ID, connection.Since.UnixMilli())
	}
	if err := s.do(ctx, alignScript, roomID, args...); err != nil || len(listed) == 0 {
		return err
	}
	return s.noteMeeting(ctx, roomID)
}

// NoteEgress notes whether an egress records the meeting, and whether it has ended for good.
func (s *Service) NoteEgress(
	ctx context.Context, roomID uuid.UUID, egress string, records, over bool,
) error {
	return s.do(ctx, recordScript, roomID, egress, records, over, endedFor.Milliseconds())
}

// SetName remembers the name by which the hosts know a participant.
func (s *Service) SetName(ctx context.Context, roomID, identity uuid.UUID, name string) error {
	return s.do(ctx, renameScript, roomID, identity.String(), name)
}

// Expel ends a person's right to be in the meeting and, for a time, to ask for it. It does not disconnect them.
func (s *Service) Expel(ctx context.Context, roomID, identity, userID uuid.UUID) error {
	return s.do(ctx, expelScript, roomID, identity.String(), userText(userID),
		s.settings.DeniedFor.Milliseconds())
}

// Hold returns a person from the meeting to the lobby, where they wait for a host, whatever the rules say. It does not
// disconnect them. Of the entry only who they are matters.
func (s *Service) Hold(ctx context.Context, e *Entry) (*Entry, error) {
	reply, err := s.run(ctx, holdScript, e.RoomID, e.ID.String(), e.DisplayName, e.Color,
		userText(e.UserID), s.Lease().Milliseconds(), outcomeTTL.Milliseconds())
	if err != nil {
		return nil, err
	}
	s.SweepLater(e.RoomID)
	return parseEntry(e.RoomID, reply)
}

// AnyHeld reports whether a host has returned any of these identities or users to the lobby.
func (s *Service) AnyHeld(ctx context.Context, roomID uuid.UUID, people []uuid.UUID) (bool, error) {
	keys := make([]string, len(people))
	for i, id := range people {
		keys[i] = id.String()
	}
	scores, err := s.rdb.ZMScore(ctx, s.held(roomID), keys...).Result()
	if err != nil {
		return false, unavailable(err)
	}
	for _, score := range scores {
		if score > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Restrictions are what hosts have decided on one person in the meeting, until it ends. They replace the room's
// configuration. A field that is nil has not been decided.
type Restrictions struct {
	Name            *string
	Sources         *[]string
	Data, Subscribe *bool
}

// Restrict remembers what a host has decided on a user or, without an account, an identity. A field that is nil
// stays as it is.
func (s *Service) Restrict(ctx context.Context, roomID, whom uuid.UUID, r Restrictions) error {
	args := []any{whom.String()}
	if r.Name != nil {
		args = append(args, "name", *r.Name)
	}
	if r.Sources != nil {
		args = append(args, "sources", strings.Join(*r.Sources, ","))
	}
	if r.Data != nil {
		args = append(args, "data", *r.Data)
	}
	if r.Subscribe != nil {
		args = append(args, "subscribe", *r.Subscribe)
	}
	if len(args) == 1 {
		return nil
	}
	return s.do(ctx, restrictScript, roomID, args...)
}

// parseRestrictions reads what the script function restrictions returns.
func parseRestrictions(reply any) Restrictions {
	var r Restrictions
	list, _ := reply.([]any)
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			continue
		}
		yes := text == "1"
		switch i {
		case 0:
			r.Name = &text
		case 1:
			sources := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
			r.Sources = &sources
		case 2:
			r.Data = &yes
		case 3:
			r.Subscribe = &yes
		}
	}
	return r
}
