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

// ticketHolder returns the holder of a ticket, who has to be connected to the meeting.
func (s *Service) ticketHolder(
	ctx context.Context, room *ent.Room, ticket string,
) (*lobby.Verdict, error) {
	holder, _, err := s.connected(ctx, room, ticket)
	return holder, err
}

// connected is ticketHolder together with the participant.
func (s *Service) connected(
	ctx context.Context, room *ent.Room, ticket string,
) (*lobby.Verdict, *livekit.Participant, error) {
	holder, err := s.lobby.LimitedTicketHolder(ctx, room, ticket)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.livekit.Participant(ctx, room.ID.String(), livekit.IdentityOf(holder.ID))
	if fault.Is(err, fault.NotFound) {
		err = lobby.ErrOutside()
	}
	return holder, p, err
}

// RaiseHandInput raises or lowers the hand of a ticket's holder.
type RaiseHandInput struct {
	RoomID uuid.UUID
	Ticket string
	Raised bool
}

// RaiseHand raises or lowers one's own hand, for people in the meeting. It returns since when it is up; nil when it is
// down.
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
	return since, s.livekit.Update(ctx, in.RoomID.String(), p, livekit.Change{
		Attributes: map[string]string{livekit.AttributeHand: value},
	})
}

// RenameInput gives the holder of a ticket another name in the meeting.
type RenameInput struct {
	RoomID      uuid.UUID
	Ticket      string
	DisplayName string
}

// Rename changes one's own name, for people in the meeting, if the server lets them choose it. A name that a host has
// given stays.
func (s *Service) Rename(ctx context.Context, in RenameInput) (*livekit.Participant, error) {
	name, err := text.CheckDisplayName("displayName", in.DisplayName)
	if err != nil {
		return nil, err
	}
	room, err := s.rooms.ByID(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	holder, p, err := s.connected(ctx, room, in.Ticket)
	switch {
	case err != nil:
		return nil, err
	case holder.Renamed:
		return nil, fault.New(fault.Forbidden, "a host has given you your name")
	case holder.UserID != uuid.Nil && !s.settings.UsersChooseNames:
		return nil, fault.New(fault.Forbidden, "your name is that of your account")
	}
	if err := s.livekit.Update(ctx, in.RoomID.String(), p, livekit.Change{Name: name}); err != nil {
		return nil, err
	}
	p.Name = name
	if err := s.live.SetName(ctx, in.RoomID, p.ID(), name); err != nil {
		return nil, err
	}
	return p, s.enforceOne(ctx, in.RoomID, p) // a host may have given them another at the same time
}
