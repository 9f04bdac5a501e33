package meetings

import (
	"context"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/internal/text"
	"foyer/lobby"
)

// caller returns the holder of a ticket, who has to be connected to the call.
func (s *Service) caller(
	ctx context.Context, room *ent.Room, ticket string,
) (*lobby.Standing, error) {
	caller, _, err := s.connected(ctx, room, ticket)
	return caller, err
}

func (s *Service) connected(
	ctx context.Context, room *ent.Room, ticket string,
) (*lobby.Standing, *livekit.Participant, error) {
	caller, err := s.lobby.Asks(ctx, room, ticket)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.rtc.Participant(ctx, room.ID.String(), livekit.IdentityOf(caller.ID))
	if fault.Is(err, fault.NotFound) {
		err = lobby.ErrOutside()
	}
	return caller, p, err
}

// RaiseHandInput raises or lowers the hand of a ticket's holder.
type RaiseHandInput struct {
	RoomID uuid.UUID
	Ticket string
	Raised bool
}

// RaiseHand raises or lowers one's own hand, for people in the call. It returns since when it is up;
// nil when it is down.
func (s *Service) RaiseHand(ctx context.Context, in RaiseHandInput) (*time.Time, error) {
	room, err := s.rooms.ByID(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	_, p, err := s.connected(ctx, room, in.Ticket)
	if err != nil {
		return nil, err
	}
	since := p.HandRaisedAt()
	if in.Raised == (since != nil) {
		return since, nil
	}
	since = nil
	value := ""
	if in.Raised {
		at := time.Now().UTC().Truncate(time.Millisecond)
		since, value = &at, at.Format(time.RFC3339Nano)
	}
	return since, s.rtc.Update(ctx, in.RoomID.String(), p, livekit.Change{
		Attributes: map[string]string{livekit.AttributeHand: value},
	})
}

// RenameInput gives the holder of a ticket another name in the call.
type RenameInput struct {
	RoomID      uuid.UUID
	Ticket      string
	DisplayName string
}

// Rename changes one's own name, for people in the call, where the server lets them choose it. A name
// that a host has given stays.
func (s *Service) Rename(ctx context.Context, in RenameInput) (*livekit.Participant, error) {
	name, err := text.CheckDisplayName("displayName", in.DisplayName)
	if err != nil {
		return nil, err
	}
	room, err := s.rooms.ByID(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	caller, p, err := s.connected(ctx, room, in.Ticket)
	switch {
	case err != nil:
		return nil, err
	case caller.Renamed:
		return nil, fault.New(fault.Forbidden, "a host has given you your name")
	case caller.UserID != uuid.Nil && !s.settings.UsersChooseNames:
		return nil, fault.New(fault.Forbidden, "your name is that of your account")
	}
	if err := s.rtc.Update(ctx, in.RoomID.String(), p, livekit.Change{Name: name}); err != nil {
		return nil, err
	}
	p.Name = name
	if err := s.live.SetName(ctx, in.RoomID, p.ID(), name); err != nil {
		return nil, err
	}
	return p, s.settleOne(ctx, in.RoomID, p) // a host may have given him another at the same time
}
